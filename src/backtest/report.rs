//! What came of a backtest: plain values with a version, and the one line that a proposal shows.

use serde::Serialize;

use super::beside::Parted;
use super::word::ACTED;
use super::{Backtest, Counted, Divergence, MODEL};
use crate::base::digest::{Blake3, FileDigest};
use crate::base::glob;
use crate::base::ids::Seq;
use crate::base::time::rfc3339;
use crate::event::content::Standing;
use crate::runbook::{Catalog, Kind, Runbook};

/// Version of the JSON.
const V: u32 = 1;
/// Incidents that are told one by one; all are counted.
const EXAMPLES_MAX: usize = 20;

/// An incident that would have gone another way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Where it parts.
    #[serde(flatten)]
    pub divergence: Divergence,
    /// The recorded course in a few words.
    pub recorded_course: Vec<String>,
    /// The simulated one.
    pub simulated_course: Vec<String>,
}

/// How many incidents went which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Incidents in this part of history.
    pub incidents: u64,
    /// As recorded.
    pub same: u64,
    /// Another way.
    pub different: u64,
    /// Of those, incidents on which something was tried where nothing had been.
    pub newly_acted: u64,
    /// Of those, incidents on which nothing would have been tried where something had been.
    pub no_longer_acted: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of this shape.
    pub v: u32,
    /// The candidate's id.
    pub runbook: Option<String>,
    /// Its digest.
    pub digest: Option<FileDigest>,
    /// The limits were others than recorded.
    pub limits: bool,
    /// The first entry that was decided anew, and the last one.
    pub from: Option<Seq>,
    /// See `from`.
    pub to: Seq,
    /// When the first of them was, RFC 3339.
    pub from_at: Option<String>,
    /// When the last of them was, RFC 3339.
    pub to_at: String,
    /// What the candidate would have done.
    pub candidate: Option<Counted>,
    /// How many incidents went which way.
    pub summary: Summary,
    /// Where the first of them parts from what happened.
    pub first_divergence: Option<Divergence>,
    /// The first of them that went another way.
    pub examples: Vec<Example>,
    /// Steps that were taken as done because none like them was recorded.
    pub assumed_steps: u64,
    /// Looks that nobody had taken: unknown.
    pub unknown_looks: u64,
    /// Manifests of catalogs that are not there: nothing could be decided while they were in force.
    pub absent: Vec<Blake3>,
    /// How the target is taken to have reacted.
    pub model: Vec<&'static str>,
    /// All of it in one line.
    pub line: String,
}

impl Backtest<'_> {
    /// What came of it.
    pub fn finish(mut self) -> Report {
        self.beside.finish();
        self.count.finish();
        let candidate = self.shelf.candidate.as_ref().map(|c| (c.id.clone(), c.digest));
        if let (Some((id, digest)), Some(catalog)) = (&candidate, self.shelf.in_force()) {
            for other in overlapping(&catalog.0, id, digest) {
                self.count.counted.conflicts.entry(other).or_default().refused = true;
            }
        }
        let parted = &self.beside.parted;
        let summary = summary(parted, self.beside.same);
        let (runbook, digest) = candidate.unzip();
        let counted = runbook.is_some().then(|| self.count.counted.clone());
        let mut report = Report {
            v: V,
            runbook,
            digest,
            limits: self.limits.is_some(),
            from: self.first.map(|first| first.0),
            to: self.last.0,
            from_at: self.first.map(|first| rfc3339(first.1)),
            to_at: rfc3339(self.last.1),
            candidate: counted,
            summary,
            first_divergence: parted.first().map(|parted| parted.divergence.clone()),
            examples: parted.iter().take(EXAMPLES_MAX).map(example).collect(),
            assumed_steps: self.answers.assumed_steps,
            unknown_looks: self.answers.unknown_looks,
            absent: self.shelf.absent.keys().copied().collect(),
            model: MODEL.to_vec(),
            line: String::new(),
        };
        report.line = line(&report);
        report
    }
}

fn example(parted: &Parted) -> Example {
    Example {
        divergence: parted.divergence.clone(),
        recorded_course: parted.recorded.clone(),
        simulated_course: parted.simulated.clone(),
    }
}

fn summary(parted: &[Parted], same: u64) -> Summary {
    let acted = |course: &[String]| course.iter().any(|word| word.starts_with(ACTED));
    let count = |fits: &dyn Fn(&Parted) -> bool| parted.iter().filter(|p| fits(p)).count() as u64;
    Summary {
        incidents: same + parted.len() as u64,
        same,
        different: parted.len() as u64,
        newly_acted: count(&|p| !acted(&p.recorded) && acted(&p.simulated)),
        no_longer_acted: count(&|p| acted(&p.recorded) && !acted(&p.simulated)),
    }
}

/// Live runbooks of one priority whose literal matchers overlap the candidate's: it would be refused beside them.
fn overlapping(catalog: &Catalog, id: &str, digest: &FileDigest) -> Vec<String> {
    let own = catalog.get(Kind::Runbook, id).filter(|entry| entry.digest == *digest);
    let Some(own) = own.and_then(|entry| entry.runbook()) else { return Vec::new() };
    let target = |runbook: &Runbook| runbook.matcher.target.clone().unwrap_or_else(|| "*".into());
    let others = catalog.entries().filter(|e| e.standing == Standing::Live && e.id != *id);
    let overlaps = others.filter_map(|entry| entry.runbook()).filter(|other| {
        other.priority == own.priority
            && other.matcher.subsystem == own.matcher.subsystem
            && other.matcher.code == own.matcher.code
            && glob::overlap(&target(other), &target(own))
    });
    overlaps.map(|runbook| runbook.id.clone()).collect()
}

fn line(report: &Report) -> String {
    let over = format!("entries {} to {}", report.from.unwrap_or(report.to), report.to);
    let Some(counted) = &report.candidate else {
        let summary = &report.summary;
        return format!(
            "over {over}: {} of {} incidents would have gone another way",
            summary.different, summary.incidents
        );
    };
    let blocked: u64 = counted.blocked.values().sum();
    let limits: Vec<String> = counted.blocked.iter().map(|(limit, n)| format!("{limit} {n}")).collect();
    let blocked = match blocked {
        0 => "never blocked".to_owned(),
        n => format!("blocked {n} times ({})", limits.join(", ")),
    };
    format!(
        "over {over}: would have acted {} times on {} incidents, at most {} targets at once, {blocked}",
        counted.fired, counted.incidents, counted.targets_at_once
    )
}
