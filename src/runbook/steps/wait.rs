//! Spelling of the step kind `wait`: a pause, or a wait until a look is healthy. It changes nothing.

use serde::Deserialize;

use super::{Spelling, Texts};
use crate::base::time::Span;
use crate::event::plan::{ActionPlan, WaitPlan};
use crate::runbook::checks::Lint;
use crate::runbook::model::Probe;
use crate::runbook::planning::{PlanError, Resolver};

/// A wait.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaitStep {
    /// Let this time pass.
    For(Span),
    /// Wait until a look is healthy.
    Until(Box<Until>),
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// The look, of any kind.
    pub probe: Probe,
    /// Consecutive healthy looks. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub successes: u32,
    /// Pause between looks. Default 1s.
    #[serde(default = "one_second")]
    pub every: Span,
    /// Longest time; after it the step has failed.
    pub within: Span,
}

fn one() -> u32 {
    1
}

fn one_second() -> Span {
    Span::from_secs(1)
}

impl Until {
    /// Reports what is wrong with it.
    pub(in crate::runbook) fn check(&self, lint: &mut Lint<'_>, path: &str) {
        if !(1..=100).contains(&self.successes) {
            let at = format!("{path}.successes");
            lint.report(&at, "1 to 100 healthy looks", "write a number from 1 to 100");
        }
        if self.every.ms() == 0 {
            let at = format!("{path}.every");
            lint.report(&at, "there is no pause between looks", "write a span above 0, such as 1s");
        }
        if self.within.ms() == 0 {
            lint.report(
                &format!("{path}.within"),
                "nothing is waited for",
                "write a span above 0, such as 10s",
            );
        }
    }

    /// For people.
    pub fn says(&self) -> String {
        let (looks, every, within) = (self.successes, self.every, self.within);
        format!("{looks} good looks in a row, every {every}, within {within}, at {}", self.probe.says())
    }

    /// What will be done.
    pub(in crate::runbook) fn resolve(
        &self,
        resolver: &mut Resolver<'_>,
        what: &str,
    ) -> Result<WaitPlan, PlanError> {
        let probe = Box::new(resolver.probe(what, &self.probe)?);
        let (successes, every, within) = (self.successes, self.every, self.within);
        Ok(WaitPlan::Until { probe, successes, every, within })
    }
}

impl Spelling for WaitStep {
    // The texts of its look are found with those of every other look.
    fn texts<'a>(&'a self, _: &str, _: &mut Texts<'a>) {}

    fn check(&self, lint: &mut Lint<'_>, path: &str, timeout: Span) {
        let lasts = match self {
            Self::For(span) => *span,
            Self::Until(until) => {
                until.check(lint, &format!("{path}.until"));
                until.within
            }
        };
        if lasts.ms() == 0 && matches!(self, Self::For(_)) {
            lint.report(path, "nothing is waited for", "write a span above 0, such as 10s");
        } else if lasts.ms() >= timeout.ms() {
            let message = format!("waits for {lasts}, but its step has only {timeout}");
            lint.report(path, message, "write a longer timeout");
        }
    }

    fn resolve(&self, resolver: &mut Resolver<'_>, what: &str) -> Result<ActionPlan, PlanError> {
        Ok(ActionPlan::Wait(match self {
            Self::For(span) => WaitPlan::For(*span),
            Self::Until(until) => until.resolve(resolver, what)?,
        }))
    }

    fn say(&self) -> String {
        match self {
            Self::For(span) => format!("for {span}"),
            Self::Until(until) => format!("until healthy, at most {}", until.within),
        }
    }

    fn details(&self) -> Vec<String> {
        match self {
            Self::For(_) => Vec::new(),
            Self::Until(until) => vec![until.says()],
        }
    }

    fn probe(&self) -> Option<(&'static str, &Probe)> {
        match self {
            Self::For(_) => None,
            Self::Until(until) => Some(("until.probe", &until.probe)),
        }
    }

    fn is_harmless(&self) -> bool {
        true
    }
}
