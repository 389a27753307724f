//! What a content file must be, beyond its syntax. One file per check and one line in the registry: the loader,
//! `runbook lint` and the gate all run these. Pure over the file's bytes.
//! Not for signatures and approvals (`verified`), nor for what other files say (`catalog`).

mod bytes;
mod escalation;
mod essential;
mod expressions;
mod ids;
mod limits;
mod locks;
mod matcher;
mod placeholders;
mod probes;
mod reach;
mod rehearsal;
mod run;
mod secrets;
mod sentinel;
mod steps;
mod targets;
mod undo;
mod verification;

pub use matcher::is_subsystem;

use super::model::{Action, Content, Kind, Probe, Run, Runbook, Sentinel, Service, Step};
use super::problem::{Problem, Source, likely};
use super::yaml::{self, Positions};
use crate::base::limits::PROBLEMS_MAX;

pub use escalation::unknown_channels;

/// A check: reports what it finds.
type Check = fn(&mut Lint);

/// Every check that looks at a parsed file, by its stable word.
pub const CHECKS: &[(&str, Check)] = &[
    ("ids", ids::check),
    ("matcher", matcher::check),
    ("steps", steps::check),
    ("targets", targets::check),
    ("reach", reach::check),
    ("run", run::check),
    ("undo", undo::check),
    ("limits", limits::check),
    ("probes", probes::check),
    ("verification", verification::check),
    ("essential", essential::check),
    ("placeholders", placeholders::check),
    ("expressions", expressions::check),
    ("locks", locks::check),
    ("escalation", escalation::check),
    ("rehearsal", rehearsal::check),
    ("sentinel", sentinel::check),
    ("secrets", secrets::check),
];

/// A file under check.
pub struct Lint<'a> {
    source: Source<'a>,
    positions: &'a Positions,
    content: &'a Content,
    check: &'static str,
    found: Vec<Problem>,
}

impl<'a> Lint<'a> {
    fn runbook(&self) -> Option<&'a Runbook> {
        match self.content {
            Content::Runbook(runbook) => Some(runbook),
            _ => None,
        }
    }
    fn service(&self) -> Option<&'a Service> {
        match self.content {
            Content::Service(service) => Some(service),
            _ => None,
        }
    }
    fn sentinel(&self) -> Option<&'a Sentinel> {
        match self.content {
            Content::Sentinel(sentinel) => Some(sentinel),
            _ => None,
        }
    }
    /// Reports a problem at a value's path with what mends it.
    pub(super) fn report(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        if self.found.len() >= PROBLEMS_MAX {
            return;
        }
        let problem = self.source.problem(self.positions.of(path), self.check, message.into());
        self.found.push(problem.with_help(help));
    }
    /// Every program that the file runs, with its path.
    fn runs(&self) -> Vec<(String, &'a Run)> {
        let mut runs = Vec::new();
        for (index, step) in self.runbook().into_iter().flat_map(|r| r.steps.iter().enumerate()) {
            runs.extend(step.run.iter().map(|run| (format!("steps[{index}].run"), run)));
            let undo = step.undo.as_ref().and_then(|undo| undo.run.as_ref());
            runs.extend(undo.map(|run| (format!("steps[{index}].undo.run"), run)));
        }
        for (path, probe) in self.probes() {
            runs.extend(probe.run.iter().map(|run| (format!("{path}.run"), run)));
        }
        runs
    }
    /// Every look that the file takes, with its path; a set-point's own look as well.
    fn probes(&self) -> Vec<(String, &'a Probe)> {
        let mut probes = self.outer_probes();
        let inner = probes
            .iter()
            .filter_map(|(path, probe)| probe.inner().map(|inner| (format!("{path}.setpoint.of"), inner)));
        let inner: Vec<_> = inner.collect();
        probes.extend(inner);
        probes
    }
    fn outer_probes(&self) -> Vec<(String, &'a Probe)> {
        match self.content {
            Content::Service(service) => vec![("probe".into(), &service.probe)],
            Content::Sentinel(sentinel) => vec![("probe".into(), &sentinel.probe)],
            Content::Runbook(runbook) => {
                let verification =
                    runbook.verification.iter().map(|v| ("verification.probe".to_owned(), &v.probe));
                let conditions = runbook.preconditions.iter().enumerate();
                let waits = actions(runbook).into_iter().filter_map(|(path, _, action)| {
                    action.spelling().probe().map(|(key, probe)| (format!("{path}.{key}"), probe))
                });
                let checked = runbook.steps.iter().enumerate().filter_map(|(index, step)| {
                    let until = step.targets.as_ref()?.check.as_ref()?;
                    Some((format!("steps[{index}].targets.check.probe"), &until.probe))
                });
                conditions
                    .map(|(i, p)| (format!("preconditions[{i}].probe"), &p.probe))
                    .chain(waits)
                    .chain(checked)
                    .chain(verification)
                    .collect()
            }
        }
    }
}

/// Everything that a runbook's steps do or undo, with its path and its step.
fn actions(runbook: &Runbook) -> Vec<(String, &Step, Action<'_>)> {
    let mut found = Vec::new();
    for (index, step) in runbook.steps.iter().enumerate() {
        let undo = step.undo.as_ref().and_then(|undo| undo.action());
        for (at, action) in [("", step.action()), (".undo", undo)] {
            found.extend(action.map(|a| (format!("steps[{index}]{at}.{}", a.word()), step, a)));
        }
    }
    found
}

/// A file that could not be accepted, with as much of its name as could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its kind, when it says a known one.
    pub kind: Option<Kind>,
    /// Its id, when it says one.
    pub id: Option<String>,
    /// What is wrong; never empty.
    pub problems: Vec<Problem>,
}

/// Reads and checks one content file. `file` is its path in the content folder, for messages.
pub fn read(file: &str, bytes: &[u8]) -> Result<Content, Rejected> {
    let text = bytes::text(file, bytes).map_err(|problem| Rejected {
        kind: None,
        id: None,
        problems: vec![problem],
    })?;
    let source = Source { file, text };
    // Nearly every file is sound: places are looked for only where there is something to say of them.
    let kind = yaml::head(text).and_then(|head| Kind::of_word(&head.kind));
    if let Some(Ok(content)) = kind.map(|kind| typed(kind, source))
        && lint(source, &Positions::default(), &content).is_empty()
    {
        return Ok(content);
    }
    read_with_places(source)
}

fn read_with_places(source: Source<'_>) -> Result<Content, Rejected> {
    let outline = yaml::outline(source).map_err(|problem| Rejected {
        kind: None,
        id: None,
        problems: vec![problem],
    })?;
    let kind = outline.kind.as_deref().and_then(Kind::of_word);
    let reject = |problems| Rejected { kind, id: outline.id.clone(), problems };
    let content = match kind {
        Some(kind) => typed(kind, source),
        None => Err(unknown_kind(source, &outline)),
    };
    let content = content.map_err(|problem| reject(vec![problem]))?;
    let problems = lint(source, &outline.positions, &content);
    if problems.is_empty() { Ok(content) } else { Err(reject(problems)) }
}

fn typed(kind: Kind, source: Source<'_>) -> Result<Content, Problem> {
    match kind {
        Kind::Runbook => yaml::typed(source).map(|content| Content::Runbook(Box::new(content))),
        Kind::Service => yaml::typed(source).map(|content| Content::Service(Box::new(content))),
        Kind::Sentinel => yaml::typed(source).map(|content| Content::Sentinel(Box::new(content))),
    }
}

fn lint(source: Source<'_>, positions: &Positions, content: &Content) -> Vec<Problem> {
    let mut lint = Lint { source, positions, content, check: "", found: Vec::new() };
    for (word, check) in CHECKS {
        lint.check = word;
        check(&mut lint);
    }
    let mut found = lint.found;
    found.sort_by_key(|problem| (problem.line, problem.column));
    found
}

fn unknown_kind(source: Source<'_>, outline: &yaml::Outline) -> Problem {
    let known = format!("known kinds: {}", Kind::WORDS.join(", "));
    match &outline.kind {
        None => source.problem((1, 1), "yaml", "the key `kind` is missing".into()).with_help(known),
        Some(word) => {
            let help = likely(word, Kind::WORDS).map_or(known, |near| format!("did you mean `{near}`?"));
            let message = format!("unknown kind `{}`", crate::base::text::clip(word, 40));
            source.problem(outline.positions.of("kind"), "yaml", message).with_help(help)
        }
    }
}

/// Checks the raw bytes of a file that people sign (no CRLF, BOM, NUL; UTF-8; bounded) and gives its text.
pub fn signed_text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Problem> {
    bytes::text(file, bytes)
}

#[cfg(test)]
mod tests;
