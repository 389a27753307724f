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
mod stranger;
