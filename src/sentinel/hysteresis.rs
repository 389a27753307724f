//! When looks become an edge: a pure function of what was seen so far and what is seen now.
//! An unknown look says nothing: it neither adds to a run of good or bad looks nor breaks it.

use crate::event::plan::SentinelPlan;
use crate::event::verification::Verdict;

/// What was published last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastEdge {
    /// Nothing bad, or it has recovered.
    #[default]
    Good,
    /// Degraded.
    Bad,
}

/// What is published now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Enough bad looks in a row.
    Degraded,
    /// Enough good looks in a row after that.
    Recovered,
    /// Too many looks in a row that say nothing.
    Blind,
}

/// How many looks in a row make an edge. Zero means one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Bad looks.
    pub failures: u32,
    /// Good looks.
    pub successes: u32,
    /// Looks that say nothing.
    pub unknowns: u32,
}

impl From<&SentinelPlan> for Thresholds {
    fn from(plan: &SentinelPlan) -> Self {
        Self { failures: plan.failures, successes: plan.successes, unknowns: plan.unknowns }
    }
}

/// What has been seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    last: LastEdge,
    bad: u32,
    good: u32,
    unknown: u32,
    /// A look could tell something since the start, or since it was published as blind.
    sees: bool,
}

impl State {
    /// Nothing seen yet since this was published.
    pub fn after(last: LastEdge) -> Self {
        Self { last, ..Self::default() }
    }

    /// The same, as far as it can see, after which the trouble is known to be gone.
    pub fn forget_edge(self) -> Self {
        Self { sees: self.sees, ..Self::after(LastEdge::Good) }
    }

    /// Whether this look shows that it can tell, which was not known before: at the first one that can after a start,
    /// as whoever ran before may have published it as blind, and after each blindness.
    pub fn begins_to_see(self, verdict: Verdict) -> bool {
        !self.sees && verdict != Verdict::Unknown
    }

    /// What was published last.
    pub fn last(self) -> LastEdge {
        self.last
    }

    /// Takes one look in.
    pub fn next(self, verdict: Verdict, thresholds: Thresholds) -> (Self, Option<Edge>) {
        match verdict {
            Verdict::Failed => {
                let now = Self { bad: self.bad.saturating_add(1), good: 0, unknown: 0, sees: true, ..self };
                if self.last == LastEdge::Good && now.bad >= thresholds.failures {
                    return (Self { last: LastEdge::Bad, ..now }, Some(Edge::Degraded));
                }
                (now, None)
            }
            Verdict::Healthy => {
                let now = Self { good: self.good.saturating_add(1), bad: 0, unknown: 0, sees: true, ..self };
                if self.last == LastEdge::Bad && now.good >= thresholds.successes {
                    return (Self { last: LastEdge::Good, ..now }, Some(Edge::Recovered));
                }
                (now, None)
            }
            Verdict::Unknown => {
                let now = Self { unknown: self.unknown.saturating_add(1), ..self };
                // Said once per run of them, at the moment when the run is long enough.
                match now.unknown == thresholds.unknowns.max(1) {
                    true => (Self { sees: false, ..now }, Some(Edge::Blind)),
                    false => (now, None),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const THREE: Thresholds = Thresholds { failures: 3, successes: 2, unknowns: 2 };

    fn edges(last: LastEdge, looks: &str, thresholds: Thresholds) -> Vec<(usize, Edge)> {
        let mut state = State::after(last);
        let mut edges = Vec::new();
        for (i, look) in looks.chars().enumerate() {
            let verdict = match look {
                'F' => Verdict::Failed,
                'H' => Verdict::Healthy,
                _ => Verdict::Unknown,
            };
            let (next, edge) = state.next(verdict, thresholds);
            state = next;
            edges.extend(edge.map(|edge| (i, edge)));
        }
        edges
    }

    #[test]
    fn examples() {
        use Edge::{Blind, Degraded, Recovered};
        use LastEdge::{Bad, Good};
        for (last, looks, expected) in [
            (Good, "HHFFHFF", vec![]),
            (Good, "FFFFFF", vec![(2, Degraded)]),
            (Good, "FFUF", vec![(3, Degraded)]),
            (Good, "FFFHFHH", vec![(2, Degraded), (6, Recovered)]),
            (Bad, "FFFF", vec![]),
            (Bad, "HUH", vec![(2, Recovered)]),
            (Good, "UUUUHUU", vec![(1, Blind), (6, Blind)]),
            (Good, "HHHH", vec![]),
        ] {
            assert_eq!(edges(last, looks, THREE), expected, "{last:?} {looks}");
        }
        let zero = Thresholds { failures: 0, successes: 0, unknowns: 0 };
        assert_eq!(edges(Good, "FHU", zero), [(0, Degraded), (1, Recovered), (2, Blind)]);
    }

    #[test]
    fn that_it_sees_is_known_once_after_a_start_and_after_each_blindness() {
        let mut state = State::after(LastEdge::Bad);
        let mut began = Vec::new();
        for (i, look) in "UHFUHUUFH".chars().enumerate() {
            let verdict = match look {
                'F' => Verdict::Failed,
                'H' => Verdict::Healthy,
                _ => Verdict::Unknown,
            };
            if state.begins_to_see(verdict) {
                began.push(i);
            }
            state = state.next(verdict, THREE).0;
        }
        assert_eq!(began, [1, 7]);
        assert!(!state.forget_edge().begins_to_see(Verdict::Healthy), "a forgotten edge is no blindness");
    }

    proptest! {
        #[test]
        fn edges_alternate_and_rest_on_enough_looks(
            bad in any::<bool>(),
            looks in "[FHU]{0,60}",
            (failures, successes, unknowns) in (1u32..5, 1u32..5, 1u32..5),
        ) {
            let thresholds = Thresholds { failures, successes, unknowns };
            let mut last = if bad { LastEdge::Bad } else { LastEdge::Good };
            for (at, edge) in edges(last, &looks, thresholds) {
                let seen = &looks[..=at];
                let run = |of: char, against: char| {
                    let tail = seen.rsplit(against).next().unwrap_or_default();
                    u32::try_from(tail.matches(of).count()).unwrap()
                };
                match edge {
                    Edge::Degraded => {
                        prop_assert_eq!(last, LastEdge::Good);
                        prop_assert!(run('F', 'H') >= failures);
                        last = LastEdge::Bad;
                    }
                    Edge::Recovered => {
                        prop_assert_eq!(last, LastEdge::Bad);
                        prop_assert!(run('H', 'F') >= successes);
                        last = LastEdge::Good;
                    }
                    Edge::Blind => prop_assert!(seen.ends_with(&"U".repeat(unknowns as usize))),
                }
            }
        }
    }
}
