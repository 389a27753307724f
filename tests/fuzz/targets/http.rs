//! Fuzz target `http`: what it checks stands in `src/http.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| remediator_fuzz::http::check(bytes));
