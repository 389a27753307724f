//! Spelling of the step kind `notify`: tell people on a channel, through the outbox that escalations use.

use serde::Deserialize;

use super::{Spelling, Texts};
use crate::base::time::Span;
use crate::event::plan::{ActionPlan, NotifyPlan};
use crate::runbook::checks::Lint;
use crate::runbook::placeholder::Place;
use crate::runbook::planning::{PlanError, Resolver};

/// A notice. The step is over when it is queued durably; it is delivered at least once, tried again until it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyStep {
    /// Channel.
    pub channel: String,
    /// What it says; placeholders are resolved.
    pub message: String,
}

impl Spelling for NotifyStep {
    fn texts<'a>(&'a self, path: &str, texts: &mut Texts<'a>) {
        texts.add(format!("{path}.message"), &self.message);
    }

    fn check(&self, lint: &mut Lint<'_>, path: &str, _: Span) {
        lint.telling(path, &self.channel, &self.message);
    }

    fn resolve(&self, resolver: &mut Resolver<'_>, what: &str) -> Result<ActionPlan, PlanError> {
        let message = resolver.fill(what, &self.message, Place::Message)?;
        Ok(ActionPlan::Notify(NotifyPlan { channel: self.channel.clone(), message }))
    }

    fn say(&self) -> String {
        format!("{}: {}", self.channel, self.message)
    }

    fn is_harmless(&self) -> bool {
        true
    }
}
