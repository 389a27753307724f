//! Probe kind `http`, as written.

use serde::Deserialize;

use super::{Filled, Resolve, Spelling, Wrong};
use crate::event::plan::{HttpLook, LookPlan};
use crate::runbook::placeholder::Place;
use crate::runbook::planning::PlanError;

/// Which answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// http:// or https:// URL; placeholders are resolved.
    pub url: String,
    /// Status codes that mean healthy. Default 200.
    #[serde(default = "ok")]
    pub expect_status: Vec<u16>,
    /// Text that the first 64 KiB of the body must contain.
    #[serde(default)]
    pub expect_body: Option<String>,
}

fn ok() -> Vec<u16> {
    vec![200]
}

impl Spelling for HttpProbe {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        let body = self.expect_body.iter().map(|text| ("expect_body".into(), text.as_str(), Filled::No));
        std::iter::once(("url".into(), self.url.as_str(), Filled::Yes)).chain(body).collect()
    }
    fn problems(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let schemes = ["http://", "https://"];
        if !schemes.iter().any(|scheme| self.url.starts_with(scheme)) || self.url.contains([' ', '@']) {
            let help = "begin it with http:// or https://; no blanks, no user name";
            wrong.push(Wrong::new("url", "not a URL that can be looked at", help));
        }
        if self.expect_status.is_empty() || self.expect_status.iter().any(|code| !(100..=599).contains(code))
        {
            wrong.push(Wrong::new(
                "expect_status",
                "no status could be expected",
                "list codes from 100 to 599",
            ));
        }
        if self.expect_body.as_deref().is_some_and(|text| text.is_empty() || text.len() > 1024) {
            wrong.push(Wrong::new("expect_body", "empty or too long", "1 to 1024 bytes, or leave it out"));
        }
        wrong
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        Ok(LookPlan::Http(HttpLook {
            url: with.text(&self.url, Place::Url)?,
            expect_status: self.expect_status.clone(),
            expect_body: self.expect_body.clone(),
        }))
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        Some(&["status", "latency_ms", "body_bytes"])
    }
    fn says(&self) -> String {
        let body = self.expect_body.as_ref().map(|text| format!(" with `{text}`")).unwrap_or_default();
        format!("{} answering {:?}{body}", self.url, self.expect_status)
    }
}
