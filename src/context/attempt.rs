//! One attempt as a fold, with the transition table of RM-9. Not for: deciding what comes next (policy).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Illegal;
use crate::base::ids::{AttemptId, Seq};
use crate::event::Event;
use crate::event::attempt::{AttemptPlanned, Outcome, Phase, PreconditionsChecked, Resumption, UndoOutcome};
use crate::event::step::{StepFinished, StepIntended, StepOutcome};
use crate::event::verification::{Observation, Verdict};

/// Where an attempt stands (RM-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Planned; preconditions are being looked at.
    Preconditions,
    /// Preconditions held, or there are none; the lock is next.
    Cleared,
    /// The lock has been asked for.
    Locking,
    /// The lock is held; preconditions are looked at again.
    Locked,
    /// Preconditions hold under the lock; the first step is next.
    Ready,
    /// A precondition does not hold.
    Declined,
    /// Steps are being done.
    Executing,
    /// Steps are being taken back.
    Undoing,
    /// The target is being looked at.
    Verifying,
    /// The verification has its answer.
    Concluded,
    /// A crash interrupted it; how to go on was decided, and the lock is needed again.
    Resuming,
    /// Nobody knows what happened; waits for a person.
    Frozen,
    /// Over.
    Ended,
}

/// A step whose outcome is not known yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunningStep {
    /// The entry that intended it.
    pub intent: Seq,
    /// What was intended.
    pub intended: StepIntended,
    /// Its process, once started.
    pub pid: Option<u32>,
    /// Start ticks of that process.
    pub start_ticks: Option<u64>,
}

/// A step that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepDone {
    /// Index in the plan.
    pub step: u32,
    /// It was the step's undo.
    pub undo: bool,
    /// Which try.
    pub try_no: u32,
    /// How it ended.
    pub outcome: StepOutcome,
    /// How long it took.
    pub took_ms: u64,
    /// The entry that says so.
    pub seq: Seq,
}

/// The verification of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VerificationState {
    /// Because a step's outcome is unknown.
    pub outcome_unknown: bool,
    /// First look, on the journal's clock.
    pub first_look_elapsed_ms: u64,
    /// End of the window.
    pub until_elapsed_ms: u64,
    /// Looks so far.
    pub looks: u32,
    /// Consecutive good looks so far.
    pub consecutive: u32,
    /// The last look.
    pub last: Option<Observation>,
    /// The answer.
    pub verdict: Option<Verdict>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was planned.
    pub planned: AttemptPlanned,
    /// The entry that planned it.
    pub planned_seq: Seq,
    /// When, on the journal's clock.
    pub planned_elapsed_ms: u64,
    /// Where it stands.
    pub state: AttemptState,
    /// Since when, on the journal's clock.
    pub since_elapsed_ms: u64,
    /// The last entry of it.
    pub last_seq: Seq,
    /// Preconditions as last looked at.
    pub preconditions: Option<PreconditionsChecked>,
    /// The entry that granted the lock, while it is held.
    pub lock: Option<Seq>,
    /// Its tokens.
    pub tokens: BTreeMap<String, u64>,
    /// Steps under way, by the entry that intended them; several only within one group.
    pub running: BTreeMap<Seq, RunningStep>,
    /// Steps whose outcome a crash left unknown.
    pub interrupted: Vec<RunningStep>,
    /// Steps that are over.
    pub done: Vec<StepDone>,
    /// Steps still to be taken back, in that order.
    pub undo_queue: Vec<u32>,
    /// How the undo went so far.
    pub undo: Option<UndoOutcome>,
    /// Why an undo was begun.
    pub undo_reason: Option<String>,
    /// The verification.
    pub verification: Option<VerificationState>,
    /// How often a boot took it up again.
    pub resumed: u32,
    /// What the last boot decided.
    pub resumption: Option<Resumption>,
    /// How it ended.
    pub ended: Option<(Outcome, String)>,
}

impl Attempt {
    /// A new attempt.
    pub fn new(planned: AttemptPlanned, seq: Seq, elapsed_ms: u64) -> Self {
        let state = if planned.plan.preconditions.is_empty() {
            AttemptState::Cleared
        } else {
            AttemptState::Preconditions
        };
        Self {
            planned,
            planned_seq: seq,
            planned_elapsed_ms: elapsed_ms,
            state,
            since_elapsed_ms: elapsed_ms,
            last_seq: seq,
            preconditions: None,
            lock: None,
            tokens: BTreeMap::new(),
            running: BTreeMap::new(),
            interrupted: Vec::new(),
            done: Vec::new(),
            undo_queue: Vec::new(),
            undo: None,
            undo_reason: None,
            verification: None,
            resumed: 0,
            resumption: None,
            ended: None,
        }
    }

    /// Its id.
    pub fn id(&self) -> AttemptId {
        self.planned.attempt
    }
    /// Whether a step was ever intended (something may have been changed).
    pub fn touched(&self) -> bool {
        !(self.running.is_empty() && self.interrupted.is_empty() && self.done.is_empty())
    }
    /// Indexes of steps that succeeded and were not taken back, in the order in which they were done.
    pub fn standing_steps(&self) -> Vec<u32> {
        let mut standing: Vec<u32> = Vec::new();
        for done in &self.done {
            if done.outcome == StepOutcome::Succeeded {
                standing.retain(|step| *step != done.step);
                if !done.undo {
                    standing.push(done.step);
                }
            }
        }
        standing
    }
    /// Indexes of steps that may have changed something and were not taken back: those that stand, those that failed half
    /// way and those of which a crash hid a try, in the order in which they ended.
    pub fn begun_steps(&self) -> Vec<u32> {
        let mut begun: Vec<u32> = Vec::new();
        for (i, done) in self.done.iter().enumerate() {
            let taken_back = done.undo && done.outcome == StepOutcome::Succeeded;
            // A later try that failed before it began says nothing of the one that was lost.
            let known = self.done[..i].iter().filter(|d| d.step == done.step && !d.undo).count() as u32;
            let has_begun = !done.undo && (done.outcome.began() || done.try_no > known + 1);
            if taken_back || has_begun {
                begun.retain(|step| *step != done.step);
            }
            if has_begun {
                begun.push(done.step);
            }
        }
        let steps = &self.planned.plan.steps;
        begun.retain(|step| steps.get(*step as usize).is_some_and(|plan| !plan.action.is_harmless()));
        begun
    }
    /// Tries of a step so far.
    pub fn tries(&self, step: u32, undo: bool) -> u32 {
        self.done.iter().filter(|d| d.step == step && d.undo == undo).count() as u32
    }

    /// Tries of a step whose outcome a crash hid.
    pub fn lost_tries(&self, step: u32, undo: bool) -> u32 {
        let lost = self.interrupted.iter().map(|r| &r.intended);
        lost.filter(|i| i.step == step && i.undo == undo)
            .max_by_key(|i| i.try_no)
            .map_or(0, |i| i.try_no - self.tries(step, undo).min(i.try_no))
    }

    /// The state that `event` leads to: the transition table of RM-9.
    pub fn next(&self, event: &Event) -> Result<AttemptState, Illegal> {
        use AttemptState as S;
        let state = self.state;
        let step_running = !self.running.is_empty();
        let next = match (state, event) {
            (S::Preconditions, Event::PreconditionsChecked(c)) if c.phase == Phase::BeforeLock => {
                if c.hold {
                    S::Cleared
                } else {
                    S::Declined
                }
            }
            (S::Locked, Event::PreconditionsChecked(c)) if c.phase == Phase::UnderLock => {
                if c.hold {
                    S::Ready
                } else {
                    S::Declined
                }
            }
            (S::Cleared | S::Resuming, Event::LockRequested(_)) => S::Locking,
            (S::Locking, Event::LockGranted(_)) => self.after_lock(),
            (S::Locking, Event::LockRefused(_)) => S::Locking,
            (S::Ready, Event::StepIntended(i)) if !i.undo => S::Executing,
            (S::Executing, Event::StepIntended(i)) if !i.undo && self.may_run_beside(i.step) => S::Executing,
            (S::Undoing, Event::StepIntended(i)) if i.undo && !step_running => S::Undoing,
            (S::Executing | S::Undoing, Event::StepStarted(s)) if self.is_running(s.intent) => state,
            (S::Executing | S::Undoing, Event::StepFinished(f)) if self.is_running(f.intent) => state,
            (S::Executing | S::Concluded | S::Ready, Event::UndoStarted(_)) if !step_running => S::Undoing,
            (S::Executing | S::Resuming | S::Ready, Event::VerificationStarted(_)) if !step_running => {
                S::Verifying
            }
            (S::Verifying, Event::VerificationObserved(_)) => S::Verifying,
            (S::Verifying, Event::VerificationConcluded(_)) => S::Concluded,
            (S::Ended, Event::AttemptResumed(_)) => return self.illegal(event),
            (_, Event::AttemptResumed(r)) => self.after_resumption(r.resumption),
            (S::Concluded | S::Resuming | S::Undoing | S::Executing, Event::AttemptFrozen(_)) => S::Frozen,
            (S::Frozen, Event::AttemptThawed(_)) => S::Concluded,
            (S::Ended, Event::LockReleased(_)) => S::Ended,
            (_, Event::LockReleased(_)) if self.lock.is_some() => state,
            (S::Ended, Event::AttemptEnded(_)) => return self.illegal(event),
            (_, Event::AttemptEnded(_)) => S::Ended,
            _ => return self.illegal(event),
        };
        Ok(next)
    }

    fn after_lock(&self) -> AttemptState {
        match self.resumption {
            Some(Resumption::Verify | Resumption::VerifyFirst | Resumption::StepAgain) => AttemptState::Ready,
            Some(Resumption::UndoOn) => AttemptState::Undoing,
            _ if self.planned.plan.preconditions.is_empty() => AttemptState::Ready,
            _ => AttemptState::Locked,
        }
    }

    fn after_resumption(&self, resumption: Resumption) -> AttemptState {
        match resumption {
            Resumption::StartAgain if self.planned.plan.preconditions.is_empty() => AttemptState::Cleared,
            Resumption::StartAgain => AttemptState::Preconditions,
            Resumption::StayFrozen => AttemptState::Frozen,
            Resumption::GiveUp
            | Resumption::Verify
            | Resumption::VerifyFirst
            | Resumption::StepAgain
            | Resumption::UndoOn => AttemptState::Resuming,
        }
    }

    fn is_running(&self, intent: Seq) -> bool {
        self.running.contains_key(&intent)
    }

    /// Whether a step may begin beside those that run: only another one of their group.
    fn may_run_beside(&self, step: u32) -> bool {
        let plan = &self.planned.plan;
        let group = plan.group_of(step).map(|group| group.first);
        self.running.values().all(|running| {
            let other = &running.intended;
            let theirs = plan.group_of(other.step).map(|group| group.first);
            group.is_some() && theirs == group && other.step != step && !other.undo
        })
    }

    fn illegal<T>(&self, event: &Event) -> Result<T, Illegal> {
        let state = format!("for attempt {} in state {:?}", self.id(), self.state);
        Err(Illegal { kind: event.kind(), state })
    }

    /// Folds an event that [`Self::next`] allows.
    pub fn apply(&mut self, event: &Event, seq: Seq, elapsed_ms: u64) -> Result<(), Illegal> {
        let next = self.next(event)?;
        match event {
            Event::PreconditionsChecked(checked) => self.preconditions = Some(checked.clone()),
            Event::LockGranted(granted) => {
                self.lock = Some(seq);
                self.tokens = granted.tokens.clone();
            }
            Event::LockReleased(_) => {
                self.lock = None;
                self.tokens.clear();
            }
            Event::StepIntended(intended) => {
                let intended = intended.clone();
                let running = RunningStep { intent: seq, intended, pid: None, start_ticks: None };
                self.running.insert(seq, running);
            }
            Event::StepStarted(started) => {
                if let Some(running) = self.running.get_mut(&started.intent) {
                    (running.pid, running.start_ticks) = (Some(started.pid), Some(started.start_ticks));
                }
            }
            Event::StepFinished(finished) => self.finish_step(finished, seq),
            Event::UndoStarted(undo) => {
                self.undo_queue = undo.steps.clone();
                self.undo = Some(UndoOutcome::Done);
                self.undo_reason = Some(undo.reason.clone());
            }
            Event::VerificationStarted(started) => {
                self.verification = Some(VerificationState {
                    outcome_unknown: started.outcome_unknown,
                    first_look_elapsed_ms: started.first_look_elapsed_ms,
                    until_elapsed_ms: started.until_elapsed_ms,
                    ..VerificationState::default()
                });
            }
            Event::VerificationObserved(observed) => {
                if let Some(verification) = &mut self.verification {
                    verification.looks += 1;
                    verification.consecutive = observed.consecutive;
                    verification.last = Some(observed.observation.clone());
                }
            }
            Event::VerificationConcluded(concluded) => {
                if let Some(verification) = &mut self.verification {
                    verification.verdict = Some(concluded.verdict);
                }
            }
            Event::AttemptResumed(resumed) => self.resume(resumed.resumption),
            Event::AttemptEnded(ended) => {
                self.ended = Some((ended.outcome, ended.reason.clone()));
                self.running.clear();
            }
            _ => {}
        }
        if next != self.state {
            self.since_elapsed_ms = elapsed_ms;
        }
        self.state = next;
        self.last_seq = seq;
        Ok(())
    }

    fn finish_step(&mut self, finished: &StepFinished, seq: Seq) {
        let Some(running) = self.running.remove(&finished.intent) else { return };
        let (undo, try_no) = (running.intended.undo, running.intended.try_no);
        // The step that a crash had hidden has an outcome after all.
        self.interrupted.retain(|lost| lost.intended.step != finished.step || lost.intended.undo != undo);
        if undo {
            self.undo_queue.retain(|step| *step != finished.step);
            if finished.outcome != StepOutcome::Succeeded {
                self.undo = Some(UndoOutcome::Failed);
            }
        }
        let (outcome, took_ms) = (finished.outcome.clone(), finished.took_ms);
        self.done.push(StepDone { step: finished.step, undo, try_no, outcome, took_ms, seq });
    }

    /// A boot decided: whatever the dead process held or ran is no more.
    fn resume(&mut self, resumption: Resumption) {
        self.resumed += 1;
        self.resumption = Some(resumption);
        self.lock = None;
        self.tokens.clear();
        if resumption == Resumption::StartAgain {
            self.preconditions = None;
        }
        let running = std::mem::take(&mut self.running);
        if !running.is_empty() {
            // One that had been lost before and was not reached again is lost still.
            let again: Vec<(u32, bool)> =
                running.values().map(|r| (r.intended.step, r.intended.undo)).collect();
            self.interrupted.retain(|lost| !again.contains(&(lost.intended.step, lost.intended.undo)));
            self.interrupted.extend(running.into_values());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::plan::{GroupPlan, Plan, StepPlan};

    /// Two groups of two steps each, and one step alone.
    fn attempt() -> Attempt {
        let step = |n: u32| {
            serde_json::from_value::<StepPlan>(serde_json::json!({
                "id": n.to_string(),
                "action": {"run": {"argv": ["/bin/x"], "env": {}, "env_pass": [], "cwd": "/", "rlimits": {},
                                   "ok_exit": [0]}},
                "timeout": "2s", "retries": 0, "retry_delay": "0ms", "idempotent": true, "undo": null,
                "undo_when_unknown": false, "irreversible": null
            }))
            .expect("a step")
        };
        let group = |first: u32| GroupPlan {
            id: first.to_string(),
            first,
            per_target: 1,
            targets: vec!["a".into(), "b".into()],
            canary: 0,
            at_once: 2,
            stop_percent: 0,
        };
        let probe = serde_json::json!({"look": {"process": {"service": "web"}}, "timeout": "1s"});
        let mut plan: Plan = serde_json::from_value(serde_json::json!({
            "preconditions": [], "locks": ["web"], "steps": [], "escalation": [], "runtime": "1m",
            "verification": {"probe": probe, "settle": "0ms", "successes": 1, "every": "1s", "within": "1s",
                             "watch": "0ms", "watch_every": "1s"}
        }))
        .expect("a plan");
        plan.steps = (0..5).map(step).collect();
        plan.groups = vec![group(0), group(2)];
        let planned = AttemptPlanned {
            attempt: AttemptId(uuid::Uuid::nil()),
            runbook: "r".into(),
            digest: crate::base::digest::FileDigest::of(b"r"),
            signer: "s".into(),
            proposal: "p".into(),
            approvers: Vec::new(),
            catalog: 1,
            relies_on: Vec::new(),
            target: "web".into(),
            dry_run: false,
            skips: 0,
            elevation: None,
            plan,
        };
        Attempt { state: AttemptState::Ready, ..Attempt::new(planned, 1, 0) }
    }

    fn intended(step: u32) -> Event {
        let (attempt, action) = (AttemptId(uuid::Uuid::nil()), crate::base::digest::FileDigest::of(b"a"));
        let undo = false;
        StepIntended { attempt, step, undo, try_no: 1, action, lock: 1, token: 1, deadline_elapsed_ms: 9 }
            .into()
    }

    #[test]
    fn a_step_of_which_a_crash_hid_a_try_has_begun_whatever_became_of_the_next() {
        let not_begun = || StepOutcome::NotStarted("no room".to_owned());
        let begun = |tries: &[(u32, bool, StepOutcome)]| {
            let mut attempt = attempt();
            let done = tries.iter().map(|(try_no, undo, outcome)| StepDone {
                step: 1,
                undo: *undo,
                try_no: *try_no,
                outcome: outcome.clone(),
                took_ms: 1,
                seq: 9,
            });
            attempt.done = done.collect();
            attempt.begun_steps()
        };
        assert_eq!(begun(&[(1, false, not_begun()), (2, false, not_begun())]), Vec::<u32>::new());
        assert_eq!(begun(&[(2, false, not_begun())]), [1], "the first try was lost");
        assert_eq!(begun(&[(1, false, not_begun()), (3, false, not_begun())]), [1], "the second one was");
        let taken_back = [(2, false, not_begun()), (1, true, StepOutcome::Succeeded)];
        assert_eq!(begun(&taken_back), Vec::<u32>::new());
    }

    #[test]
    fn steps_run_beside_each_other_only_within_their_group() {
        for (first, second, may) in
            [(0, 1, true), (1, 0, true), (0, 0, false), (0, 2, false), (4, 0, false), (1, 4, false)]
        {
            let mut attempt = attempt();
            attempt.apply(&intended(first), 2, 0).expect("the first");
            assert_eq!(attempt.apply(&intended(second), 3, 0).is_ok(), may, "{first} and {second}");
        }
    }
}
