//! Which runbooks are for a degradation, and why each is or is not (RM-5). Indexed by the literal part of the
//! matchers; pure; every `when` of one degradation is evaluated in one hop.
//! Not for choosing among those that match: cooldowns, limits and standing are policy.

use std::collections::BTreeMap;

use crate::base::glob;
use crate::event::content::Standing;
use crate::event::degradation::DegradationSeen;

use super::catalog::{Catalog, Entry, LoadContext};
use super::expr::{self, ExprError};
use super::model::{Kind, Runbook};

/// Keys of runbooks by subsystem and code, best first: highest priority, then id.
#[derive(Debug, Default)]
pub struct Index {
    keys: BTreeMap<String, BTreeMap<String, Vec<(Kind, String)>>>,
    runbooks: usize,
}

impl Index {
    /// Of everything that may be matched: live and observe-only runbooks.
    pub(super) fn of(entries: &BTreeMap<(Kind, String), Entry>) -> Self {
        let mut sorted: Vec<(&Entry, &Runbook)> = entries
            .values()
            .filter(|e| e.standing != Standing::Refused)
            .filter_map(|e| e.runbook().map(|runbook| (e, runbook)))
            .collect();
        sorted.sort_by_key(|(entry, runbook)| (std::cmp::Reverse(runbook.priority), &entry.id));
        let mut index = Self { keys: BTreeMap::new(), runbooks: sorted.len() };
        for (entry, runbook) in sorted {
            let codes = index.keys.entry(runbook.matcher.subsystem.clone()).or_default();
            codes.entry(runbook.matcher.code.clone()).or_default().push((Kind::Runbook, entry.id.clone()));
        }
        index
    }
}

/// Whether a runbook is for a degradation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Matched,
    /// It is not.
    NotMatched {
        /// Stable word, as in `event::incident::Candidate::why`.
        why: &'static str,
        /// For people, with the values that were compared.
        detail: String,
    },
}

/// A runbook that was considered.
#[derive(Debug)]
pub struct Considered<'a> {
    /// Its entry.
    pub entry: &'a Entry,
    /// The runbook.
    pub runbook: &'a Runbook,
    /// Whether it is for this degradation.
    pub verdict: Verdict,
}

/// Every runbook whose matcher names the degradation's subsystem and code.
#[derive(Debug)]
pub struct Matches<'a> {
    /// Best first.
    pub considered: Vec<Considered<'a>>,
    /// Runbooks whose matcher names another subsystem or code.
    pub not_candidates: u32,
}

impl Catalog {
    /// Looks for runbooks for a degradation that was reported `count` times in its incident.
    pub fn candidates(&self, seen: &DegradationSeen, count: u64) -> Matches<'_> {
        let keys = self.index.keys.get(&seen.subsystem).and_then(|codes| codes.get(&seen.code));
        let keys = keys.map_or(&[][..], Vec::as_slice);
        let mut considered = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(entry) = self.entry(key)
                && let Some(runbook) = entry.runbook()
            {
                let verdict = literal_verdict(runbook, seen, &self.context);
                considered.push(Considered { entry, runbook, verdict });
            }
        }
        evaluate_whens(&mut considered, seen, count);
        let others = self.index.runbooks - considered.len();
        Matches { considered, not_candidates: u32::try_from(others).unwrap_or(u32::MAX) }
    }
}

fn literal_verdict(runbook: &Runbook, seen: &DegradationSeen, context: &LoadContext) -> Verdict {
    let not = |why, detail| Verdict::NotMatched { why, detail };
    if !seen.actionable {
        return not("free_text", "free text matches nothing".into());
    }
    let matcher = &runbook.matcher;
    if let Some(glob) = matcher.target.as_deref().filter(|glob| !glob::matches(glob, &seen.target)) {
        return not("target", format!("target `{}` does not fit `{glob}`", seen.target));
    }
    if let Some(severities) = matcher.severity.as_ref().filter(|list| !list.contains(&seen.severity)) {
        return not(
            "severity",
            format!("severity {:?} is not among {severities:?}", seen.severity).to_lowercase(),
        );
    }
    if !runbook.platforms.contains(&context.platform) {
        let detail = format!("this is {:?}; it is for {:?}", context.platform, runbook.platforms);
        return not("platform", detail.to_lowercase());
    }
    let missing: Vec<_> =
        runbook.credentials.iter().filter(|name| !context.credentials.contains(*name)).collect();
    if !missing.is_empty() {
        return not("credentials", format!("credentials are missing: {missing:?}"));
    }
    Verdict::Matched
}

fn evaluate_whens(considered: &mut [Considered], seen: &DegradationSeen, count: u64) {
    let open: Vec<(usize, &str)> = considered
        .iter()
        .enumerate()
        .filter(|(_, c)| c.verdict == Verdict::Matched)
        .filter_map(|(at, c)| c.runbook.matcher.when.as_deref().map(|when| (at, when)))
        .collect();
    if open.is_empty() {
        return;
    }
    let sources: Vec<&str> = open.iter().map(|(_, when)| *when).collect();
    let answers = expr::evaluate_all(&sources, expr::when_vars(seen, count));
    let places: Vec<usize> = open.iter().map(|(at, _)| *at).collect();
    for (at, answer) in places.into_iter().zip(answers) {
        if let Some(detail) = when_fails(answer) {
            considered[at].verdict = Verdict::NotMatched { why: "when", detail };
        }
    }
}

/// Why a `when` does not let the runbook through. An error does not: unknown is not true.
fn when_fails(answer: Result<bool, ExprError>) -> Option<String> {
    match answer {
        Ok(true) => None,
        Ok(false) => Some("its `when` is false".into()),
        Err(error) => Some(format!("its `when`: {error}")),
    }
}
