//! Recorded history through `decide` again, with another runbook, catalog or policy: what would have been decided?
//! Effects are dropped; how the target would have reacted follows a stated model ([`MODEL`]). Pure: whoever reads the
//! journal hands in its entries. Not for finding out what happened (`replay::postmortem`).

mod answer;
mod beside;
mod count;
mod given;
mod recorded;
mod report;
mod shelf;
mod word;

use std::collections::BTreeMap;

use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::{BootId, IncidentId, NodeId, Seq};
use crate::base::time::Stamp;
use crate::context::World;
use crate::event::content::{CatalogLoaded, ConfigLoaded};
use crate::event::{Event, Record};
use crate::policy::{Effect, Input, Now, decide, effects, next_timer};
use crate::runbook::{Catalog, Policy};

use answer::Answers;
use beside::Beside;
use count::Count;
use recorded::Recorded;
use shelf::Shelf;

pub use beside::Divergence;
pub use count::{Conflict, Counted};
pub use report::{Example, Report, Summary};

/// How a target is taken to have reacted, for people: every report says so.
pub const MODEL: &[&str] = &[
    "reports, recoveries, restarts, pauses and what else people and machines did come as they were recorded",
    "a look that was recorded in the same incident with the same probe says what it said; any other says unknown",
    "a step that was recorded in the same incident with the same action ends as it did; any other is taken as done, at once",
    "a verification is believed only where the same actions were recorded; the effect of other actions stays unknown: if the recorded incident was over in time, it is not tried again",
    "a lock that no attempt holds is granted; whoever is told is told at once",
    "a request for more trust is answered as it was for the same bytes; one that nobody was asked then is not answered",
    "where the recorded incident was over, the simulated one is over too, unless an attempt is under way",
];

/// A runbook that is tried.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// Digest of its bytes.
    pub digest: FileDigest,
    /// Its file, and others that are taken where a catalog has none of their kind and id: path and bytes.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What is different from what was.
#[derive(Default)]
pub struct Swap {
    /// A runbook over every catalog; it counts as live.
    pub candidate: Option<Candidate>,
    /// A catalog instead of every recorded one.
    pub catalog: Option<(CatalogLoaded, Catalog)>,
    /// Limits instead of every recorded ones.
    pub limits: Option<ConfigLoaded>,
    /// A trust policy instead of every catalog's own: who has to approve, what has to be shown, what is done without people.
    pub policy: Option<Policy>,
}

/// Where history is left: up to there it is taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// At the beginning: everything is decided anew.
    Start,
    /// Behind this entry.
    After(Seq),
    /// Before the first entry of this wall time, Unix µs.
    Since(i64),
}

/// Where the bytes of recorded manifests come from.
pub type Manifests<'a> = Box<dyn FnMut(&Blake3) -> Option<Vec<u8>> + 'a>;

/// See the module. Hand in every entry that [`wants`] means, in order, then ask for the report.
pub struct Backtest<'a> {
    world: World,
    shelf: Shelf<'a>,
    limits: Option<ConfigLoaded>,
    fork: Fork,
    forked: bool,
    recorded: Recorded,
    answers: Answers,
    beside: Beside,
    count: Count,
    now: Now,
    /// Where the journal's clock stood at `now`.
    elapsed_ms: u64,
    adopted: Vec<FileDigest>,
    /// Recorded requests for more trust: which bytes each was for.
    asked: BTreeMap<Seq, FileDigest>,
    timer: Option<u64>,
    entries: u64,
    first: Option<(Seq, i64)>,
    last: (Seq, i64),
}

/// Whether entries of a kind matter here; the rest need not be decoded.
pub fn wants(kind: &str) -> bool {
    let family = kind.split('.').next().unwrap_or_default();
    match family {
        "notice" | "sentinel" | "service" => false,
        "journal" => kind == "journal.genesis",
        _ => !matches!(
            kind,
            "degradation.refused" | "step.started" | "process.clock_stepped" | "incident.coalesced"
        ),
    }
}

impl<'a> Backtest<'a> {
    /// Of the journal with this genesis entry.
    pub fn new(genesis: Blake3, node: NodeId, fork: Fork, swap: Swap, manifests: Manifests<'a>) -> Self {
        let Swap { candidate, catalog, limits, policy } = swap;
        let digest = candidate.as_ref().map(|c| (c.id.clone(), c.digest));
        let at = Stamp { time_us: 0, mono_ms: 0 };
        Self {
            world: World::new(genesis),
            shelf: Shelf::new(candidate, catalog, policy, manifests),
            limits,
            fork,
            forked: false,
            recorded: Recorded::default(),
            answers: Answers::default(),
            beside: Beside::default(),
            count: Count::new(digest),
            now: Now { at, boot: BootId(uuid::Uuid::nil()), node, space_low: false },
            elapsed_ms: 0,
            adopted: Vec::new(),
            asked: BTreeMap::new(),
            timer: None,
            entries: 0,
            first: None,
            last: (0, 0),
        }
    }

    /// Begins with the state that a pruned journal does.
    pub fn beginning_with(mut self, world: World) -> Self {
        if let Some((_, loaded)) = &world.catalog {
            self.shelf.note(&Event::CatalogLoaded(loaded.clone()));
        }
        self.elapsed_ms = world.elapsed_ms();
        self.world = world;
        self
    }

    /// Takes in the next recorded entry.
    pub fn record(&mut self, record: &Record) {
        self.entries += 1;
        let before = match self.fork {
            Fork::Start => false,
            Fork::After(seq) => record.seq <= seq,
            Fork::Since(us) => !self.forked && record.at.time_us < us,
        };
        // What one decision made has one stamp: history is not left in the middle of it.
        let stamp = (record.at, record.boot) == (self.now.at, self.now.boot);
        let before = before || !self.forked && self.world.next_seq > 1 && stamp;
        if before || matches!(record.event, Event::Genesis(_)) {
            self.fold(record);
            return;
        }
        if !self.forked {
            self.begin();
        }
        self.first.get_or_insert((record.seq, record.at.time_us));
        self.last = (record.seq, record.at.time_us);
        self.simulate(record);
    }

    /// An entry before the fork: it happened, and what it asked of hands and eyes is still under way.
    fn fold(&mut self, record: &Record) {
        self.shelf.note(&record.event);
        self.recorded.note(record);
        self.beside.before(record);
        match record.event {
            Event::ProcessStarted(_) => self.answers.clear(),
            _ => self.answers.forget_answered(record),
        }
        self.world.apply(record);
        self.stand_at(record);
        let asked = effects(&self.world, record);
        self.answers.ask(asked, &self.world);
    }

    fn stand_at(&mut self, record: &Record) {
        self.now = Now { at: record.at, boot: record.boot, ..self.now };
        self.elapsed_ms = self.world.elapsed_at(record.at);
    }

    /// The fork: what is different comes into force.
    fn begin(&mut self) {
        self.forked = true;
        let waiting: Vec<Seq> = self.world.outbox.waiting.keys().copied().collect();
        for notice in waiting {
            self.tell(notice);
        }
        if self.world.next_seq <= 1 {
            return;
        }
        if self.limits.is_some() {
            let config = self.world.config.clone();
            self.decide(Input::ConfigLoaded(self.with_limits(config)));
        } else {
            self.world.config = quiet(self.world.config.clone());
        }
        let loaded = match &self.shelf.swapped {
            Some((loaded, _)) => Some(loaded.clone()),
            None => self.world.catalog.as_ref().map(|(_, loaded)| loaded.clone()),
        };
        if let Some(loaded) = loaded.filter(|_| self.shelf.differs()) {
            self.decide(Input::CatalogLoaded { loaded, live: Vec::new() });
        }
    }

    fn with_limits(&self, recorded: ConfigLoaded) -> ConfigLoaded {
        let (channels, announce, outcomes) =
            (recorded.channels.clone(), recorded.announce.clone(), recorded.outcomes.clone());
        quiet(match &self.limits {
            Some(limits) => ConfigLoaded { channels, announce, outcomes, ..limits.clone() },
            None => recorded,
        })
    }

    fn simulate(&mut self, record: &Record) {
        self.shelf.note(&record.event);
        if matches!(record.event, Event::ProcessStarted(_)) {
            // What a dead daemon waited for never came.
            self.answers.clear();
        } else if record.boot == self.now.boot {
            self.run_until(self.world.elapsed_at(record.at));
        }
        self.stand_at(record);
        self.catch_up(record);
        self.recorded.note(record);
        self.beside.recorded(record);
        if let Some(input) = self.answers.answered_by(record, &self.recorded, &self.world) {
            self.decide(input);
        }
        given::feed(self, record);
    }

    /// What a recorded entry answers may be due at its very moment: then it waits for it now.
    fn catch_up(&mut self, record: &Record) {
        let Some(incident) = record.incident else { return };
        let looks_due = self.recorded.course(incident).is_some_and(|course| course.look_due);
        let answers = match &record.event {
            Event::PreconditionsChecked(_)
            | Event::LockGranted(_)
            | Event::LockRefused(_)
            | Event::StepFinished(_)
            | Event::VerificationObserved(_)
            | Event::VerificationConcluded(_) => true,
            // These may as well follow from the decision that has just been made.
            Event::IncidentEscalated(_)
            | Event::EscalationHeld(_)
            | Event::IncidentHeld(_)
            | Event::IncidentClosed(_) => looks_due,
            _ => false,
        };
        let upto = self.elapsed_ms;
        while answers && self.answers.has_due(incident, upto) {
            if let Some(input) = self.answers.take_due_of(incident, upto, &self.recorded, &self.world) {
                self.decide(input);
            }
        }
    }

    /// Everything of the simulation that is due before a moment of the journal's clock.
    fn run_until(&mut self, until: u64) {
        loop {
            let timer = self.timer.filter(|at| *at < until);
            let due = self.answers.next_due().filter(|at| *at < until);
            let at = match (timer, due) {
                (Some(timer), Some(due)) => timer.min(due),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => return,
            };
            self.go_to(at);
            if due.is_some_and(|due| due <= at) {
                if let Some(input) = self.answers.take_due(&self.recorded, &self.world) {
                    self.decide(input);
                }
            } else {
                // Whatever a tick leaves as it is comes up again with the next change.
                self.timer = None;
                self.decide(Input::Tick);
            }
        }
    }

    fn go_to(&mut self, at: u64) {
        let ahead = at.saturating_sub(self.elapsed_ms);
        let us = i64::try_from(ahead.saturating_mul(1_000)).unwrap_or(i64::MAX);
        self.now.at.time_us = self.now.at.time_us.saturating_add(us);
        self.now.at.mono_ms = self.now.at.mono_ms.saturating_add(ahead);
        self.elapsed_ms = self.elapsed_ms.max(at);
    }

    fn decide(&mut self, input: Input) {
        self.shelf.ensure();
        let decision = decide(&mut self.world, &self.shelf, input, self.now);
        if decision.records.is_empty() {
            return;
        }
        for record in &decision.records {
            self.beside.simulated(record, self.last.0);
            self.count.note(record, &self.world, &self.shelf);
            self.answers.begun(record);
        }
        let mut told = Vec::new();
        let asked = decision.effects.into_iter().filter(|effect| match effect {
            Effect::Deliver { notice, .. } => {
                told.push(*notice);
                false
            }
            _ => true,
        });
        self.answers.ask(asked.collect(), &self.world);
        self.timer = next_timer(&self.world);
        for notice in told {
            self.tell(notice);
        }
    }

    fn tell(&mut self, notice: Seq) {
        let answer = crate::event::notice::Delivery::Delivered { said: String::new() };
        let input = Input::NoticeTried { notice, answer };
        let decision = decide(&mut self.world, &self.shelf, input, self.now);
        self.answers.ask(decision.effects, &self.world);
    }

    /// Whether an incident of the simulation went another way than the recorded one.
    pub(crate) fn differs(&self, id: IncidentId) -> bool {
        self.beside.differs(id)
    }
}

/// Who is told of everything is told nothing here: telling changes no decision, and costs an entry each.
fn quiet(config: ConfigLoaded) -> ConfigLoaded {
    ConfigLoaded { announce: Vec::new(), outcomes: Vec::new(), ..config }
}
