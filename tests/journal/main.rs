//! The journal as its users see it: on a real folder, crashed, damaged, filled up, followed, verified by a stranger.

mod common;
mod crash;
mod damage;
mod faults;
mod formats;
mod golden;
mod hostile;
mod largest;
mod life;
mod retention;
mod snapshots;
#[path = "../api/story.rs"]
#[allow(dead_code, reason = "the tests of the interface use all of it")]
mod story;
mod stranger;
