//! What the daemon tells others and is told by them: channels with real receivers, ingest with real senders.

mod alertmanager;
mod channels;
mod chromium;
mod ingest;
mod onfailure;
mod page;
mod receiver;
#[allow(dead_code, reason = "the tests of the commands use all of it")]
#[path = "../cli/sandbox.rs"]
mod sandbox;
