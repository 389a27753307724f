//! What the daemon tells others and is told by them: channels with real receivers, ingest with real senders.

mod alertmanager;
mod channels;
mod chromium;
mod ingest;
mod onfailure;
mod page;
mod receiver;
#[path = "../cli/sandbox.rs"]
mod sandbox;
