//! The HTTP face over a real port, and the views behind it, on a journal in memory.

mod document;
mod fake;
mod journal;
mod metrics;
mod routes;
mod story;
mod stream;
mod views;
