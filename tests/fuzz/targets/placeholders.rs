//! Fuzz target `placeholders`: what it checks stands in `src/placeholders.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::placeholders::check(bytes));
