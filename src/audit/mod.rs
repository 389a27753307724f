//! The read model: what happened, for people and programs. It folds its own `World` from the journal, so
//! that readers never touch the one that decides (the turn's). Every view can be thrown away and rebuilt
//! (RM-27), and HTTP and CLI print the same bytes of it. Not for: deciding, appending, showing (api, cli).

mod entries;
mod live;
pub mod memory;
mod offline;
mod opened;
mod projection;
mod say;
mod tail;
mod tally;
pub mod views;

pub use crate::context::IncidentState;
pub use entries::{Entries, Error, Head, Health};
pub use offline::first_world;
pub use projection::Audit;
pub use say::{closure as closure_word, outcome as outcome_word, say, step_outcome};
pub use tail::Tail;
pub use tally::{Histogram, INCIDENT_BOUNDS_MS, STEP_BOUNDS_MS, Tally};
pub use views::{
    EntryFilter, EntryList, EntryView, ExplainView, IncidentFilter, IncidentList, IncidentSummary,
    IncidentView, LockState, LockView, LocksView, Page, ReceiptView, SigningKeyView, StatusView, state_word,
};
