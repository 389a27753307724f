//! One content file as it is understood, defaults filled in, as data: the same for `runbook show` and the HTTP interface.
//! Not for printing, nor for a list of them (`listing`).

use schemars::JsonSchema;
use serde::Serialize;

use super::listing::{self, Line};
use super::model::{Rehearsal, Retry, Step, Targets, Verification};
use super::problem::likely;
use super::{Catalog, Entry, Kind, Runbook};

/// One content file as it is understood.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ContentShown")]
pub struct Shown {
    /// Version of this shape.
    pub v: u32,
    /// What a list says of it: digest, standing and why, proposal, signer, approvers.
    #[serde(flatten)]
    pub line: Line,
    /// What it does, with its defaults, when it is a runbook that can be read.
    pub runbook: Option<Resolved>,
    /// Its bytes, as text.
    pub text: String,
}

/// A runbook with its defaults.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunbookShown")]
pub struct Resolved {
    /// What its matcher takes.
    pub subsystem: String,
    /// The same.
    pub code: String,
    /// Targets it is for, `*` for all.
    pub target: String,
    /// A further condition.
    pub when: Option<String>,
    /// Of two that fit the higher one goes first.
    pub priority: i32,
    /// How much it can touch.
    pub blast_radius: String,
    /// Attempts within `window`.
    pub attempts: u32,
    /// See `attempts`.
    pub window: String,
    /// The least time between two attempts.
    pub cooldown: String,
    /// The longest that one attempt may take.
    pub runtime: String,
    /// What it locks.
    pub locks: Vec<String>,
    /// What has to hold first, in words.
    pub preconditions: Vec<String>,
    /// In order.
    pub steps: Vec<ResolvedStep>,
    /// How success is proved, in words.
    pub verification: Option<String>,
    /// Who is told when, in words.
    pub escalation: Vec<String>,
    /// How it is tried on a copy: what stands in, what sets it up and breaks it.
    pub rehearsal: Vec<String>,
}

/// A step with its defaults.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StepShown")]
pub struct ResolvedStep {
    /// Its id.
    pub id: String,
    /// What it does, in words.
    pub does: String,
    /// What else it says and is bounded by.
    pub bounds: Vec<String>,
    /// What it is done for, when there are several.
    pub targets: Option<ResolvedTargets>,
    /// The longest that it may take.
    pub timeout: String,
    /// How often it is tried again.
    pub retries: u32,
    /// When, in words.
    pub retry: Option<String>,
    /// Whether it may be repeated.
    pub idempotent: bool,
    /// What takes it back.
    pub undo: Option<String>,
    /// What bounds that.
    pub undo_bounds: Vec<String>,
    /// Also when nobody knows whether it was done.
    pub undo_when_unknown: bool,
    /// Why it cannot be taken back.
    pub irreversible: Option<String>,
}

/// What a step is done for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TargetsShown")]
pub struct ResolvedTargets {
    /// Them.
    pub list: Vec<String>,
    /// The lock for each.
    pub lock: String,
    /// So many first, one after another.
    pub canary: u32,
    /// Then so many at once.
    pub at_once: u32,
    /// Stopped when more than so many percent have failed; 0: when one has.
    pub stop_percent: u32,
    /// What is looked at of each.
    pub check: Option<String>,
}

/// Why nothing can be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no content file `{name}`")]
pub struct NotThere {
    /// What was asked for.
    pub name: String,
    /// What may be meant, and what lists them.
    pub hint: String,
}

/// The file of an entry.
pub fn shown(catalog: &Catalog, entry: &Entry) -> Shown {
    let text = catalog.folder().get(&entry.path).unwrap_or_default();
    Shown {
        v: 1,
        line: listing::line(entry),
        runbook: entry.runbook().map(resolve),
        text: String::from_utf8_lossy(text).into_owned(),
    }
}

/// An entry by a runbook's id or `kind/id`.
pub fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Entry, NotThere> {
    let (kind, id) = match name.split_once('/') {
        Some((kind, id)) => (Kind::of_word(kind), id),
        None => (Some(Kind::Runbook), name),
    };
    let found = kind.and_then(|kind| catalog.get(kind, id));
    found.ok_or_else(|| {
        let ids = catalog.entries().filter(|entry| kind.is_none_or(|kind| entry.kind == kind));
        let ids: Vec<String> = ids.map(|entry| entry.id.clone()).collect();
        let wanted = name.split_once('/').map_or(name, |(_, id)| id);
        let near = likely(wanted, ids.iter().map(String::as_str));
        let hint = "`remediator runbook list` lists them; services are service/ID, proposals proposal/ID";
        let hint = match (near, name.split_once('/')) {
            (Some(near), Some((word, _))) => format!("did you mean `{word}/{near}`? {hint}"),
            (Some(near), None) => format!("did you mean `{near}`? {hint}"),
            (None, _) => hint.to_owned(),
        };
        NotThere { name: name.to_owned(), hint }
    })
}

/// A runbook with its defaults, in words.
pub fn resolve(runbook: &Runbook) -> Resolved {
    let limits = runbook.limits();
    let (matcher, proof) = (&runbook.matcher, &runbook.verification);
    Resolved {
        subsystem: matcher.subsystem.clone(),
        code: matcher.code.clone(),
        target: matcher.target.clone().unwrap_or_else(|| "*".to_owned()),
        when: matcher.when.clone(),
        priority: runbook.priority,
        blast_radius: word(&runbook.blast_radius),
        attempts: limits.attempts,
        window: limits.window.to_string(),
        cooldown: limits.cooldown.to_string(),
        runtime: limits.runtime.to_string(),
        locks: runbook.all_locks(),
        preconditions: runbook
            .preconditions
            .iter()
            .map(|p| format!("{}: {} of {}", p.id, p.expect, p.probe.says()))
            .collect(),
        steps: runbook.steps.iter().map(step).collect(),
        verification: proof.as_ref().map(verification),
        escalation: runbook
            .escalation
            .iter()
            .map(|r| format!("{}: {}: {}", r.after, r.channel, r.message))
            .collect(),
        rehearsal: runbook.rehearsal.as_ref().map(rehearsal).unwrap_or_default(),
    }
}

/// What it replaces says most of what a rehearsal is worth.
fn rehearsal(rehearsal: &Rehearsal) -> Vec<String> {
    let stand_ins = rehearsal.stand_ins.iter().map(|(from, to)| format!("{from} is replaced by {to}"));
    let services = rehearsal.services.iter().map(|(id, s)| format!("service {id} is {}", s.argv.join(" ")));
    let setup = rehearsal.setup.iter().map(|command| format!("set up by {}", command.argv.join(" ")));
    let breaks = rehearsal.breaks.iter().map(|command| format!("broken by {}", command.argv.join(" ")));
    let healed = rehearsal.healed.iter().map(|probe| format!("healed is {}", probe.says()));
    stand_ins.chain(services).chain(setup).chain(breaks).chain(healed).collect()
}

fn step(step: &Step) -> ResolvedStep {
    let (action, undo) = (step.action(), step.undo.as_ref().and_then(|undo| undo.action()));
    ResolvedStep {
        id: step.id.clone(),
        does: action.map(|a| a.say()).unwrap_or_default(),
        bounds: action.map(|a| a.details()).unwrap_or_default(),
        targets: step.targets.as_ref().map(targets),
        timeout: step.timeout.to_string(),
        retries: step.retry.as_ref().map_or(0, |r| r.times),
        retry: step.retry.as_ref().map(retry),
        idempotent: step.may_repeat(),
        undo: undo.map(|a| a.say()),
        undo_bounds: undo.map(|a| a.details()).unwrap_or_default(),
        undo_when_unknown: step.undo_when_unknown,
        irreversible: step.irreversible.clone(),
    }
}

fn targets(targets: &Targets) -> ResolvedTargets {
    ResolvedTargets {
        list: targets.list.clone(),
        lock: targets.lock.clone(),
        canary: targets.canary,
        at_once: targets.at_once,
        stop_percent: targets.stop_percent,
        check: targets.check.as_ref().map(|check| check.says()),
    }
}

fn retry(retry: &Retry) -> String {
    let mut text = format!("{} retries, {} before the first", retry.times, retry.delay);
    if retry.factor > 1 {
        text += &format!(", each pause {} times the one before, at most {}", retry.factor, retry.max_delay);
    }
    if !retry.on.is_empty() {
        let on: Vec<String> = retry.on.iter().map(word).collect();
        text += &format!(", only on {}", on.join(", "));
    }
    text
}

fn verification(v: &Verification) -> String {
    let (looks, within, settle) = (v.successes, v.within, v.settle);
    let watch = match v.watch.ms() {
        0 => "not watched afterwards".to_owned(),
        _ => format!("watched for {} afterwards", v.watch),
    };
    format!("{looks} good looks in a row, from {settle} on, within {within}, at {}; {watch}", v.probe.says())
}

/// The word that a value is written as.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
