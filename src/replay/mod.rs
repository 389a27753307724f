//! Hindsight: what a journal says of the past, months later and elsewhere. Everything here reads files only and gives
//! the same bytes each time. Not for: deciding (policy), the views of a running daemon (audit), printing (cli).

mod history;
pub mod postmortem;
mod whatif;

pub use history::{History, Read, named};
pub use postmortem::PostMortem;
pub use whatif::whatif;
