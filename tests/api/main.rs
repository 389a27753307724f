//! The HTTP face over a real port, and the views behind it, on a journal in memory.

mod fake;
mod journal;
mod routes;
mod story;
mod views;
