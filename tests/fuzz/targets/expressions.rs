//! Fuzz target `expressions`: what it checks stands in `src/expressions.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::expressions::check(bytes));
