//! Fuzz target `content`: what it checks stands in `src/content.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::content::check(bytes));
