//! Spelling of the step kind `signal`: a signal to a process that is found by service, pid file or name.

use serde::Deserialize;

use super::{Spelling, Texts};
use crate::base::limits::SIGNALLED_MAX;
use crate::base::time::Span;
use crate::event::plan::{ActionPlan, SignalName, SignalPlan};
use crate::runbook::checks::Lint;
use crate::runbook::model::ProcessProbe;
use crate::runbook::planning::{PlanError, Resolver};

/// A signal. Nobody is signalled when nobody, or more than `at_most`, are there; never process 1 nor remediator.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalStep {
    /// Which.
    pub send: SignalName,
    /// To whom.
    pub to: ProcessProbe,
    /// How many processes of that name may be there. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub at_most: u32,
}

fn one() -> u32 {
    1
}

impl SignalStep {
    /// The supervised service that is signalled, when it is one.
    pub fn service(&self) -> Option<&str> {
        match &self.to {
            ProcessProbe::Service(service) => Some(service),
            ProcessProbe::PidFile(_) | ProcessProbe::Name(_) => None,
        }
    }

    fn named(&self) -> (&'static str, &str) {
        match &self.to {
            ProcessProbe::Service(text) => ("service", text),
            ProcessProbe::PidFile(text) => ("pid_file", text),
            ProcessProbe::Name(text) => ("name", text),
        }
    }
}

impl Spelling for SignalStep {
    fn texts<'a>(&'a self, path: &str, texts: &mut Texts<'a>) {
        texts.add(format!("{path}.to"), self.named().1);
    }

    fn check(&self, lint: &mut Lint<'_>, path: &str, _: Span) {
        let (word, text) = self.named();
        let at = format!("{path}.to");
        if text.is_empty() {
            lint.report(&at, format!("the {word} is empty"), "name who is signalled");
        } else if word == "pid_file" && !(text.starts_with('/') || text.starts_with("${home}")) {
            lint.report(&at, "the pid file must be an absolute path", "begin it with / or ${home}");
        }
        if !(1..=SIGNALLED_MAX).contains(&self.at_most) {
            let message = format!("1 to {SIGNALLED_MAX} processes may be signalled");
            lint.report(&format!("{path}.at_most"), message, "write how many may be there");
        }
    }

    fn resolve(&self, resolver: &mut Resolver<'_>, what: &str) -> Result<ActionPlan, PlanError> {
        let to = resolver.process(what, &self.to)?;
        Ok(ActionPlan::Signal(SignalPlan { send: self.send, to, at_most: self.at_most }))
    }

    fn say(&self) -> String {
        let (word, text) = self.named();
        format!("{} to {word} {text}", self.send.word())
    }

    fn lock(&self) -> Option<String> {
        match &self.to {
            ProcessProbe::Service(service) => Some(format!("service/{service}")),
            ProcessProbe::PidFile(_) | ProcessProbe::Name(_) => None,
        }
    }

    fn details(&self) -> Vec<String> {
        vec![format!("nobody is signalled when more than {} are there", self.at_most)]
    }
}
