//! Stepping through a journal, forward and back: the world before and after each entry, and what the entry asked of hands
//! and eyes. Effects are shown, never carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use serde::Serialize;
use serde_json::Value;

use super::History;
use super::opened::Opener;
use crate::audit::EntryView;
use crate::base::ids::{IncidentId, Seq, SubjectId};
use crate::base::redact::redact;
use crate::base::text::clean;
use crate::context::World;
use crate::event::subject::SubjectErased;
use crate::event::{Event, Kind as _, Record};
use crate::journal::{Damage, Error};
use crate::policy::{Effect, effects};

/// Version of the JSON.
const V: u32 = 1;
/// Entries between two kept worlds: going back folds no more than these again.
const STRIDE: u64 = 512;
/// Kept worlds: the nearest ones; a world of a busy machine is large.
const KEPT_MAX: usize = 64;
/// Changes that are shown of one entry.
const CHANGES_MAX: usize = 64;
/// Bytes of one side of a change.
const SIDE_BYTES_MAX: usize = 400;

/// One entry with what it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Version of this shape.
    pub v: u32,
    /// The entry.
    pub entry: EntryView,
    /// The journal's clock after it, ms.
    pub elapsed_ms: u64,
    /// The last entry of the journal.
    pub head: Seq,
    /// What it changed in the world.
    pub changes: Vec<Change>,
    /// Changes that are not listed.
    pub more: u64,
    /// What it asked of hands and eyes.
    pub effects: Vec<String>,
    /// Its lifecycle did not allow it.
    pub illegal: Option<String>,
    /// The world before and after in figures.
    pub world: [Figures; 2],
}

/// One value of the world.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Where it stands: `incidents/ID/state`.
    pub at: String,
    /// Before; none = it was not there.
    pub before: Option<String>,
    /// After; none = it is gone.
    pub after: Option<String>,
}

/// A world in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Incidents that are not closed.
    pub open_incidents: u64,
    /// Attempts under way.
    pub active_attempts: u64,
    /// Locks that are held.
    pub locks_held: u64,
    /// Notices that wait for their channel.
    pub notices_waiting: u64,
    /// A person paused it.
    pub paused: bool,
}

/// See the module.
pub struct Stepper {
    history: History,
    head: Option<Seq>,
    /// Subjects whose key was destroyed, also behind the entry that is looked at.
    erased: BTreeSet<SubjectId>,
    /// Where the journal ends early.
    pub damage: Option<Damage>,
    /// World after an entry, by the entry.
    kept: BTreeMap<Seq, World>,
}

impl Stepper {
    /// Of a journal. Reads it once, to know its end.
    pub fn new(history: History) -> Result<Self, Error> {
        let mut head = None;
        let mut erased = BTreeSet::new();
        if let Ok(first) = history.first_world() {
            erased.extend(first.control.erased.iter().copied());
        }
        let read = history.lines(None, &mut |line| {
            head = Some(line.seq);
            if line.kind == SubjectErased::KIND
                && let Ok(Event::SubjectErased(gone)) = line.record().map(|record| record.event)
            {
                erased.insert(gone.subject);
            }
            ControlFlow::Continue(())
        })?;
        Ok(Self { history, head, erased, damage: read.damage, kept: BTreeMap::new() })
    }

    /// The last entry that can be read.
    pub fn head(&self) -> Option<Seq> {
        self.head
    }

    /// The journal.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The first entry of an incident behind an entry; the very first one when `after` is none.
    pub fn next_of(&self, incident: IncidentId, after: Option<Seq>) -> Result<Option<Seq>, Error> {
        let mut found = None;
        self.history.lines(after, &mut |line| {
            if line.incident == Some(incident) {
                found = Some(line.seq);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// One entry with the world around it; none when there is no such entry.
    pub fn at(&mut self, seq: Seq) -> Result<Option<Step>, Error> {
        let Some(head) = self.head.filter(|head| seq <= *head) else { return Ok(None) };
        let minimum = self.history.minimum();
        if seq < minimum {
            return Err(Error::Pruned { seq, minimum });
        }
        let mut world = self.before(seq)?;
        let mut step = None;
        let opener = Opener { history: &self.history, erased: self.erased.clone() };
        self.history.read(seq.checked_sub(1), &mut |_, record| {
            step = Some(one(&mut world, &record, head, &opener));
            ControlFlow::Break(())
        })?;
        if step.is_some() {
            self.keep(seq, world);
        }
        Ok(step)
    }

    /// The world before an entry, folded from the nearest kept one.
    fn before(&mut self, seq: Seq) -> Result<World, Error> {
        let near = self.kept.range(..seq).next_back().map(|(at, world)| (*at, world.clone()));
        let (after, mut world) = match near {
            Some((at, world)) => (Some(at), world),
            None => (None, self.history.first_world()?),
        };
        if seq == self.history.minimum() || after == Some(seq - 1) {
            return Ok(world);
        }
        let mut keep = Vec::new();
        self.history.read(after, &mut |_, record| {
            world.apply(&record);
            // Only near the place that is looked at: these are what going back needs.
            if record.seq % STRIDE == 0 && seq - record.seq < STRIDE * KEPT_MAX as u64 / 2 {
                keep.push((record.seq, world.clone()));
            }
            if record.seq + 1 >= seq { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        keep.into_iter().for_each(|(at, world)| self.keep(at, world));
        Ok(world)
    }

    fn keep(&mut self, seq: Seq, world: World) {
        self.kept.insert(seq, world);
        while self.kept.len() > KEPT_MAX {
            // The one farthest from where we are goes.
            let (first, last) = (self.kept.keys().next().copied(), self.kept.keys().next_back().copied());
            let (Some(first), Some(last)) = (first, last) else { return };
            let far = if seq.abs_diff(first) > seq.abs_diff(last) { first } else { last };
            self.kept.remove(&far);
        }
    }
}

fn one(world: &mut World, record: &Record, head: Seq, opener: &Opener<'_>) -> Step {
    let (figures, before) = (figures(world), value(world));
    let illegal = world.check(record).err().map(|illegal| illegal.to_string());
    world.apply(record);
    let after = value(world);
    let mut changes = Vec::new();
    let mut more = 0;
    compare(String::new(), &before, &after, &mut |at, before, after| match changes.len() {
        0..CHANGES_MAX => {
            let [before, after] = [before, after].map(|value| value.map(|value| side(value, opener)));
            changes.push(Change { at, before, after });
        }
        _ => more += 1,
    });
    let mut shown = record.clone();
    if let Ok(opened) = opener.event(&shown.event) {
        shown.event = opened;
    }
    Step {
        v: V,
        entry: EntryView::of(&shown),
        elapsed_ms: world.elapsed_ms(),
        head,
        changes,
        more,
        effects: effects(world, record).iter().map(say).collect(),
        illegal,
        world: [figures, self::figures(world)],
    }
}

fn figures(world: &World) -> Figures {
    Figures {
        open_incidents: world.open.len() as u64,
        active_attempts: world.active_attempts() as u64,
        locks_held: world.machine.locks.held.len() as u64,
        notices_waiting: world.outbox.waiting.len() as u64,
        paused: world.control.paused.is_some(),
    }
}

/// The world as JSON, without what every entry changes and nobody wants to see.
fn value(world: &World) -> Value {
    let mut value = serde_json::to_value(world).unwrap_or_default();
    if let Value::Object(members) = &mut value {
        for name in ["next_seq", "senders", "last_seen", "timed", "remediating"] {
            members.remove(name);
        }
    }
    value
}

/// What hears of a value that differs: its path, and what it was and is; none where it was not or is not.
type Found<'a> = dyn FnMut(String, Option<&Value>, Option<&Value>) + 'a;

/// Every value that differs, by its path.
fn compare(at: String, before: &Value, after: &Value, found: &mut Found<'_>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
                match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => compare(path, a, b, found),
                    (a, b) => found(path, a, b),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                compare(format!("{at}/{n}"), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if b.len() > a.len() && b[..a.len()] == a[..] => {
            for (n, new) in b.iter().enumerate().skip(a.len()) {
                found(format!("{at}/{n}"), None, Some(new));
            }
        }
        (a, b) => found(at, Some(a), Some(b)),
    }
}

/// One side, opened, short and harmless.
fn side(value: &Value, opener: &Opener<'_>) -> String {
    let opened = opener.again(value);
    let text = match opened.as_ref().unwrap_or(value) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    crate::base::text::shown(&clean(&redact(&text)), SIDE_BYTES_MAX)
}

/// An effect in words.
fn say(effect: &Effect) -> String {
    match effect {
        Effect::Observe { ticket, probes, .. } => {
            let looks: Vec<String> = probes.iter().map(|probe| probe.look.say()).collect();
            format!("look ({:?}): {}", ticket.purpose, looks.join(", "))
        }
        Effect::Watch { probe, until_elapsed_ms, .. } => {
            format!("watch {} until {until_elapsed_ms} ms of the journal's clock", probe.look.say())
        }
        Effect::StopWatch { .. } => "stop watching".into(),
        Effect::AcquireLocks { floors, .. } => {
            format!("ask for {}", floors.keys().cloned().collect::<Vec<_>>().join(", "))
        }
        Effect::ReleaseLocks { .. } => "give the locks back".into(),
        Effect::BreakLock { resource, token, .. } => format!("break lock {resource} with token {token}"),
        Effect::RotateKey => "give the journal another key".into(),
        Effect::RunStep { intent, .. } => format!("run the step of entry {intent}"),
        Effect::ForgetEdge { target, .. } => format!("forget that {target} was reported"),
        Effect::AskDecider { request, .. } => format!("ask the decider about entry {request}"),
        Effect::Deliver { notice, .. } => format!("deliver the notice of entry {notice}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_named_by_their_path_and_nothing_else_is() {
        let before = json!({"a": {"b": 1, "c": [1, 2]}, "gone": "x", "same": [1]});
        let after = json!({"a": {"b": 2, "c": [1, 2, 3]}, "new": true, "same": [1]});
        let mut found = Vec::new();
        compare(String::new(), &before, &after, &mut |at, before, after| {
            found.push((at, before.map(Value::to_string), after.map(Value::to_string)));
        });
        let said: Vec<_> = found.iter().map(|(at, b, a)| (at.as_str(), b.as_deref(), a.as_deref())).collect();
        assert_eq!(
            said,
            [
                ("a/b", Some("1"), Some("2")),
                ("a/c/2", None, Some("3")),
                ("gone", Some("\"x\""), None),
                ("new", None, Some("true"))
            ]
        );
    }
}
