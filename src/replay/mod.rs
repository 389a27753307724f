//! Hindsight: what a journal says of the past, months later and elsewhere. Everything here reads files only and gives
//! the same bytes each time. Not for: deciding (policy), the views of a running daemon (audit), printing (cli).

pub mod fsck;
mod history;
mod opened;
pub mod postmortem;
pub mod stepper;
mod whatif;

pub use history::{History, Read, named};
pub use postmortem::PostMortem;
pub use whatif::whatif;
