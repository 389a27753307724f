//! `proposals/trust/policy.yaml`: the rules under which signatures and approvals count, and how much runbooks may do
//! without anybody being asked. Not for who may sign (`trust`).

use serde::Deserialize;

use super::model::{TrustLevel, V1};
use super::problem::Source;
use super::yaml;
use crate::base::limits::{
    ARGV_MAX, DECIDER_ARGV_BYTES_MAX, DECIDER_MS_MAX, ELEVATION_MS_MAX, NAME_BYTES_MAX,
};
use crate::base::text::shown;
use crate::base::time::Span;

/// `policy.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Version of the format.
    pub v: V1,
    /// One person may both write and approve what is reversible and stays on one machine.
    #[serde(default)]
    pub solo: bool,
    /// How many people have to approve what reaches far or cannot be taken back.
    #[serde(default)]
    pub approvals: Quorum,
    /// What has to show that a runbook works before it goes live. Default: a rehearsal or dry runs.
    #[serde(default)]
    pub live_evidence: LiveEvidence,
    /// Whether recorded history has to be asked before a runbook goes live: `remediator backtest --keep`. Default false.
    #[serde(default)]
    pub backtest: bool,
    /// What runbooks may do without anybody being asked. Default supervised.
    #[serde(default)]
    pub trust_level: TrustLevel,
    /// How a runbook that needs more is let.
    #[serde(default)]
    pub elevation: Elevation,
}

/// What has to show that a runbook works before it goes live (RM-30).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveEvidence {
    /// A rehearsal or dry runs.
    #[default]
    Either,
    /// Dry runs that a journal recorded: five over seven days, one of them in the last 48 hours.
    DryRuns,
    /// A signed rehearsal of these very bytes, not older than 30 days.
    Rehearsal,
    /// Nothing.
    None,
}

impl LiveEvidence {
    /// Every value, the default first.
    pub const ALL: [Self; 4] = [Self::Either, Self::Rehearsal, Self::DryRuns, Self::None];

    /// Its word in `policy.yaml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Either => "either",
            Self::Rehearsal => "rehearsal",
            Self::DryRuns => "dry_runs",
            Self::None => "none",
        }
    }
}

impl Policy {
    /// Reads a file; what is wrong, and where.
    pub fn read(file: &str, text: &str) -> Result<Self, String> {
        let policy: Self = yaml::typed(Source { file, text }).map_err(|problem| problem.to_string())?;
        policy.check().map_err(|what| format!("{file}: {what}"))?;
        Ok(policy)
    }

    /// Whether a text is written like `policy.yaml` rather than like another file: by the keys at its top.
    pub fn is_written_like(text: &str) -> bool {
        const KEYS: [&str; 6] =
            ["solo", "approvals", "live_evidence", "backtest", "trust_level", "elevation"];
        text.lines().any(|line| line.split_once(':').is_some_and(|(key, _)| KEYS.contains(&key.trim_end())))
    }

    /// What holds without a policy file.
    pub(super) fn strict() -> Self {
        Self {
            v: V1,
            solo: false,
            approvals: Quorum::default(),
            live_evidence: LiveEvidence::default(),
            backtest: false,
            trust_level: TrustLevel::default(),
            elevation: Elevation::default(),
        }
    }

    /// What its types do not say.
    pub(super) fn check(&self) -> Result<(), String> {
        let bounds = |name: &str, value: Span, least: u64, most: u64| {
            let fits = (least..=most).contains(&value.ms());
            let (least, most) = (Span::from_ms(least), Span::from_ms(most));
            if fits { Ok(()) } else { Err(format!("elevation.{name} is {value}: write {least} to {most}")) }
        };
        bounds("answer_within", self.elevation.answer_within, 60_000, ELEVATION_MS_MAX)?;
        bounds("good_for", self.elevation.good_for, 60_000, ELEVATION_MS_MAX)?;
        let Some(decider) = &self.elevation.decider else { return Ok(()) };
        bounds("decider.timeout", decider.timeout, 1_000, DECIDER_MS_MAX)?;
        let bytes: usize = decider.argv.iter().map(String::len).sum();
        let nul = decider.argv.iter().any(|a| a.contains('\0'));
        match decider.argv.first() {
            Some(program) if !program.starts_with('/') => Err(format!(
                "elevation.decider.argv: `{}` is not an absolute path",
                shown(program, NAME_BYTES_MAX)
            )),
            None => Err("elevation.decider.argv is empty: write a program".into()),
            Some(_) if nul || bytes > DECIDER_ARGV_BYTES_MAX || decider.argv.len() > ARGV_MAX => {
                Err(format!(
                    "elevation.decider.argv: at most {ARGV_MAX} arguments with {DECIDER_ARGV_BYTES_MAX} bytes in all, no NUL"
                ))
            }
            Some(_) => Ok(()),
        }
    }
}

/// How a runbook that needs more trust than the policy gives is let (RM-31).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Elevation {
    /// How long a request waits for its answer, a minute to a week. Default 30m.
    pub answer_within: Span,
    /// How long what was granted can be used, a minute to a week. Default 1h.
    pub good_for: Span,
    /// A program that is asked before people are.
    pub decider: Option<Decider>,
}

impl Default for Elevation {
    fn default() -> Self {
        Self { answer_within: Span::from_secs(30 * 60), good_for: Span::from_secs(3600), decider: None }
    }
}

/// A program that is asked whether a runbook may act. It reads the question as JSON on its standard input and answers on
/// its standard output: docs/trust-levels.md.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decider {
    /// Program (an absolute path) and arguments. No shell.
    pub argv: Vec<String>,
    /// After this it is ended, and people decide; a second to five minutes. Default 30s.
    #[serde(default = "decider_timeout")]
    pub timeout: Span,
    /// The most that it may grant.
    pub up_to: TrustLevel,
}

fn decider_timeout() -> Span {
    Span::from_secs(30)
}

/// How many people have to approve, where one might not be enough. Files that came with remediator need one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quorum {
    /// A runbook of the radius fleet. Default 2.
    pub fleet: u32,
    /// A runbook with a step that cannot be taken back. Default 2.
    pub irreversible: u32,
}

impl Default for Quorum {
    fn default() -> Self {
        Self { fleet: 2, irreversible: 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Result<Policy, String> {
        let text = format!("v: 1\n{text}\n");
        let policy: Policy =
            yaml::typed(Source { file: "policy.yaml", text: &text }).map_err(|p| p.to_string())?;
        policy.check().map(|()| policy)
    }

    #[test]
    fn what_it_says_of_trust_levels_is_read_and_bounded() {
        let read = policy("").expect("all defaults");
        assert_eq!((read.trust_level, &read.elevation), (TrustLevel::Supervised, &Elevation::default()));
        let whole = "trust_level: cautious\nelevation: {answer_within: 5m, good_for: 2h, decider: {argv: [/bin/d], up_to: \
                     collaborative}}";
        let read = policy(whole).expect("a policy");
        let decider = read.elevation.decider.expect("a decider");
        assert_eq!((read.trust_level, decider.up_to), (TrustLevel::Cautious, TrustLevel::Collaborative));
        assert_eq!(decider.timeout, Span::from_secs(30));
        for (text, what) in [
            ("trust_level: total", "trust_level"),
            ("elevation: {answer_within: 5s}", "1m to"),
            ("elevation: {good_for: 9999h}", "good_for"),
            ("elevation: {decider: {argv: [decide], up_to: autonomous}}", "absolute path"),
            ("elevation: {decider: {argv: [], up_to: autonomous}}", "empty"),
            ("elevation: {decider: {argv: [/bin/d], timeout: 1h, up_to: autonomous}}", "decider.timeout"),
            ("elevation: {decider: {argv: [/bin/d]}}", "up_to"),
        ] {
            let refused = policy(text).expect_err(text);
            assert!(refused.contains(what), "{text}: {refused}");
        }
    }
}
