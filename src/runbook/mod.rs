//! Runbooks and what they rely on: model, strict parsing, checks, signatures and approvals, expressions,
//! matching, the catalog and planning. Pure over bytes: only `loader` and `authoring` touch files.
//! Not for deciding whether an attempt starts (policy) or for running anything (action).

pub mod problem;
pub mod yaml;
