//! Look kind `heartbeat`, the dead man's switch: somebody says again and again that he lives, and is missed when he
//! does not. A beat says *when* its sender lived, so one that is sent again, or late, says nothing new. Beats are
//! kept in memory only: what became of them (missed, back again) is in the journal, and after a start of the daemon
//! everybody has his time anew. Not for who may beat (the route).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{saw, with};
use crate::base::limits::HEARTBEAT_AHEAD_MS_MAX;
use crate::base::time::Span;
use crate::event::plan::{HeartbeatLook, LookPlan, SentinelPlan};
use crate::event::verification::{Observation, Verdict};

/// Everybody who is expected to beat. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Beats(Arc<Mutex<BTreeMap<String, Expected>>>);

/// One who is expected.
#[derive(Debug)]
struct Expected {
    since: Instant,
    subsystems: BTreeSet<String>,
    max_age: Span,
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    /// When the sender lived, on its own clock (Unix ms).
    at_ms: u64,
    /// The same on ours.
    lived: Instant,
    count: u64,
}

/// What a beat has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The first one since the daemon's start, or since it was missed.
    pub edge: bool,
    /// How long ago the sender lived, by what it says.
    pub age_ms: u64,
}

/// Why a beat does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BeatRefused {
    /// No sentinel looks for it.
    #[error("no live sentinel expects a heartbeat `{0}`")]
    NotExpected(String),
    /// It is not later than one that has counted.
    #[error(
        "a beat of {at_ms} or later has counted already (its last was {last_ms}); this one says nothing new"
    )]
    Replayed {
        /// What it says (Unix ms).
        at_ms: u64,
        /// What the last one said (Unix ms).
        last_ms: u64,
    },
    /// It is from the future.
    #[error(
        "it lies {ahead_ms} ms ahead of this machine's clock; at most {HEARTBEAT_AHEAD_MS_MAX} ms are believed"
    )]
    Ahead {
        /// How far.
        ahead_ms: u64,
    },
}

impl Beats {
    /// From now on these are expected, and nobody else. Who was expected before goes on.
    pub(super) fn await_these<'a>(&self, plans: impl Iterator<Item = &'a SentinelPlan>, now: Instant) {
        let mut expected = self.lock();
        let mut before = std::mem::take(&mut *expected);
        for plan in plans {
            let Some(look) = heartbeat(&plan.probe.look) else { continue };
            let row = expected.entry(look.name.clone()).or_insert_with(|| {
                let old = before.remove(&look.name);
                let (since, last) = old.map_or((now, None), |old| (old.since, old.last));
                Expected { since, subsystems: BTreeSet::new(), max_age: look.max_age, last }
            });
            row.subsystems.insert(plan.subsystem.clone());
            row.max_age = row.max_age.min(look.max_age);
        }
    }

    /// What the sentinels report that look for this one; none when nobody does.
    pub fn subsystems(&self, name: &str) -> Option<BTreeSet<String>> {
        self.lock().get(name).map(|expected| expected.subsystems.clone())
    }

    /// Takes a beat in. `at_ms` is what its sender says, `wall_ms` this machine's clock (Unix ms).
    pub fn beat(&self, name: &str, at_ms: u64, wall_ms: u64, now: Instant) -> Result<Heard, BeatRefused> {
        let mut expected = self.lock();
        let row = expected.get_mut(name).ok_or_else(|| BeatRefused::NotExpected(name.to_owned()))?;
        let ahead_ms = at_ms.saturating_sub(wall_ms);
        if ahead_ms > HEARTBEAT_AHEAD_MS_MAX {
            return Err(BeatRefused::Ahead { ahead_ms });
        }
        if let Some(last) = row.last.filter(|last| at_ms <= last.at_ms) {
            return Err(BeatRefused::Replayed { at_ms, last_ms: last.at_ms });
        }
        let age_ms = wall_ms.saturating_sub(at_ms);
        // One that lies before this clock's beginning is as old as can be.
        let lived = now.checked_sub(Duration::from_millis(age_ms));
        let (count, before) = row.last.map_or((0, None), |last| (last.count, Some(last.lived)));
        let missed = before.is_none_or(|lived| now.saturating_duration_since(lived) > row.max_age.to_std());
        let fresh = age_ms <= row.max_age.ms();
        if let Some(lived) = lived {
            row.last = Some(Last { at_ms, lived, count: count + 1 });
        }
        Ok(Heard { edge: missed && fresh, age_ms })
    }

    /// Whether this look is at somebody who still has his time since the start: that he has not beaten yet says
    /// nothing about him, nor about the eye.
    pub(super) fn still_has_time(&self, look: &LookPlan, now: Instant) -> bool {
        let Some(look) = heartbeat(look) else { return false };
        let expected = self.lock();
        let since = expected.get(&look.name).map(|row| row.since);
        since.is_some_and(|since| now.saturating_duration_since(since) <= look.max_age.to_std())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Expected>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn heartbeat(look: &LookPlan) -> Option<&HeartbeatLook> {
    match look {
        LookPlan::Heartbeat(look) => Some(look),
        LookPlan::Setpoint(setpoint) => heartbeat(&setpoint.of),
        LookPlan::Service(service) => heartbeat(&service.of),
        _ => None,
    }
}

pub(super) fn look(beats: &Beats, look: &HeartbeatLook) -> Observation {
    see(beats, look, Instant::now())
}

fn see(beats: &Beats, look: &HeartbeatLook, now: Instant) -> Observation {
    let name = &look.name;
    let expected = beats.lock();
    let Some(row) = expected.get(name) else {
        return saw(Verdict::Unknown, format!("no live sentinel expects a heartbeat {name}"));
    };
    let waited = now.saturating_duration_since(row.since);
    let has_time = waited <= look.max_age.to_std();
    let Some(last) = row.last else {
        let verdict = if has_time { Verdict::Unknown } else { Verdict::Failed };
        let words = format!("nothing was heard of {name} in the {} ms of looking for it", waited.as_millis());
        return with(saw(verdict, words), &[("beats", 0)]);
    };
    let age = now.saturating_duration_since(last.lived);
    let verdict = match age <= look.max_age.to_std() {
        true => Verdict::Healthy,
        false if has_time => Verdict::Unknown,
        false => Verdict::Failed,
    };
    let words = format!("{name} lived {} ms ago, at most {}", age.as_millis(), look.max_age);
    let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    with(saw(verdict, words), &[("age_ms", age_ms), ("beats", last.count)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::FileDigest;
    use crate::event::degradation::Severity;
    use crate::event::plan::ProbePlan;

    /// Some wall time, and a machine that has been up for an hour.
    const WALL_MS: u64 = 1_780_000_000_000;

    fn hour() -> Instant {
        Instant::now() + Duration::from_secs(3_600)
    }

    fn expecting(subsystem: &str) -> SentinelPlan {
        let look = LookPlan::Heartbeat(HeartbeatLook { name: "backup".into(), max_age: Span::from_secs(60) });
        SentinelPlan {
            id: format!("of-{subsystem}"),
            digest: FileDigest::of(b"x"),
            probe: ProbePlan { look, timeout: Span::from_secs(1) },
            every: Span::from_secs(1),
            failures: 1,
            successes: 1,
            unknowns: 1,
            subsystem: subsystem.into(),
            code: "BACKUP_SILENT".into(),
            target: "backup".into(),
            severity: Severity::Error,
            summary: "no backup".into(),
        }
    }

    fn verdict(beats: &Beats, now: Instant) -> Verdict {
        see(beats, &HeartbeatLook { name: "backup".into(), max_age: Span::from_secs(60) }, now).verdict
    }

    #[test]
    fn everybody_has_his_time_after_a_start_and_then_is_missed() {
        let (beats, start) = (Beats::default(), hour());
        let at = |secs| start + Duration::from_secs(secs);
        assert_eq!(verdict(&beats, start), Verdict::Unknown, "not expected");
        beats.await_these([expecting("job")].iter(), start);
        assert_eq!(verdict(&beats, at(60)), Verdict::Unknown, "has its time");
        assert_eq!(verdict(&beats, at(61)), Verdict::Failed);
        let heard = beats.beat("backup", WALL_MS, WALL_MS, at(70));
        assert_eq!(heard, Ok(Heard { edge: true, age_ms: 0 }));
        assert_eq!((verdict(&beats, at(130)), verdict(&beats, at(131))), (Verdict::Healthy, Verdict::Failed));
        let second = beats.beat("backup", WALL_MS + 1, WALL_MS + 1, at(71));
        assert_eq!(second, Ok(Heard { edge: false, age_ms: 0 }), "only the first after a silence is an edge");
        let late = beats.beat("backup", WALL_MS + 90_000, WALL_MS + 90_000, at(160));
        assert_eq!(late, Ok(Heard { edge: true, age_ms: 0 }), "it was missed in between");
        // Another start, as after a reload: who is still expected goes on.
        beats.await_these([expecting("job"), expecting("db")].iter(), at(200));
        assert_eq!(verdict(&beats, at(220)), Verdict::Healthy);
        assert_eq!(beats.subsystems("backup").map(|all| all.len()), Some(2));
        beats.await_these([].iter(), at(201));
        assert_eq!(beats.subsystems("backup"), None);
    }

    #[test]
    fn replayed_delayed_and_future_beats_do_not_make_anybody_live() {
        let (beats, start) = (Beats::default(), hour());
        let at = |secs| start + Duration::from_secs(secs);
        beats.await_these([expecting("job")].iter(), start);
        assert!(beats.beat("backup", WALL_MS, WALL_MS, start).is_ok());
        let again = beats.beat("backup", WALL_MS, WALL_MS + 50_000, at(50));
        assert_eq!(again, Err(BeatRefused::Replayed { at_ms: WALL_MS, last_ms: WALL_MS }));
        assert_eq!(verdict(&beats, at(61)), Verdict::Failed, "the replayed one did not count");
        // Held back for 59 s: it lived then, not now.
        assert!(beats.beat("backup", WALL_MS + 11_000, WALL_MS + 70_000, at(70)).is_ok());
        assert_eq!((verdict(&beats, at(71)), verdict(&beats, at(72))), (Verdict::Healthy, Verdict::Failed));
        let ahead = beats.beat("backup", WALL_MS + 200_000, WALL_MS + 80_000, at(80));
        assert_eq!(ahead, Err(BeatRefused::Ahead { ahead_ms: 120_000 }));
        assert!(matches!(beats.beat("other", 1, 1, start), Err(BeatRefused::NotExpected(_))));
        // Recorded before a restart of the daemon, sent again after it: it is as old as it says.
        let fresh = Beats::default();
        fresh.await_these([expecting("job")].iter(), start);
        assert_eq!(
            fresh.beat("backup", WALL_MS, WALL_MS + 100_000, at(1)),
            Ok(Heard { edge: false, age_ms: 100_000 })
        );
        assert_eq!(verdict(&fresh, at(30)), Verdict::Unknown, "its time after the start is not yet over");
        assert_eq!(verdict(&fresh, at(61)), Verdict::Failed);
    }
}
