//! One pass over a journal for one incident: its entries, what happened around them, the incidents before it, and what
//! the chain and the signatures under them say. Not for what a person is told of it (`tell`, `beyond`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::model::{Past, Proof};
use super::{Error, NEAREST, told};
use crate::audit::outcome_word;
use crate::base::digest::Blake3;
use crate::base::ids::{Fingerprint, IncidentId, NodeId, Seq, SubjectId};
use crate::base::sign::{KeyId, PublicKey};
use crate::base::time::rfc3339;
use crate::context::{IncidentState, RemediationContext, World};
use crate::event::content::ConfigLoaded;
use crate::event::subject::SubjectErased;
use crate::event::{Event, Kind as _, Record};
use crate::journal::{self, LineRef};
use crate::replay::History;

/// Entries about repeated reports that are kept: half of the first and half of the last.
const REPEATS_MAX: usize = 100;

/// An entry with the journal's clock at it.
pub(super) struct Related {
    pub record: Record,
    pub elapsed_ms: u64,
    /// It is one of the incident's own.
    pub own: bool,
}

/// How much of the limits was used at a decision.
pub(super) struct Used {
    pub fingerprint_attempts: u64,
    pub active_attempts: u64,
    pub config: ConfigLoaded,
}

/// Everything that a post-mortem is told from.
pub(super) struct Gathered {
    pub node: NodeId,
    pub genesis: Blake3,
    pub context: RemediationContext,
    pub rows: Vec<Related>,
    pub left_out: u64,
    pub config: ConfigLoaded,
    pub used: BTreeMap<Seq, Used>,
    pub states: Vec<(IncidentState, u64, u64)>,
    pub catalogs: BTreeMap<Seq, Blake3>,
    pub past: Vec<Past>,
    /// The last entry that this rests on: seq, wall time, journal's clock.
    pub until: (Seq, i64, u64),
    pub proof: Proof,
    /// Subjects whose key was destroyed, also after its end.
    pub erased: BTreeSet<SubjectId>,
}

/// An incident before this one, as far as it went until this one began.
struct Before {
    fingerprint: Fingerprint,
    kind: (String, String),
    target: String,
    seq: Seq,
    time_us: i64,
    elapsed_ms: u64,
    runbooks: Vec<String>,
    ended: Option<(String, u64)>,
}

struct Pass {
    id: IncidentId,
    world: World,
    key: PublicKey,
    keys: Vec<(KeyId, Seq)>,
    signatures: u64,
    bad_signatures: Vec<Seq>,
    rows: Vec<Related>,
    repeats: Vec<Related>,
    left_out: u64,
    notices: BTreeSet<Seq>,
    intents: BTreeSet<Seq>,
    before: BTreeMap<IncidentId, Before>,
    config: ConfigLoaded,
    used: BTreeMap<Seq, Used>,
    states: Vec<(IncidentState, u64, u64)>,
    catalogs: BTreeMap<Seq, Blake3>,
    context: Option<RemediationContext>,
    erased: BTreeSet<SubjectId>,
    /// The last entry of all, and the last that belongs to it.
    last: (Seq, i64, u64),
    related: (Seq, i64, u64),
    hash: Blake3,
}

/// Gathers it.
pub(super) fn gather(history: &History, id: IncidentId) -> Result<Gathered, Error> {
    let genesis = history.genesis_hash();
    let mut keys = history.first_keys();
    let key = keys.pop().unwrap_or_else(|| (history.genesis().public_key.clone(), 0));
    let mut pass = Pass::new(id, history.first_world()?, key);
    pass.keys.splice(0..0, keys.iter().map(|(key, from)| (key.id(), *from)));
    let mut failed = None;
    let read = history.lines(None, &mut |line| match pass.line(line) {
        Ok(()) => ControlFlow::Continue(()),
        Err(source) => {
            failed = Some(journal::Error::Unreadable { seq: line.seq, source });
            ControlFlow::Break(())
        }
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let Some(context) = pass.context.take() else {
        let nearest = nearest(&pass.before, id);
        let damage = read.damage.map(|damage| damage.to_string());
        return Err(Error::Unknown { id, nearest, damage });
    };
    // Half of a story would read like all of it.
    let (seq, minimum) = (context.signal.first_seq, history.minimum());
    if seq < minimum {
        return Err(journal::Error::Pruned { seq, minimum }.into());
    }
    let until = if context.is_closed() { pass.related } else { pass.last };
    // Only what this rests on counts: entries behind it change nothing of it.
    pass.check_last(history, until.0)?;
    pass.keys.retain(|(_, from)| *from <= until.0);
    let begin = pass.rows.first().map_or(0, |row| row.elapsed_ms);
    if let Some(last) = pass.states.last_mut().filter(|_| !context.is_closed()) {
        last.2 = until.2;
    }
    let mut rows = pass.rows;
    rows.extend(pass.repeats);
    rows.sort_by_key(|row| row.record.seq);
    Ok(Gathered {
        node: history.genesis().node,
        genesis,
        past: past(&pass.before, begin, &context),
        context,
        rows,
        left_out: pass.left_out,
        config: pass.config,
        used: pass.used,
        states: pass.states,
        catalogs: pass.catalogs,
        until,
        erased: pass.erased,
        proof: Proof {
            chained: until.0 + 1,
            hash: Some(pass.hash),
            signatures: pass.signatures,
            bad_signatures: pass.bad_signatures,
            keys: pass.keys,
            damage: read.damage.map(|damage| damage.to_string()),
        },
    })
}

impl Pass {
    fn new(id: IncidentId, world: World, (key, from): (PublicKey, Seq)) -> Self {
        let keys = vec![(key.id(), from)];
        // What was in force before the first entry there is.
        let catalogs = world.catalog.iter().map(|(seq, loaded)| (*seq, loaded.manifest)).collect();
        Self {
            id,
            config: world.config.clone(),
            erased: world.control.erased.iter().copied().collect(),
            world,
            key,
            keys,
            signatures: 0,
            bad_signatures: Vec::new(),
            rows: Vec::new(),
            repeats: Vec::new(),
            left_out: 0,
            notices: BTreeSet::new(),
            intents: BTreeSet::new(),
            before: BTreeMap::new(),
            used: BTreeMap::new(),
            states: Vec::new(),
            catalogs,
            context: None,
            last: (0, 0, 0),
            related: (0, 0, 0),
            hash: Blake3::ZERO,
        }
    }

    fn line(&mut self, line: &LineRef<'_>) -> Result<(), crate::event::Error> {
        let over = self.context.as_ref().is_some_and(RemediationContext::is_closed);
        let own = line.incident == Some(self.id);
        if line.kind == SubjectErased::KIND
            && let Event::SubjectErased(erased) = line.record()?.event
        {
            self.erased.insert(erased.subject);
        }
        let late = ["notice.delivered", "notice.failed", "process.started", "journal.key_rotated"];
        if over && !own && !late.contains(&line.kind) {
            // Nothing behind its end belongs to it but what became of its notices.
            return Ok(());
        }
        let record = line.record()?;
        if over {
            self.world.clock.apply(&record);
        } else {
            self.world.apply(&record);
        }
        let elapsed_ms = self.world.elapsed_ms();
        self.last = (record.seq, record.at.time_us, elapsed_ms);
        self.check(line, &record, own);
        if self.context.is_none() && !own {
            self.remember(&record, elapsed_ms);
        }
        if own || self.belongs(&record) {
            self.take(record, elapsed_ms, over);
        } else if !self.rows.is_empty() && !over && is_around(&record.event) {
            self.rows.push(Related { record, elapsed_ms, own: false });
        }
        Ok(())
    }

    /// Keys as they change, and the signatures of what this report rests on.
    fn check(&mut self, line: &LineRef<'_>, record: &Record, own: bool) {
        // Behind the end a change of keys matters only to what still belongs to it.
        let over = self.context.as_ref().is_some_and(RemediationContext::is_closed);
        let rotates = !over && matches!(record.event, Event::Genesis(_) | Event::KeyRotated(_));
        if own || rotates || self.belongs(record) {
            self.signatures += 1;
            if !line.verify(&self.key) {
                self.bad_signatures.push(record.seq);
            }
        }
        match &record.event {
            Event::KeyRotated(rotated) => {
                self.key = rotated.public_key.clone();
                self.keys.push((self.key.id(), record.seq + 1));
            }
            Event::CatalogLoaded(loaded) => {
                self.catalogs.insert(record.seq, loaded.manifest);
            }
            _ => {}
        }
    }

    /// What became of a notice, and a service that a step started, name the incident by another entry only.
    fn belongs(&self, record: &Record) -> bool {
        match &record.event {
            Event::NoticeDelivered(told) => self.notices.contains(&told.notice),
            Event::NoticeFailed(told) => self.notices.contains(&told.notice),
            Event::ServiceStarted(started) => self.intents.contains(&started.intent),
            _ => false,
        }
    }

    fn take(&mut self, record: Record, elapsed_ms: u64, over: bool) {
        self.related = self.last;
        match &record.event {
            Event::NoticeQueued(_) => drop(self.notices.insert(record.seq)),
            Event::StepIntended(_) => drop(self.intents.insert(record.seq)),
            Event::IncidentMatched(_) | Event::IncidentHeld(_) => self.note_limits(record.seq),
            _ => {}
        }
        if self.rows.is_empty() {
            self.config = self.world.config.clone();
        }
        if !over && let Some(context) = self.world.incident(self.id).cloned() {
            self.note_state(context.state, elapsed_ms);
            self.context = Some(context);
        }
        let repeated = matches!(record.event, Event::DegradationSeen(_) | Event::IncidentCoalesced(_));
        if repeated && !self.rows.is_empty() {
            self.repeats.push(Related { record, elapsed_ms, own: true });
            if self.repeats.len() > REPEATS_MAX {
                self.repeats.remove(REPEATS_MAX / 2);
                self.left_out += 1;
            }
        } else {
            self.rows.push(Related { record, elapsed_ms, own: true });
        }
    }

    fn note_limits(&mut self, seq: Seq) {
        let (world, config) = (&self.world, self.world.config.clone());
        let Some(context) = world.incident(self.id) else { return };
        let (window, now) = (config.fingerprint_window.ms(), world.elapsed_ms());
        let made = world.history.fingerprint_attempts(context.fingerprint, window, now) as u64;
        let active_attempts = world.active_attempts() as u64;
        self.used.insert(seq, Used { fingerprint_attempts: made, active_attempts, config });
    }

    fn note_state(&mut self, state: IncidentState, elapsed_ms: u64) {
        match self.states.last_mut() {
            Some((last, _, to)) if *last == state => *to = elapsed_ms,
            last => {
                if let Some((_, _, to)) = last {
                    *to = elapsed_ms;
                }
                self.states.push((state, elapsed_ms, elapsed_ms));
            }
        }
    }

    /// Incidents before this one, each as far as it went.
    fn remember(&mut self, record: &Record, elapsed_ms: u64) {
        let Some(id) = record.incident else { return };
        match &record.event {
            Event::IncidentOpened(opened) => {
                let before = Before {
                    fingerprint: opened.fingerprint,
                    kind: (opened.subsystem.clone(), opened.code.clone()),
                    target: opened.target.clone(),
                    seq: record.seq,
                    time_us: record.at.time_us,
                    elapsed_ms,
                    runbooks: Vec::new(),
                    ended: None,
                };
                self.before.insert(id, before);
            }
            Event::AttemptPlanned(planned) => {
                if let Some(before) = self.before.get_mut(&id) {
                    let dry = if planned.dry_run { " (dry run)" } else { "" };
                    before.runbooks.push(format!("{}{dry}", planned.runbook));
                }
            }
            Event::AttemptEnded(ended) => {
                if let Some(last) = self.before.get_mut(&id).and_then(|before| before.runbooks.last_mut()) {
                    last.push_str(": ");
                    last.push_str(outcome_word(ended.outcome));
                }
            }
            Event::IncidentClosed(closed) => {
                if let Some(before) = self.before.get_mut(&id) {
                    before.ended = Some((super::word(&closed.closure), elapsed_ms));
                }
            }
            _ => {}
        }
    }

    /// The signature of the last entry vouches for the chain before it.
    fn check_last(&mut self, history: &History, seq: Seq) -> Result<(), journal::Error> {
        let keys = &self.keys;
        let (mut hash, mut holds) = (None, None);
        let key = self.key.clone();
        history.lines(seq.checked_sub(1), &mut |line| {
            hash = Some(line.chain_hash());
            let in_force = keys.iter().rev().find(|(_, from)| *from <= line.seq).map(|(id, _)| *id);
            // An older key than the last one is known by its id only; its entries were checked on the way.
            holds = (in_force == Some(key.id())).then(|| line.verify(&key));
            ControlFlow::Break(())
        })?;
        self.hash = hash.unwrap_or(Blake3::ZERO);
        if holds == Some(false) && !self.bad_signatures.contains(&seq) {
            self.bad_signatures.push(seq);
        }
        Ok(())
    }
}

/// What happens to the machine and by people while an incident is open, and may explain it.
fn is_around(event: &Event) -> bool {
    use Event as E;
    matches!(
        event,
        E::ProcessStarted(_)
            | E::ProcessStopped(_)
            | E::ClockStepped(_)
            | E::LeftoversDealtWith(_)
            | E::ConfigLoaded(_)
            | E::CatalogLoaded(_)
            | E::TrustChanged(_)
            | E::TrustRefused(_)
            | E::Paused(_)
            | E::DrainStarted(_)
            | E::Drained(_)
            | E::Resumed(_)
            | E::LockBreakOrdered(_)
            | E::LockBroken(_)
            | E::TargetCleared(_)
            | E::LineRepaired(_)
            | E::TailCut(_)
            | E::KeyRotated(_)
    )
}

/// Those before it that were alike, the same fingerprint first, each the newest first.
fn past(before: &BTreeMap<IncidentId, Before>, begin: u64, context: &RemediationContext) -> Vec<Past> {
    let first = &context.signal.first;
    let alike = |b: &&Before| b.kind.0 == first.subsystem && b.kind.1 == first.code;
    let mut all: Vec<(&IncidentId, &Before)> = before.iter().filter(|(_, b)| alike(b)).collect();
    all.sort_by_key(|(_, b)| (b.fingerprint != context.fingerprint, std::cmp::Reverse(b.seq)));
    all.into_iter()
        .map(|(id, b)| Past {
            incident: *id,
            at: rfc3339(b.time_us),
            seq: b.seq,
            target: told(&b.target),
            same: b.fingerprint == context.fingerprint,
            runbooks: b.runbooks.clone(),
            ended: b.ended.as_ref().map_or_else(|| "open".to_owned(), |(how, _)| how.clone()),
            took_ms: b.ended.as_ref().map(|(_, at)| at.saturating_sub(b.elapsed_ms)),
            before_ms: begin.saturating_sub(b.elapsed_ms),
        })
        .collect()
}

/// Ids that begin most like the one that was asked for, the newest first.
fn nearest(before: &BTreeMap<IncidentId, Before>, id: IncidentId) -> Vec<IncidentId> {
    let wanted = id.to_string();
    let alike = |other: &IncidentId| {
        other.to_string().bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count()
    };
    let mut all: Vec<(usize, Seq, IncidentId)> =
        before.iter().map(|(other, b)| (alike(other), b.seq, *other)).collect();
    all.sort_by(|a, b| b.cmp(a));
    all.into_iter().take(NEAREST).map(|(_, _, id)| id).collect()
}
