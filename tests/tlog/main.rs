//! The transparency log against implementations that are not ours: `ct-merkle` (trees and proofs), `tlog_tiles` (tiles,
//! proofs from tiles), `signed_note` (notes), on logs of fixed sizes that are golden for ever, and on random ones.

#[path = "../journal/common.rs"]
#[allow(dead_code, reason = "the tests of the journal use all of it")]
mod common;
mod foreign;
mod golden;
mod random;
