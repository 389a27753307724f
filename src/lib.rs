//! `remediator`: notices degradations, heals them with signed runbooks inside agreed bounds, verifies the
//! result with its own eyes, and can prove every step afterwards. See docs/ARCHITECTURE.md for the layers.

pub mod base;
pub mod event;

pub mod gate;
pub mod runbook;

#[cfg(feature = "core")]
pub mod backtest;
#[cfg(feature = "core")]
pub mod context;
#[cfg(feature = "core")]
pub mod policy;

#[cfg(feature = "server")]
pub mod action;
#[cfg(feature = "server")]
pub mod api;
#[cfg(feature = "server")]
pub mod audit;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod coordination;
#[cfg(feature = "server")]
pub mod ingest;
#[cfg(feature = "server")]
pub mod journal;
#[cfg(feature = "server")]
pub mod notify;
#[cfg(feature = "server")]
pub mod remediator;
#[cfg(feature = "server")]
pub mod replay;
#[cfg(feature = "server")]
pub mod sentinel;
#[cfg(feature = "server")]
pub mod subject;
#[cfg(feature = "server")]
pub mod tlog;
