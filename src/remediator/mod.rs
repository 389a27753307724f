//! The daemon: bootstrap, the turn, dispatch of effects, content on disk, shutdown. Decides nothing itself
//! (policy) and shows nothing (audit, api).

mod bodies;
mod bootstrap;
mod channels;
pub mod config;
mod content;
mod control;
mod decider;
mod dispatch;
mod error;
mod handle;
mod inbox;
mod intake;
mod keys;
mod looks;
mod misfit;
mod observers;
pub mod overrides;
mod place;
mod readiness;
mod recover;
mod refold;
mod retention;
mod shutdown;
mod snapshots;
pub mod spool;
mod starts;
mod systemd;
mod tls;
mod transparency;
mod turn;
mod witnesses;

pub use crate::runbook::listing::{ContentList, ProposalList};
pub use crate::runbook::shown::Shown as ContentShown;
pub use crate::sentinel::{BeatRefused, Heard, Live};
pub use bootstrap::{Face, Options, serve};
pub use channels::channels;
pub use content::{Adopted, ContentError, load_from_disk, read_trust_folder};
pub use control::{Control, judge_statement};
pub use error::Error;
pub use handle::{Accepted, ChannelTested, Handle, Rejection};
pub use keys::{journal_key_path, read_journal_key, write_journal_key};
pub use place::{HOME_HEADER, folder_id};
pub use readiness::{Readiness, ReadyState, ReadyStep};
pub use refold::refold;
pub use retention::{RetentionError, prune};
