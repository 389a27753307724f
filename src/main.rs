//! The `remediator` program: everything is in the library's `cli` module.

fn main() {}
