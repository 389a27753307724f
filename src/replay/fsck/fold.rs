//! Folds: every entry is legal where it stands, ids and digests that follow from others do, fencing tokens only grow, and
//! snapshots of the state are what folding anew gives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::base::Base;
use super::report::{Check, Findings};
use crate::base::digest::Blake3;
use crate::base::ids::{AttemptId, BootId, IncidentId, NodeId, Seq};
use crate::base::time::Stamp;
use crate::context::{FOLD_VERSION, World};
use crate::event::journal::SnapshotTaken;
use crate::event::{Cause, Event, Kind as _, Record};

#[derive(Deserialize)]
struct Members<'a> {
    seq: Seq,
    time: i64,
    mono: u64,
    boot: BootId,
    node: NodeId,
    kind: &'a str,
    kv: u32,
    incident: Option<IncidentId>,
    cause: Option<Cause>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// See the module.
pub(super) struct Fold {
    world: Option<World>,
    genesis: Blake3,
    stopped: Option<String>,
    legality: Findings,
    derived: Findings,
    snapshots: Findings,
    /// Entries that snapshots are of, with the entry that names each and its hash.
    taken: BTreeMap<Seq, (Seq, Blake3)>,
    tokens: BTreeMap<String, u64>,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            world: None,
            genesis: Blake3::ZERO,
            stopped: None,
            legality: Findings::new("legality", "each entry is allowed by the lifecycle it belongs to"),
            derived: Findings::new(
                "derived",
                "ids, action digests and fencing tokens follow from what stands before",
            ),
            snapshots: Findings::new("snapshots", "each snapshot of the state is what folding anew gives"),
            taken: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }
}

/// The snapshot that a line names, if it does: the entry that it is of, that line's own seq, and its hash. It is named
/// behind what it is of, so it has to be known before.
pub(super) fn snapshot_of(text: &str) -> Option<(Seq, Seq, Blake3)> {
    if !text.contains(SnapshotTaken::KIND) {
        return None;
    }
    let m: Members<'_> = serde_json::from_str(text).ok()?;
    match Event::parse(m.kind, m.kv, m.data.get()) {
        Ok(Event::SnapshotTaken(taken)) if taken.fold_version == FOLD_VERSION => {
            Some((taken.seq, m.seq, taken.state_hash))
        }
        _ => None,
    }
}

impl Fold {
    /// Of a pruned journal: it begins with the state that was kept.
    pub fn above(base: &Base, blobs: &Path) -> Self {
        let mut fold = Self::default();
        let state = base.state.get(..2).zip(base.state.get(2..));
        let bytes = state.and_then(|(part, name)| std::fs::read(blobs.join(part).join(name)).ok());
        let world = bytes.and_then(|bytes| World::from_snapshot(&bytes).ok());
        match world.filter(|world| base.fold_version == FOLD_VERSION && world.next_seq == base.minimum) {
            Some(world) => (fold.genesis, fold.world) = (world.genesis, Some(world)),
            None => fold.stopped = Some("the state that it begins with cannot be used".into()),
        }
        fold
    }

    /// A snapshot will be named.
    pub fn foresee(&mut self, (of, entry, hash): (Seq, Seq, Blake3)) {
        self.taken.insert(of, (entry, hash));
    }

    /// One good line; the blobs that it names, and what it says when that is known.
    pub fn take(&mut self, text: &str) -> (BTreeSet<String>, Option<Event>) {
        let Ok(m) = serde_json::from_str::<Members<'_>>(text) else { return Default::default() };
        let event = match Event::parse(m.kind, m.kv, m.data.get()) {
            Ok(event) => event,
            Err(error) => {
                self.stopped.get_or_insert_with(|| format!("entry {}: {error}", m.seq));
                return Default::default();
            }
        };
        let blobs = event.blobs().iter().map(ToString::to_string).collect();
        if self.stopped.is_some() {
            return (blobs, Some(event));
        }
        let at = Stamp { time_us: m.time, mono_ms: m.mono };
        let (boot, node, incident, cause) = (m.boot, m.node, m.incident, m.cause);
        let record = Record { seq: m.seq, at, boot, node, incident, cause, event };
        self.fold(text, &record);
        (blobs, Some(record.event))
    }

    fn fold(&mut self, text: &str, record: &Record) {
        if record.seq == 0 {
            // The chain hash of the genesis entry, of which ids are derived.
            let signed = format!("{}}}", &text[..text.len().saturating_sub(98)]);
            self.genesis = Blake3::chain(signed.as_bytes());
            self.world = Some(World::new(self.genesis));
        }
        let Some(mut world) = self.world.take() else { return };
        self.legality.looked();
        if let Err(illegal) = world.check(record) {
            self.legality.problem(Some(record.seq), illegal.to_string());
        }
        self.derive(&world, record);
        world.apply(record);
        self.snapshot(&world, record.seq);
        self.world = Some(world);
    }

    /// What follows from other entries.
    fn derive(&mut self, world: &World, record: &Record) {
        let (seq, mut wrong) = (record.seq, None);
        self.derived.looked();
        match &record.event {
            Event::DegradationSeen(seen) => {
                let first = record.incident.filter(|id| world.incident(*id).is_none() && seen.actionable);
                if first.is_some_and(|id| id != IncidentId::derive(&self.genesis, &seen.receipt, 0)) {
                    wrong = Some("the incident's id does not follow from the report".to_owned());
                }
            }
            Event::AttemptPlanned(planned) => {
                let incident = record.incident.and_then(|id| world.incident(id));
                let ordinal = incident.map_or(1, |incident| incident.attempts.len() as u64 + 1);
                let derived = record.incident.map(|id| AttemptId::derive(&self.genesis, &id, ordinal));
                if derived != Some(planned.attempt) {
                    wrong = Some("the attempt's id does not follow from its incident".to_owned());
                }
            }
            Event::StepIntended(intended) => {
                let attempt = record.incident.and_then(|id| world.attempt(id, intended.attempt));
                let step = attempt.and_then(|a| a.planned.plan.steps.get(intended.step as usize));
                let planned = step.and_then(|step| match intended.undo {
                    true => step.undo.as_ref().map(|undo| undo.digest()),
                    false => Some(step.action.digest()),
                });
                if planned != Some(intended.action) {
                    wrong = Some("what is intended is not what was planned".to_owned());
                }
            }
            Event::LockGranted(granted) => {
                for (resource, token) in &granted.tokens {
                    let before = self.tokens.insert(resource.clone(), *token).unwrap_or(0);
                    if *token <= before {
                        wrong =
                            Some(format!("the token of {resource} does not grow: {before}, then {token}"));
                    }
                }
            }
            _ => {}
        }
        if let Some(what) = wrong {
            self.derived.problem(Some(seq), what);
        }
    }

    /// The state after an entry that a snapshot is of.
    fn snapshot(&mut self, world: &World, seq: Seq) {
        let Some((entry, hash)) = self.taken.get(&seq).copied() else { return };
        self.snapshots.looked();
        let anew = world.snapshot().map(|bytes| Blake3::of(&bytes));
        if !anew.is_ok_and(|anew| anew == hash) {
            let what = format!("the state after entry {seq} is another when it is folded anew");
            self.snapshots.problem(Some(entry), what);
        }
    }

    /// What was found.
    pub fn checks(mut self) -> Vec<Check> {
        if let Some(why) = self.stopped {
            for findings in [&mut self.legality, &mut self.derived, &mut self.snapshots] {
                findings.note(format!("not checked from there on: {why}"));
            }
        } else if self.taken.is_empty() {
            self.snapshots.note("there is none of this version's form");
        }
        [self.legality, self.derived, self.snapshots].into_iter().map(Findings::check).collect()
    }
}
