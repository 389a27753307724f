//! The spelling of step kinds: one file each, with what it may say, which texts hold placeholders, what is checked and
//! what it resolves to. The registry is in `model::step`.
//! Not for doing anything (`action`) nor for what a resolved step is (`event::plan`).

mod file;
mod http;
mod notify;
mod run;
mod service;
mod signal;
#[cfg(test)]
mod tests;
mod wait;

pub use file::FileStep;
pub use http::HttpStep;
pub use notify::NotifyStep;
pub use run::Run;
pub use service::ServiceStep;
pub use signal::SignalStep;
pub use wait::{Until, WaitStep};

use super::checks::Lint;
use super::model::Probe;
use super::placeholder::Allowed;
use super::planning::{PlanError, Resolver};
use crate::base::time::Span;
use crate::event::plan::ActionPlan;

/// Texts in which placeholders may stand, with their paths in the file.
pub(super) struct Texts<'a> {
    allowed: Allowed,
    found: Vec<(String, &'a str, Allowed)>,
}

impl<'a> Texts<'a> {
    /// None yet; `allowed` is what the file may use.
    pub(super) fn new(allowed: Allowed) -> Self {
        Self { allowed, found: Vec::new() }
    }
    /// One that is resolved.
    pub(super) fn add(&mut self, path: String, text: &'a str) {
        self.found.push((path, text, self.allowed));
    }
    /// One in which only `${home}` may stand: an event must not choose it.
    pub(super) fn add_home(&mut self, path: String, text: &'a str) {
        self.found.push((path, text, Allowed::HomeOnly));
    }
    /// One that is taken as it stands.
    pub(super) fn add_literal(&mut self, path: String, text: &'a str) {
        self.found.push((path, text, Allowed::Nothing));
    }
    /// All of them.
    pub(super) fn into_found(self) -> Vec<(String, &'a str, Allowed)> {
        self.found
    }
}

/// What a step kind says of itself.
pub(super) trait Spelling {
    /// Texts that hold placeholders.
    fn texts<'a>(&'a self, path: &str, texts: &mut Texts<'a>);
    /// Reports what is wrong with it; `timeout` is its step's.
    fn check(&self, lint: &mut Lint<'_>, path: &str, timeout: Span) {
        let _ = (lint, path, timeout);
    }
    /// What will be done.
    fn resolve(&self, resolver: &mut Resolver<'_>, what: &str) -> Result<ActionPlan, PlanError>;
    /// What follows its word, in one line for people.
    fn say(&self) -> String;
    /// What else it says and is bounded by, one fact a line: whoever approves it sees all of it.
    fn details(&self) -> Vec<String> {
        Vec::new()
    }
    /// The lock of the service that it acts on, placeholders unresolved; see `ActionPlan::lock`.
    fn lock(&self) -> Option<String> {
        None
    }
    /// A look that it takes, and the key it stands under.
    fn probe(&self) -> Option<(&'static str, &Probe)> {
        None
    }
    /// It changes nothing that could be taken back.
    fn is_harmless(&self) -> bool {
        false
    }
    /// What takes it back is known without being written.
    fn has_natural_undo(&self) -> bool {
        false
    }
}
