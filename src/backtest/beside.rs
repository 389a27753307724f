//! Recorded and simulated decisions of each incident beside each other, in order: where do they part first?

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::word::Word;
use crate::base::ids::{IncidentId, Seq};
use crate::base::time::rfc3339;
use crate::event::{Event, Record};

/// Words of a course that are kept; an incident that goes on for weeks repeats itself.
const COURSE_MAX: usize = 16;

/// Where a simulated incident went another way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// Which incident.
    pub incident: IncidentId,
    /// What it is: subsystem, code and target.
    pub what: String,
    /// The recorded entry at which it shows, or the last one before it.
    pub seq: Seq,
    /// When, RFC 3339.
    pub at: String,
    /// What was decided then; none = nothing.
    pub recorded: Option<String>,
    /// What would be decided; none = nothing.
    pub simulated: Option<String>,
}

/// A decision that waits for its counterpart.
struct Open {
    word: Word,
    seq: Seq,
    time_us: i64,
}

#[derive(Default)]
struct Pair {
    what: String,
    recorded: VecDeque<Open>,
    simulated: VecDeque<Open>,
    courses: [Vec<String>; 2],
    over: [bool; 2],
    parted: Option<Divergence>,
}

/// An incident that went another way, from its beginning to its end.
pub(super) struct Parted {
    pub divergence: Divergence,
    pub recorded: Vec<String>,
    pub simulated: Vec<String>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Beside {
    pairs: BTreeMap<IncidentId, Pair>,
    pub parted: Vec<Parted>,
    /// Incidents that went the same way to their end.
    pub same: u64,
}

impl Beside {
    /// An entry before the fork: what is open there is compared from there on.
    pub fn before(&mut self, record: &Record) {
        let Some(id) = record.incident else { return };
        match &record.event {
            Event::IncidentOpened(opened) => {
                let what = format!("{}/{} on {}", opened.subsystem, opened.code, opened.target);
                self.pairs.insert(id, Pair { what, ..Pair::default() });
            }
            Event::IncidentClosed(_) => drop(self.pairs.remove(&id)),
            _ => {}
        }
    }

    /// A recorded entry.
    pub fn recorded(&mut self, record: &Record) {
        self.note(record, 0, record.seq);
    }

    /// A simulated one; `seq` is the recorded entry that it follows.
    pub fn simulated(&mut self, record: &Record, seq: Seq) {
        self.note(record, 1, seq);
    }

    fn note(&mut self, record: &Record, side: usize, seq: Seq) {
        let Some(id) = record.incident else { return };
        if let Event::IncidentOpened(opened) = &record.event {
            let pair = self.pairs.entry(id).or_default();
            pair.what = format!("{}/{} on {}", opened.subsystem, opened.code, opened.target);
        }
        let Some(word) = Word::of(&record.event) else { return };
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        if let Some(brief) = word.brief().filter(|brief| pair.courses[side].last() != Some(brief)) {
            match pair.courses[side].len() {
                0..COURSE_MAX => pair.courses[side].push(brief),
                // The end is worth more than the middle.
                _ => pair.courses[side][COURSE_MAX - 1] = brief,
            }
        }
        pair.over[side] |= matches!(word, Word::Closed(_));
        let open = Open { word, seq, time_us: record.at.time_us };
        if side == 0 { &mut pair.recorded } else { &mut pair.simulated }.push_back(open);
        pair.compare(id);
        if pair.over == [true, true] {
            self.settle(id);
        }
    }

    /// Whether an incident is known to have gone another way.
    pub fn differs(&self, id: IncidentId) -> bool {
        let pair = self.pairs.get(&id);
        pair.is_some_and(|p| p.parted.is_some() || !p.recorded.is_empty() || !p.simulated.is_empty())
    }

    fn settle(&mut self, id: IncidentId) {
        let Some(mut pair) = self.pairs.remove(&id) else { return };
        pair.end(id);
        match pair.parted {
            None => self.same += 1,
            Some(divergence) => {
                let [recorded, simulated] = pair.courses;
                self.parted.push(Parted { divergence, recorded, simulated });
            }
        }
    }

    /// At the end of history: what is left without a counterpart is a difference, too.
    pub fn finish(&mut self) {
        let ids: Vec<IncidentId> = self.pairs.keys().copied().collect();
        ids.into_iter().for_each(|id| self.settle(id));
        self.parted.sort_by_key(|parted| (parted.divergence.seq, parted.divergence.incident));
    }
}

impl Pair {
    fn compare(&mut self, id: IncidentId) {
        while let (Some(recorded), Some(simulated)) = (self.recorded.front(), self.simulated.front()) {
            if recorded.word != simulated.word && self.parted.is_none() {
                self.parted = Some(self.divergence(id));
            }
            // Behind a parting the two are no longer counterparts: nothing is kept of them.
            self.recorded.pop_front();
            self.simulated.pop_front();
        }
    }

    fn divergence(&self, id: IncidentId) -> Divergence {
        let (recorded, simulated) = (self.recorded.front(), self.simulated.front());
        let place = recorded.or(simulated).map_or((0, 0), |open| (open.seq, open.time_us));
        Divergence {
            incident: id,
            what: self.what.clone(),
            seq: place.0,
            at: rfc3339(place.1),
            recorded: recorded.map(|open| open.word.say()),
            simulated: simulated.map(|open| open.word.say()),
        }
    }

    fn end(&mut self, id: IncidentId) {
        if self.parted.is_none() && (!self.recorded.is_empty() || !self.simulated.is_empty()) {
            self.parted = Some(self.divergence(id));
        }
    }
}
