//! The HTTP face over a real port, and the views behind it, on a journal in memory.

mod channels;
mod document;
mod fake;
mod ingest;
mod journal;
mod metrics;
mod routes;
mod story;
mod stream;
mod views;
