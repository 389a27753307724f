//! The HTTP face over a real port, and the views behind it, on a journal in memory.

mod channels;
#[path = "../fuzz/src/lib.rs"]
mod checks;
mod corpora;
mod document;
mod fake;
mod ingest;
mod journal;
mod limits;
mod matrix;
mod metrics;
mod routes;
mod session;
mod story;
mod stream;
mod views;
