//! tmp
/// tmp
pub struct Depth;
/// tmp
pub struct Progress;
/// tmp
pub struct Report;
/// tmp
pub struct Torn;
/// tmp
pub fn verify() {}
