//! Fuzz target `segments`: what it checks stands in `src/segments.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::segments::check(bytes));
