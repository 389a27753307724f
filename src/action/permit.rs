//! `Permit`: the proof that one action may be done now (RM-15). Built only here, from a verified runbook, the
//! durable intent and the held lock; used up by the one run it allows. Not for: deciding whether to act.

use std::sync::Arc;

use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, Seq};
use crate::base::time::Span;
use crate::coordination::{LockError, LockProof};
use crate::event::plan::{ActionPlan, StepPlan};
use crate::event::step::StepIntended;
use crate::journal::proof::Committed;
use crate::runbook::{Runbook, Verified};

/// Why no permit was given, or why it could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The runbook is not the one that the attempt was planned from.
    #[error("the attempt was planned from runbook {planned}, verified is {verified}: plan a new attempt")]
    OtherRunbook {
        /// Digest in the plan.
        planned: FileDigest,
        /// Digest that was verified.
        verified: FileDigest,
    },
    /// The lock was granted to another attempt or by another entry than the intent names.
    #[error(
        "the intent names lock entry {named} of attempt {attempt}, held is entry {held}: ask for it again"
    )]
    OtherLock {
        /// The attempt of the intent.
        attempt: AttemptId,
        /// The entry that the intent names.
        named: Seq,
        /// The entry of the held lock.
        held: Seq,
    },
    /// The fencing token is not the one in the intent: somebody else has had the lock since.
    #[error("the intent was written under token {intended}, held is token {held}: a late holder may not act")]
    OtherToken {
        /// Token in the intent.
        intended: u64,
        /// Token that is held.
        held: u64,
    },
    /// What would be done is not what was intended.
    #[error(
        "the durable intent is for action {intended}, asked for is {asked}: write an intent for it first"
    )]
    OtherAction {
        /// Digest in the intent.
        intended: FileDigest,
        /// Digest of what was asked for.
        asked: FileDigest,
    },
    /// The step has no undo.
    #[error("step `{0}` declares no undo: a person must take it back")]
    NoUndo(String),
    /// It is too late.
    #[error("the deadline of the step has passed {late_ms} ms ago: nothing is started after it")]
    TooLate {
        /// By how much.
        late_ms: u64,
    },
    /// The lock is gone.
    #[error(transparent)]
    LockLost(#[from] LockError),
}

/// What a permit rests on.
#[derive(Debug)]
pub struct Basis<'a> {
    /// The runbook, by signature and approval.
    pub runbook: &'a Verified<Runbook>,
    /// The digest that the attempt was planned from (`attempt.planned`).
    pub planned: FileDigest,
    /// The step of that plan which the intent is about.
    pub step: &'a StepPlan,
    /// The locks, held.
    pub lock: &'a Arc<LockProof>,
    /// Now, on the journal's own clock.
    pub now_elapsed_ms: u64,
}

/// One action may be done, once, before its deadline. Keeps the lock until it is used up.
#[derive(Debug)]
pub struct Permit {
    intent: Committed<StepIntended>,
    action: ActionPlan,
    timeout: Span,
    lock: Arc<LockProof>,
    usable_until_ms: u64,
}

impl Permit {
    /// Checks everything; the durable intent is used up.
    pub fn issue(intent: Committed<StepIntended>, basis: &Basis<'_>) -> Result<Self, Refusal> {
        let said = intent.event();
        let verified = basis.runbook.digest();
        if verified != basis.planned {
            return Err(Refusal::OtherRunbook { planned: basis.planned, verified });
        }
        let action = if said.undo {
            basis.step.undo.as_ref().ok_or_else(|| Refusal::NoUndo(basis.step.id.clone()))?
        } else {
            &basis.step.action
        };
        let asked = action.digest();
        if asked != said.action {
            return Err(Refusal::OtherAction { intended: said.action, asked });
        }
        check_lock(said, basis.lock)?;
        let left_ms = time_left(said.deadline_elapsed_ms, basis.now_elapsed_ms)?;
        Ok(Self {
            action: action.clone(),
            // Whatever the step's own timeout, it is over by the deadline of its intent.
            timeout: Span::from_ms(basis.step.timeout.ms().min(left_ms)),
            lock: Arc::clone(basis.lock),
            usable_until_ms: boottime_ms().saturating_add(left_ms),
            intent,
        })
    }

    /// A permit without a runbook, for the tests of the hands.
    #[cfg(test)]
    pub(super) fn for_tests(
        intent: Committed<StepIntended>,
        action: ActionPlan,
        timeout: Span,
        lock: &Arc<LockProof>,
    ) -> Self {
        let usable_until_ms = boottime_ms() + 60_000;
        Self { intent, action, timeout, lock: Arc::clone(lock), usable_until_ms }
    }

    /// Asked immediately before anything is started.
    pub(super) fn check_now(&self) -> Result<(), Refusal> {
        time_left(self.usable_until_ms, boottime_ms())?;
        Ok(self.lock.still_held()?)
    }

    pub(super) fn intent(&self) -> (Seq, &StepIntended) {
        (self.intent.seq(), self.intent.event())
    }

    pub(super) fn action(&self) -> &ActionPlan {
        &self.action
    }

    pub(super) fn timeout(&self) -> Span {
        self.timeout
    }
}

fn check_lock(said: &StepIntended, lock: &LockProof) -> Result<(), Refusal> {
    if said.attempt != lock.attempt() || said.lock != lock.granted() {
        let (attempt, named, held) = (said.attempt, said.lock, lock.granted());
        return Err(Refusal::OtherLock { attempt, named, held });
    }
    if said.token != lock.token() {
        return Err(Refusal::OtherToken { intended: said.token, held: lock.token() });
    }
    Ok(lock.still_held()?)
}

fn time_left(until_ms: u64, now_ms: u64) -> Result<u64, Refusal> {
    match until_ms.checked_sub(now_ms) {
        Some(left) if left > 0 => Ok(left),
        _ => Err(Refusal::TooLate { late_ms: now_ms - until_ms }),
    }
}

/// Counts while the machine sleeps, as the journal's clock does.
fn boottime_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::testing::{Bench, run_plan, step_plan};

    fn verified(bytes: &[u8]) -> Verified<Runbook> {
        Verified::for_tests(FileDigest::of(bytes))
    }

    fn issue(
        bench: &Bench,
        change: impl Fn(&mut StepIntended),
        now_elapsed_ms: u64,
    ) -> Result<Permit, Refusal> {
        let mut step = step_plan(ActionPlan::Run(run_plan(&["/bin/true"])));
        step.undo = Some(ActionPlan::Run(run_plan(&["/bin/false"])));
        let mut intent = bench.intent(&step.action);
        change(&mut intent);
        let runbook = verified(b"runbook");
        let planned = FileDigest::of(b"runbook");
        let basis = Basis { runbook: &runbook, planned, step: &step, lock: &bench.lock, now_elapsed_ms };
        Permit::issue(Committed::for_tests(9, intent), &basis)
    }

    #[test]
    fn each_check_refuses_on_its_own() {
        let bench = Bench::new();
        issue(&bench, |_| {}, 0).unwrap().check_now().unwrap();
        let undo = ActionPlan::Run(run_plan(&["/bin/false"])).digest();
        issue(&bench, |i| (i.undo, i.action) = (true, undo), 0).unwrap();

        assert!(matches!(issue(&bench, |i| i.action = undo, 0), Err(Refusal::OtherAction { .. })));
        assert!(matches!(issue(&bench, |i| i.undo = true, 0), Err(Refusal::OtherAction { .. })));
        assert!(matches!(issue(&bench, |i| i.token += 1, 0), Err(Refusal::OtherToken { .. })));
        assert!(matches!(issue(&bench, |i| i.lock += 1, 0), Err(Refusal::OtherLock { .. })));
        let other = AttemptId(uuid::Uuid::from_u128(99));
        assert!(matches!(issue(&bench, |i| i.attempt = other, 0), Err(Refusal::OtherLock { .. })));
        assert!(matches!(issue(&bench, |_| {}, 60_000), Err(Refusal::TooLate { late_ms: 0 })));
        assert!(matches!(issue(&bench, |_| {}, 60_007), Err(Refusal::TooLate { late_ms: 7 })));
    }

    #[test]
    fn another_runbook_or_a_missing_undo_is_refused() {
        let bench = Bench::new();
        let step = step_plan(ActionPlan::Run(run_plan(&["/bin/true"])));
        let (runbook, planned) = (verified(b"edited"), FileDigest::of(b"runbook"));
        let mut basis =
            Basis { runbook: &runbook, planned, step: &step, lock: &bench.lock, now_elapsed_ms: 0 };
        let intent = bench.intent(&step.action);
        let refused = Permit::issue(Committed::for_tests(9, intent.clone()), &basis);
        assert!(matches!(refused, Err(Refusal::OtherRunbook { .. })));
        basis.planned = FileDigest::of(b"edited");
        let refused = Permit::issue(Committed::for_tests(9, StepIntended { undo: true, ..intent }), &basis);
        assert!(matches!(refused, Err(Refusal::NoUndo(_))));
    }

    #[test]
    fn a_lock_lost_after_the_permit_is_noticed_at_once() {
        let bench = Bench::new();
        let permit = issue(&bench, |_| {}, 0).unwrap();
        permit.check_now().unwrap();
        bench.steal_lock();
        assert!(matches!(permit.check_now(), Err(Refusal::LockLost(_))));
        assert!(matches!(issue(&bench, |_| {}, 0), Err(Refusal::LockLost(_))));
    }

    #[test]
    fn a_step_never_outlasts_the_deadline_of_its_intent() {
        let bench = Bench::new();
        assert_eq!(issue(&bench, |_| {}, 59_990).unwrap().timeout(), Span::from_ms(10));
        assert_eq!(issue(&bench, |_| {}, 0).unwrap().timeout(), Span::from_secs(30));
    }
}
