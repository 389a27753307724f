//! Fuzz target `line`: what it checks stands in `src/line.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::line::check(bytes));
