//! What the daemon tells others and is told by them: channels with real receivers, ingest with real senders.

mod alertmanager;
mod channels;
mod ingest;
mod onfailure;
mod receiver;
#[path = "../cli/sandbox.rs"]
mod sandbox;
