//! Fuzz target `log`: what it checks stands in `src/log.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::log::check(bytes));
