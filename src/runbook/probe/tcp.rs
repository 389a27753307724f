//! Probe kind `tcp`, as written.

use serde::Deserialize;

use super::{Filled, Resolve, Spelling, Wrong};
use crate::event::plan::{LookPlan, TcpLook};
use crate::runbook::placeholder::Place;
use crate::runbook::planning::PlanError;

/// Which port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// Host name or address, without the port; placeholders are resolved.
    pub host: String,
    /// Port.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Text that is sent once connected, such as `"PING\r\n"`.
    #[serde(default)]
    pub send: Option<String>,
    /// Text that must be among the first 4 KiB that come back.
    #[serde(default)]
    pub expect: Option<String>,
}

impl Spelling for TcpProbe {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        let mut texts = vec![("host".into(), self.host.as_str(), Filled::Yes)];
        texts.extend(self.send.iter().map(|text| ("send".into(), text.as_str(), Filled::No)));
        texts.extend(self.expect.iter().map(|text| ("expect".into(), text.as_str(), Filled::No)));
        texts
    }
    fn problems(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if self.host.is_empty() || self.host.contains([' ', '/', '@']) {
            let help = "a name or an address, such as 127.0.0.1";
            wrong.push(Wrong::new("host", "not a host", help));
        }
        if self.port == 0 {
            wrong.push(Wrong::new("port", "nobody listens at port 0", "1 to 65535"));
        }
        for (at, text) in [("send", &self.send), ("expect", &self.expect)] {
            if text.as_deref().is_some_and(|text| text.is_empty() || text.len() > 1024) {
                wrong.push(Wrong::new(at, "empty or too long", "1 to 1024 bytes, or leave it out"));
            }
        }
        wrong
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        Ok(LookPlan::Tcp(TcpLook {
            host: with.text(&self.host, Place::Url)?,
            port: self.port,
            send: self.send.clone(),
            expect: self.expect.clone(),
        }))
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        Some(&["latency_ms", "answer_bytes"])
    }
    fn says(&self) -> String {
        let expect = self.expect.as_ref().map(|text| format!(" and saying `{}`", text.escape_debug()));
        format!("{}:{} taking connections{}", self.host, self.port, expect.unwrap_or_default())
    }
}
