//! tmp
/// tmp
pub struct Exported;
/// tmp
pub struct Manifest;
