//! Spelling of the step kind `service`: what is done with a supervised service.

use serde::Deserialize;

use super::{Spelling, Texts};
use crate::event::plan::{ActionPlan, ServiceVerb};
use crate::runbook::placeholder::Place;
use crate::runbook::planning::{PlanError, Resolver};

/// What to do with a supervised service: its id, or a placeholder that gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceStep {
    /// Start it unless it runs.
    Start(String),
    /// Stop it.
    Stop(String),
    /// Stop, then start.
    Restart(String),
}

impl ServiceStep {
    /// Verb and service.
    pub fn parts(&self) -> (ServiceVerb, &str) {
        match self {
            Self::Start(service) => (ServiceVerb::Start, service),
            Self::Stop(service) => (ServiceVerb::Stop, service),
            Self::Restart(service) => (ServiceVerb::Restart, service),
        }
    }
}

impl Spelling for ServiceStep {
    fn texts<'a>(&'a self, path: &str, texts: &mut Texts<'a>) {
        texts.add(path.to_owned(), self.parts().1);
    }

    fn resolve(&self, resolver: &mut Resolver<'_>, what: &str) -> Result<ActionPlan, PlanError> {
        let (verb, text) = self.parts();
        let id = resolver.fill(what, text, Place::Name)?;
        resolver.service(what, &id, verb).map(ActionPlan::Service)
    }

    fn say(&self) -> String {
        let (verb, service) = self.parts();
        let verb = match verb {
            ServiceVerb::Start => "start",
            ServiceVerb::Stop => "stop",
            ServiceVerb::Restart => "restart",
        };
        format!("{verb} {service}")
    }

    fn lock(&self) -> Option<String> {
        Some(format!("service/{}", self.parts().1))
    }
}
