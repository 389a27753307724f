//! (being written)

pub mod proof;
