//! tmp
/// tmp
pub struct Offline;
/// tmp
pub fn read_offline() {}
