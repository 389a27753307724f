//! Probe kind `log`, as written. What it reports is free text.

use serde::Deserialize;

use super::{Filled, Resolve, Spelling, Wrong, absolute};
use crate::base::limits::{EXPR_BYTES_MAX, PATTERN_BYTES_MAX};
use crate::base::time::Span;
use crate::event::plan::{LogLook, LogWords, LookPlan};
use crate::runbook::placeholder::Place;
use crate::runbook::planning::PlanError;

/// Which words in which log. Whoever can write into the log decides what it says, so its reports are kept and shown,
/// and never start an action.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogProbe {
    /// Absolute path, followed across rotation and truncation. Lines count from the first look on.
    pub path: String,
    /// A line with this text counts.
    #[serde(default)]
    pub contains: Option<String>,
    /// A line that this regular expression matches counts (syntax of the Rust crate `regex`: linear time).
    #[serde(default)]
    pub matches: Option<String>,
    /// So many lines are too many. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub count: u64,
    /// Within this time. Default 1m.
    #[serde(default = "minute")]
    pub within: Span,
}

fn one() -> u64 {
    1
}
fn minute() -> Span {
    Span::from_secs(60)
}

/// As `sentinel::log` will make it: with the same bounds.
fn pattern(text: &str) -> Result<regex::bytes::Regex, regex::Error> {
    regex::bytes::RegexBuilder::new(text)
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .build()
}

impl Spelling for LogProbe {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        let mut texts = vec![("path".into(), self.path.as_str(), Filled::Yes)];
        texts.extend(self.contains.iter().map(|text| ("contains".into(), text.as_str(), Filled::No)));
        // `${` has a meaning of its own in a pattern only as an error: `$` ends a line.
        texts.extend(self.matches.iter().map(|text| ("matches".into(), text.as_str(), Filled::Elsewhere)));
        texts
    }
    fn problems(&self) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = absolute("path", &self.path).into_iter().collect();
        match (&self.contains, &self.matches) {
            (Some(_), None) | (None, Some(_)) => {}
            _ => wrong.push(Wrong::new(
                "",
                "what is looked for is not clear",
                "write one of `contains` and `matches`",
            )),
        }
        for (at, text) in [("contains", &self.contains), ("matches", &self.matches)] {
            if text.as_deref().is_some_and(|text| text.is_empty() || text.len() > EXPR_BYTES_MAX) {
                wrong.push(Wrong::new(at, "empty or too long", "1 to 1024 bytes"));
            }
        }
        if let Some(Err(error)) = self.matches.as_deref().map(pattern) {
            let last = error.to_string();
            let last = last.lines().last().unwrap_or_default();
            wrong.push(Wrong::new(
                "matches",
                format!("not a pattern: {last}"),
                "docs.rs/regex has the syntax",
            ));
        }
        if self.count == 0 || self.within.ms() == 0 {
            wrong.push(Wrong::new(
                "",
                "`count` and `within` must be above 0",
                "such as `count: 5` and `within: 1m`",
            ));
        }
        wrong
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        let words = match (&self.contains, &self.matches) {
            (Some(text), _) => LogWords::Contains(text.clone()),
            (None, pattern) => LogWords::Matches(pattern.clone().unwrap_or_default()),
        };
        let path = with.text(&self.path, Place::Path)?;
        Ok(LookPlan::Log(LogLook { path, words, count: self.count, within: self.within }))
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        Some(&["matching_lines", "new_lines"])
    }
    fn says(&self) -> String {
        let words = self.contains.as_deref().or(self.matches.as_deref()).unwrap_or_default();
        let words = words.escape_debug();
        format!("fewer than {} lines with `{words}` in {} within {}", self.count, self.path, self.within)
    }
}
