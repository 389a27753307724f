//! Fuzz target `trust`: what it checks stands in `src/trust.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::trust::check(bytes));
