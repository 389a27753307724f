//! Fuzz target `config`: what it checks stands in `src/config.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::config::check(bytes));
