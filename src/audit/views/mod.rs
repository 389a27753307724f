//! What readers get: plain values with a schema version, the same for HTTP and CLI. One file per view.

mod elevation;
mod explain;
mod filter;
mod incident;
mod incidents;
mod keys;
mod locks;
mod output;
mod page;
mod receipt;
mod sentinels;
mod status;

pub use elevation::ElevationView;
pub use explain::{AuthorityView, DecisionView, ExplainView, HoldView, LimitView, LinkView};
pub use filter::EntryFilter;
pub use incident::{
    AttemptView, CandidateView, ChoiceView, IncidentView, IntermediateView, SignalView, StepView, UndoView,
    VerificationView, state_word,
};
pub use incidents::{IncidentFilter, IncidentList, IncidentSummary};
pub use keys::SigningKeyView;
pub use locks::{BreakView, LockState, LockView, LocksView};
pub use page::{EntryList, EntryView, Page};
pub use receipt::ReceiptView;
pub use status::{
    CatalogView, ContentView, DrainView, HeadView, KeyRefusedView, KeyView, PausedView, StatusView, TrustView,
};

/// Version of every view's JSON.
pub(super) const V: u32 = 1;
