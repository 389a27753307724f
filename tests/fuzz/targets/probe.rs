//! Fuzz target `probe`: what it checks stands in `src/probe.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::probe::check(bytes));
