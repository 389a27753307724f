//! Fuzz target `ingest`: what it checks stands in `src/ingest.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::ingest::check(bytes));
