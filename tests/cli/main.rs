//! The real binary from the outside: what people type, what they get, and how it ends.

mod bad_input;
mod demo;
mod documents;
mod encryption;
mod erasure;
mod following;
mod formats;
mod hindsight;
mod init;
mod journal;
mod keeping;
mod operator;
mod packaging;
mod proposals;
mod reading;
mod rehearsal;
mod rehearsal_shipped;
mod retention;
mod runbook;
mod sandbox;
mod sentinel;
mod systemd;
mod targets;
mod tokens;
mod transparency;
mod trust;
