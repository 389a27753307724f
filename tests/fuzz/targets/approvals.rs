//! Fuzz target `approvals`: what it checks stands in `src/approvals.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::approvals::check(bytes));
