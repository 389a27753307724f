//! A short history as entries: one incident that is healed, one that is held.

use std::collections::BTreeMap;
use std::sync::Arc;

use remediator::audit::memory::Memory;
use remediator::base::digest::{Blake3, FileDigest};
use remediator::base::ids::{AttemptId, Fingerprint, IncidentId, NodeId, Receipt, Seq};
use remediator::base::sign::JournalKey;
use remediator::base::text::OutsideText;
use remediator::base::time::Span;
use remediator::event::attempt::{AttemptEnded, AttemptPlanned, Outcome};
use remediator::event::content::{CatalogLoaded, ContentStanding, Standing};
use remediator::event::degradation::{DegradationSeen, Severity, Source};
use remediator::event::incident::{
    Candidate, Closure, IncidentClosed, IncidentHeld, IncidentMatched, IncidentOpened,
};
use remediator::event::journal::Genesis;
use remediator::event::lock::{LockGranted, LockReleased, LockRequested};
use remediator::event::plan::{
    ActionPlan, HttpLook, LookPlan, Plan, ProbePlan, Rlimits, RunPlan, StepPlan, VerificationPlan,
};
use remediator::event::process::ProcessStarted;
use remediator::event::step::{StepFinished, StepIntended, StepOutcome, StepStarted};
use remediator::event::verification::{
    Observation, Verdict, VerificationConcluded, VerificationObserved, VerificationStarted,
};
use uuid::{NoContext, Timestamp, Uuid};

/// What the tests ask for.
pub struct Story {
    pub memory: Arc<Memory>,
    pub healed: IncidentId,
    pub healed_receipt: Receipt,
    pub held: IncidentId,
    pub intent: Seq,
}

/// A receipt made at the time at which the memory journal writes entry `seq`.
pub fn receipt(seq: Seq) -> Receipt {
    Receipt(Uuid::new_v7(Timestamp::from_unix(NoContext, 1_700_000_000 + seq, 0)))
}

pub fn seen(receipt: Receipt, target: &str) -> DegradationSeen {
    DegradationSeen {
        subject: None,
        receipt,
        subsystem: "service".into(),
        code: "PROCESS_DEAD".into(),
        target: target.into(),
        severity: Severity::Error,
        summary: format!("{target} is gone"),
        detail: Some(OutsideText::inline("exit code 137")),
        attributes: BTreeMap::from([("pid".into(), "7".into())]),
        observed_at: None,
        source: Source::Sentinel("web-up".into()),
        sender_id: None,
        fingerprint: Fingerprint::of("service", "PROCESS_DEAD", target),
        actionable: true,
    }
}

pub fn opened(target: &str) -> IncidentOpened {
    IncidentOpened {
        fingerprint: Fingerprint::of("service", "PROCESS_DEAD", target),
        subsystem: "service".into(),
        code: "PROCESS_DEAD".into(),
        target: target.into(),
    }
}

fn candidate(eligible: bool, why: &str) -> Candidate {
    Candidate {
        runbook: "process-dead".into(),
        digest: FileDigest::of(b"runbook"),
        priority: 100,
        eligible,
        why: why.into(),
        detail: "3 attempts of 3 within 24h".into(),
    }
}

fn plan() -> Plan {
    let run = RunPlan {
        argv: vec!["/bin/true".into()],
        env: BTreeMap::new(),
        env_pass: Vec::new(),
        cwd: "/".into(),
        rlimits: Rlimits::default(),
        ok_exit: vec![0],
    };
    let step = StepPlan {
        id: "restart".into(),
        action: ActionPlan::Run(run),
        timeout: Span::from_secs(5),
        retries: 0,
        retry_delay: Span::from_secs(1),
        retry: None,
        idempotent: true,
        undo: None,
        undo_when_unknown: false,
        irreversible: None,
    };
    let look = HttpLook { url: "http://127.0.0.1:1/".into(), expect_status: vec![200], expect_body: None };
    let verification = VerificationPlan {
        probe: ProbePlan { look: LookPlan::Http(look), timeout: Span::from_secs(1) },
        settle: Span::from_ms(0),
        successes: 1,
        every: Span::from_secs(1),
        within: Span::from_secs(10),
        watch: Span::from_secs(60),
        watch_every: Span::from_secs(10),
    };
    Plan {
        preconditions: Vec::new(),
        locks: vec!["service/web".into()],
        groups: Vec::new(),
        steps: vec![step],
        verification,
        escalation: Vec::new(),
        runtime: Span::from_secs(60),
    }
}

/// A journal whose first entries say who, what version and what content.
pub fn beginning(memory: &Memory) {
    let key = JournalKey::from_seed(&[1; 32]).public();
    let node = NodeId(Uuid::from_u128(2));
    let (trust, trust_blobs) = (BTreeMap::new(), BTreeMap::new());
    memory.push(
        None,
        None,
        Genesis { format: 1, node, public_key: key, trust, trust_blobs, continues: None },
    );
    let (version, system_boot) = ("0.1.0".to_owned(), "boot".to_owned());
    memory.push(None, None, ProcessStarted { version, pid: 1, system_boot, clean: true, observe_only: None });
    let live = ContentStanding { digest: FileDigest::of(b"runbook"), standing: Standing::Live, reason: None };
    let observed = ContentStanding {
        digest: FileDigest::of(b"draft"),
        standing: Standing::ObserveOnly,
        reason: Some("not signed; sign it: remediator runbook sign runbooks/draft".into()),
    };
    let contents =
        BTreeMap::from([("runbook/process-dead".into(), live), ("runbook/draft".into(), observed)]);
    let unreadable = BTreeMap::from([("runbooks/broken.yaml".into(), "line 3: not YAML".into())]);
    memory.push(None, None, CatalogLoaded::new(Blake3::of(b"m"), contents, unreadable));
}

fn matched(memory: &Memory, id: IncidentId, cause: Seq, chosen: bool) -> Seq {
    let event = IncidentMatched {
        chosen: chosen.then(|| "process-dead".into()),
        digest: chosen.then(|| FileDigest::of(b"runbook")),
        candidates: vec![candidate(chosen, if chosen { "matched" } else { "attempts" })],
        more: 0,
        not_candidates: 4,
    };
    memory.push(Some(id), Some(cause), event).seq
}

fn attempt(memory: &Memory, id: IncidentId, cause: Seq) -> (Seq, Seq) {
    let attempt = AttemptId::derive(&Blake3::ZERO, &id, 1);
    let planned = AttemptPlanned {
        attempt,
        runbook: "process-dead".into(),
        digest: FileDigest::of(b"runbook"),
        signer: "shipped".into(),
        proposal: "process-dead".into(),
        approvers: vec!["ada".into()],
        catalog: 2,
        relies_on: Vec::new(),
        target: "web".into(),
        dry_run: false,
        skips: 0,
        elevation: None,
        plan: plan(),
    };
    let push = |cause: Seq, event: remediator::event::Event| memory.push(Some(id), Some(cause), event).seq;
    let planned = push(cause, planned.into());
    let resources = vec!["service/web".into()];
    let asked = push(planned, LockRequested { attempt, resources, runtime: Span::from_secs(60) }.into());
    let tokens = BTreeMap::from([("service/web".into(), 7)]);
    let lock = push(asked, LockGranted { attempt, tokens }.into());
    let action = FileDigest::of(b"action");
    let intended = StepIntended {
        attempt,
        step: 0,
        undo: false,
        try_no: 1,
        action,
        lock,
        token: 7,
        deadline_elapsed_ms: 99,
    };
    let intent = push(lock, intended.into());
    let started = StepStarted { attempt, step: 0, intent, pid: 42, start_ticks: 1 };
    let started = push(intent, started.into());
    let finished = StepFinished {
        attempt,
        step: 0,
        intent,
        outcome: StepOutcome::Succeeded,
        took_ms: 12,
        output: OutsideText::inline("done"),
        output_dropped: 0,
    };
    let finished = push(started, finished.into());
    let began = VerificationStarted {
        attempt,
        outcome_unknown: false,
        first_look_elapsed_ms: 0,
        until_elapsed_ms: 10_000,
    };
    let began = push(finished, began.into());
    let observation =
        Observation { verdict: Verdict::Healthy, evidence: "200".into(), values: BTreeMap::new() };
    let looked = push(began, VerificationObserved { attempt, observation, consecutive: 1, needed: 1 }.into());
    let evidence = "200".to_owned();
    let concluded = VerificationConcluded { attempt, verdict: Verdict::Healthy, looks: 1, evidence };
    let concluded = push(looked, concluded.into());
    let reason = "verified".to_owned();
    let ended =
        push(concluded, AttemptEnded { attempt, outcome: Outcome::Healthy, reason, undo: None }.into());
    push(ended, LockReleased { attempt, reason: "ended".into() }.into());
    (intent, ended)
}

/// All of it.
pub fn story() -> Story {
    let memory = Arc::new(Memory::new());
    beginning(&memory);
    let healed_receipt = receipt(3);
    let healed = IncidentId::derive(&Blake3::ZERO, &healed_receipt, 0);
    let report = memory.push(Some(healed), None, seen(healed_receipt, "web")).seq;
    let open = memory.push(Some(healed), Some(report), opened("web")).seq;
    let choice = matched(&memory, healed, open, true);
    let (intent, ended) = attempt(&memory, healed, choice);
    let parents = BTreeMap::from([("verification".into(), ended - 1)]);
    let closed =
        IncidentClosed { closure: Closure::Healed, evidence: "good for the whole watch".into(), parents };
    let last = memory.push(Some(healed), Some(ended), closed).seq;

    let held_receipt = receipt(last + 1);
    let held = IncidentId::derive(&Blake3::ZERO, &held_receipt, 0);
    let report = memory.push(Some(held), None, seen(held_receipt, "db")).seq;
    let open = memory.push(Some(held), Some(report), opened("db")).seq;
    let choice = matched(&memory, held, open, false);
    let reason = "limits".to_owned();
    let detail = "every candidate is at its limit; raise `limits` or wait".to_owned();
    memory.push(Some(held), Some(choice), IncidentHeld { reason, detail, until_elapsed_ms: Some(99_000) });
    Story { memory, healed, healed_receipt, held, intent }
}
