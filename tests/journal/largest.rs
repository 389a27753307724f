//! The largest legal value of every kind of event: with the longest envelope it fits one line, and it reads back as
//! what it was. Texts are quotation marks, which JSON writes with two bytes each; everything behind the edge is
//! cleaned, so nothing longer is legal.

use std::collections::{BTreeMap, BTreeSet};

use remediator::base::digest::{Blake3, FileDigest};
use remediator::base::ids::{AttemptId, BootId, Fingerprint, IncidentId, Receipt, Seq, SubjectId};
use remediator::base::limits as l;
use remediator::base::text::OutsideText;
use remediator::base::time::{Span, Stamp};
use remediator::event::attempt::*;
use remediator::event::content::*;
use remediator::event::control::*;
use remediator::event::degradation::*;
use remediator::event::elevation::*;
use remediator::event::incident::*;
use remediator::event::journal::*;
use remediator::event::lock::*;
use remediator::event::log::*;
use remediator::event::notice::*;
use remediator::event::plan::*;
use remediator::event::process::*;
use remediator::event::sentinel::*;
use remediator::event::service::*;
use remediator::event::step::*;
use remediator::event::subject::*;
use remediator::event::verification::*;
use remediator::event::{Cause, Draft, Event};
use remediator::journal::{DATA_BYTES_MAX, IntentJournal};
use uuid::Uuid;

use crate::common::{Home, key, node, options};

/// Integers in an entry are at most this.
const INTEGER: u64 = (1 << 53) - 1;
const BLOB: Blake3 = Blake3::ZERO;

fn text(bytes: usize) -> String {
    "\"".repeat(bytes)
}
fn name() -> String {
    text(l::NAME_BYTES_MAX)
}
fn line() -> String {
    text(l::SUMMARY_BYTES_MAX)
}
/// A line made from two others with words between them.
fn sentence() -> String {
    text(3 * l::SUMMARY_BYTES_MAX)
}
fn id() -> String {
    "x".repeat(63)
}
fn attempt() -> AttemptId {
    AttemptId(Uuid::max())
}
fn digest() -> FileDigest {
    FileDigest::of(b"")
}
fn map<T: Clone>(count: usize, value: &T) -> BTreeMap<String, T> {
    (0..count).map(|n| (format!("{n:03}{}", text(l::NAME_BYTES_MAX - 3)), value.clone())).collect()
}
fn observation() -> Observation {
    Observation {
        verdict: Verdict::Unknown,
        evidence: text(l::EVIDENCE_BYTES_MAX),
        values: (0..l::LOOK_VALUES_MAX)
            .map(|n| (format!("{n:0w$}", w = l::VALUE_NAME_BYTES_MAX), -(INTEGER as i64)))
            .collect(),
    }
}
fn statement() -> SignedStatement {
    SignedStatement { digest: digest(), nonce: name() }
}

/// A plan as large as planning lets one be.
fn plan() -> Plan {
    let run = |argument: usize| RunPlan {
        argv: vec![text(argument)],
        env: BTreeMap::new(),
        env_pass: Vec::new(),
        cwd: "/".into(),
        rlimits: Rlimits::default(),
        ok_exit: vec![0],
    };
    let probe =
        || ProbePlan { look: LookPlan::Process(ProcessLook::Name(id())), timeout: Span::from_ms(INTEGER) };
    let step = |argument: usize| StepPlan {
        id: id(),
        action: ActionPlan::Run(run(argument)),
        timeout: Span::from_ms(INTEGER),
        retries: u32::MAX,
        retry_delay: Span::from_ms(INTEGER),
        retry: None,
        idempotent: false,
        undo: None,
        undo_when_unknown: false,
        irreversible: None,
    };
    let mut plan = Plan {
        preconditions: Vec::new(),
        locks: vec![name(); 8],
        steps: vec![step(0)],
        groups: Vec::new(),
        verification: VerificationPlan {
            probe: probe(),
            settle: Span::from_ms(INTEGER),
            successes: u32::MAX,
            every: Span::from_ms(INTEGER),
            within: Span::from_ms(INTEGER),
            watch: Span::from_ms(INTEGER),
            watch_every: Span::from_ms(INTEGER),
        },
        escalation: vec![
            RungPlan { after: Span::from_ms(INTEGER), channel: "log".into(), message: line() };
            16
        ],
        runtime: Span::from_ms(INTEGER),
    };
    let size = |plan: &Plan| serde_json::to_string(plan).expect("JSON").len();
    while size(&plan) + 2 * l::ARG_BYTES_MAX + 1_024 < l::PLAN_BYTES_MAX {
        plan.steps.push(step(l::ARG_BYTES_MAX));
    }
    assert!((l::PLAN_BYTES_MAX - 16_384..=l::PLAN_BYTES_MAX).contains(&size(&plan)), "{}", size(&plan));
    plan
}

fn journals_own() -> Vec<Event> {
    vec![
        Genesis {
            format: u32::MAX,
            node: node(),
            public_key: key().public(),
            trust: map(3, &digest()),
            trust_blobs: map(3, &BLOB),
            continues: Some(Continues { seq: INTEGER, hash: BLOB, reason: line() }),
        }
        .into(),
        SegmentOpened {
            previous_first: INTEGER,
            previous_last: INTEGER,
            previous_bytes: INTEGER,
            previous_blake3: BLOB,
        }
        .into(),
        LineRepaired {
            seq: INTEGER,
            segment: INTEGER,
            byte: INTEGER,
            damage: line(),
            from: "segments".into(),
        }
        .into(),
        TailCut { seq: INTEGER, segment: INTEGER, byte: INTEGER, bytes: INTEGER, kept_as: text(255) }.into(),
        IndexRebuilt { reason: sentence(), folder: text(255) }.into(),
        SnapshotTaken { seq: INTEGER, fold_version: u32::MAX, state_hash: BLOB, bytes: INTEGER }.into(),
        KeyRotated { public_key: key().public(), retires: key().id(), possession: "x".repeat(88) }.into(),
        Pruned {
            minimum: INTEGER,
            hash: BLOB,
            kept: BLOB,
            state: BLOB,
            fold_version: u32::MAX,
            archive: digest(),
            place: text(1_024),
        }
        .into(),
        ArchiveRestored { first: INTEGER, last: INTEGER, archive: digest() }.into(),
    ]
}

fn of_the_process_and_its_content() -> Vec<Event> {
    let standing =
        ContentStanding { digest: digest(), standing: Standing::ObserveOnly, reason: Some(line()) };
    let unreadable = map(l::CONTENT_FILES_MAX / 10, &line());
    vec![
        ProcessStarted {
            version: id(),
            pid: u32::MAX,
            system_boot: id(),
            clean: false,
            observe_only: Some(line()),
        }
        .into(),
        ProcessStopped { reason: line() }.into(),
        LogNamed { origin: text(255), public_key: key().public(), possession: "x".repeat(88) }.into(),
        ClockStepped { last_us: -(INTEGER as i64), now_us: -(INTEGER as i64) }.into(),
        LeftoversDealtWith { terminated: u32::MAX, adopted: u32::MAX, tainted: u32::MAX }.into(),
        ConfigLoaded {
            fingerprint_window: Span::from_ms(INTEGER),
            channels: (0..l::CHANNELS_MAX).map(|n| (format!("{n:063}"), id())).collect(),
            announce: vec![id(); l::CHANNELS_MAX],
            outcomes: vec![id(); l::CHANNELS_MAX],
            ..ConfigLoaded::default()
        }
        .into(),
        ContentAdopted { digests: vec![digest(); ContentAdopted::DIGESTS_MAX] }.into(),
        CatalogLoaded::new(BLOB, map(l::CONTENT_FILES_MAX / 10, &standing), BTreeMap::new()).into(),
        CatalogLoaded::new(BLOB, map(100, &standing), unreadable).into(),
        TrustChanged { files: map(3, &digest()), blobs: map(3, &BLOB), signer: name() }.into(),
        TrustRefused { files: map(3, &digest()), reason: line() }.into(),
        TrustRestored { files: map(3, &digest()) }.into(),
        Paused { by: name(), reason: line() }.into(),
        DrainStarted { by: name(), reason: line() }.into(),
        KeyRotationOrdered { by: name(), reason: line(), statement: statement() }.into(),
        KeyRotationRefused { by: name(), reason: line() }.into(),
        Drained { started: INTEGER }.into(),
        LockBreakOrdered {
            resource: name(),
            token: INTEGER,
            by: name(),
            reason: line(),
            statement: statement(),
        }
        .into(),
        LockBroken { resource: name(), token: INTEGER, holder: line() }.into(),
        LockBreakFailed { resource: name(), reason: sentence() }.into(),
        Resumed { by: name(), reason: line(), statement: statement() }.into(),
        SentinelStarted { sentinel: id(), digest: digest() }.into(),
        SentinelLost { sentinel: id(), reason: line() }.into(),
        SentinelBlind { sentinel: id(), evidence: line() }.into(),
        SentinelGranted {
            sentinel: id(),
            subsystems: vec![name(); l::GRANT_SUBSYSTEMS_MAX],
            token: BLOB,
            by: name(),
            reason: line(),
            statement: statement(),
        }
        .into(),
        SentinelGrantRevoked { sentinel: id(), by: name(), reason: line() }.into(),
        HeartbeatHeard { heartbeat: id(), by: Source::Person(name()), at_ms: INTEGER }.into(),
        ServiceStarted {
            service: id(),
            digest: digest(),
            intent: INTEGER,
            pid: u32::MAX,
            start_ticks: INTEGER,
        }
        .into(),
        ServiceExited {
            service: id(),
            pid: u32::MAX,
            code: Some(i32::MIN),
            signal: Some(i32::MIN),
            wanted: false,
        }
        .into(),
        ServiceAdopted { service: id(), pid: u32::MAX, start_ticks: INTEGER }.into(),
        SubjectErased { subject: subject(), by: name(), reason: line() }.into(),
    ]
}

fn subject() -> SubjectId {
    "ffffffffffffffff".parse().expect("an id")
}

fn seen() -> DegradationSeen {
    // A control character of one byte becomes U+FFFD: three.
    let value = "\u{FFFD}".repeat(l::ATTRIBUTE_VALUE_BYTES_MAX);
    let attributes = (0..l::ATTRIBUTES_MAX)
        .map(|n| (format!("{n:02}{}", text(l::ATTRIBUTE_NAME_BYTES_MAX - 2)), value.clone()));
    DegradationSeen {
        // Sealed, its words are shorter than what they are here: no character of them is escaped.
        subject: Some(subject()),
        receipt: Receipt(Uuid::max()),
        subsystem: name(),
        code: "X".repeat(41),
        target: name(),
        severity: Severity::Critical,
        summary: line(),
        detail: Some(OutsideText::Text(text(l::TEXT_INLINE_BYTES_MAX))),
        attributes: attributes.collect(),
        observed_at: Some(-(INTEGER as i64)),
        source: Source::Sentinel(name()),
        sender_id: Some(name()),
        fingerprint: Fingerprint::of("", "", ""),
        actionable: false,
    }
}

fn of_incidents() -> Vec<Event> {
    let candidate = Candidate {
        runbook: id(),
        digest: digest(),
        priority: i32::MIN,
        eligible: false,
        why: "fingerprint_attempts".into(),
        detail: line(),
    };
    vec![
        seen().into(),
        DegradationRecovered {
            fingerprint: Fingerprint::of("", "", ""),
            target: name(),
            source: Source::Sentinel(name()),
            evidence: line(),
            receipt: Some(Receipt(Uuid::max())),
            sender_id: Some(name()),
        }
        .into(),
        DegradationRefused {
            code: "OUTSIDE_GRANT".into(),
            source: Source::Sentinel(name()),
            said: OutsideText::Text(text(l::TEXT_INLINE_BYTES_MAX)),
        }
        .into(),
        IncidentOpened {
            fingerprint: Fingerprint::of("", "", ""),
            subsystem: name(),
            code: "X".repeat(41),
            target: name(),
        }
        .into(),
        IncidentCoalesced { count: INTEGER }.into(),
        IncidentMatched {
            chosen: Some(id()),
            digest: Some(digest()),
            // One more when the chosen one stands behind the others.
            candidates: vec![candidate; l::TRACE_CANDIDATES_MAX + 1],
            more: u32::MAX,
            not_candidates: u32::MAX,
        }
        .into(),
        IncidentHeld { reason: "look_first".into(), detail: sentence(), until_elapsed_ms: Some(INTEGER) }
            .into(),
        IncidentEscalated {
            rung: u32::MAX,
            rungs: u32::MAX,
            reason: sentence(),
            next_elapsed_ms: Some(INTEGER),
        }
        .into(),
        EscalationHeld {
            rung: u32::MAX,
            observation: observation(),
            next_elapsed_ms: INTEGER,
            undelivered: Some(INTEGER),
        }
        .into(),
        WatchObserved { observation: observation(), looks: u32::MAX }.into(),
        IncidentRelapsed { evidence: sentence(), after: Span::from_ms(INTEGER) }.into(),
        RerunOrdered {
            of: attempt(),
            runbook: id(),
            from: name(),
            skips: u32::MAX,
            by: name(),
            reason: line(),
            statement: statement(),
            differences: vec![
                InputDifference { what: name(), before: Some(text(128)), now: Some(text(128)) };
                l::DIFFERENCES_MAX
            ],
        }
        .into(),
        IncidentClosed {
            closure: Closure::HealedOutcomeUnknown,
            evidence: sentence(),
            parents: map(2, &INTEGER),
        }
        .into(),
        NoticeQueued {
            channel: id(),
            topic: id(),
            text: text(8 * l::SUMMARY_BYTES_MAX),
            about: Some(NoticeAbout {
                subsystem: name(),
                code: id(),
                target: name(),
                severity: Severity::Critical,
            }),
            outcome: Some(NoticeOutcome {
                attempt: attempt(),
                entry: INTEGER,
                planned: INTEGER,
                runbook: id(),
                digest: digest(),
                dry_run: true,
                outcome: Outcome::FailedBeforeMutation,
                reason: sentence(),
                undo: Some(UndoOutcome::Failed),
                took_ms: INTEGER,
            }),
        }
        .into(),
        NoticeDelivered { notice: INTEGER, try_no: u32::MAX, said: text(l::RECEIPT_BYTES_MAX) }.into(),
        NoticeFailed {
            notice: INTEGER,
            try_no: u32::MAX,
            reason: line(),
            retry_elapsed_ms: Some(INTEGER),
            refused: true,
        }
        .into(),
    ]
}

fn of_elevations() -> Vec<Event> {
    let count = u32::MAX;
    vec![
        ElevationRequested {
            runbook: id(),
            digest: digest(),
            target: name(),
            needed: TrustLevel::Collaborative,
            given: TrustLevel::Collaborative,
            may_ask: TrustLevel::Collaborative,
            record: TrackRecord { successes: count, failures: count, overrides: count },
            until_elapsed_ms: INTEGER,
            decider: Some(DeciderPlan {
                argv: vec![text(l::DECIDER_ARGV_BYTES_MAX / 4); 4],
                timeout: Span::from_ms(INTEGER),
                up_to: TrustLevel::Collaborative,
            }),
        }
        .into(),
        ElevationGranted {
            request: INTEGER,
            by: name(),
            reason: line(),
            statement: Some(statement()),
            until_elapsed_ms: INTEGER,
        }
        .into(),
        ElevationRefused { request: INTEGER, by: name(), reason: line() }.into(),
        DeciderAbstained { request: INTEGER, reason: line() }.into(),
        ElevationExpired { request: INTEGER, granted: Some(INTEGER) }.into(),
    ]
}

fn of_attempts() -> Vec<Event> {
    let result =
        PreconditionResult { id: id(), observation: observation(), holds: Some(false), error: Some(line()) };
    vec![
        AttemptPlanned {
            attempt: attempt(),
            runbook: id(),
            digest: digest(),
            signer: name(),
            proposal: id(),
            approvers: vec![format!("{} (self-approved)", id()); 8],
            catalog: INTEGER,
            relies_on: vec![format!("sentinel/{} {}", id(), digest()); 32],
            target: name(),
            dry_run: false,
            skips: 0,
            elevation: Some(INTEGER),
            plan: plan(),
        }
        .into(),
        PreconditionsChecked {
            attempt: attempt(),
            phase: Phase::BeforeLock,
            hold: false,
            results: vec![result; l::PRECONDITIONS_MAX],
        }
        .into(),
        AttemptResumed { attempt: attempt(), resumption: Resumption::VerifyFirst, reason: line() }.into(),
        UndoStarted { attempt: attempt(), reason: sentence(), steps: vec![u32::MAX; 256] }.into(),
        AttemptFrozen { attempt: attempt(), reason: sentence(), until_elapsed_ms: INTEGER }.into(),
        AttemptThawed { attempt: attempt(), by: name(), reason: line(), statement: Some(statement()) }.into(),
        AttemptEnded {
            attempt: attempt(),
            outcome: Outcome::HealedOutcomeUnknown,
            reason: sentence(),
            undo: Some(UndoOutcome::Failed),
        }
        .into(),
        LockRequested { attempt: attempt(), resources: vec![name(); 8], runtime: Span::from_ms(INTEGER) }
            .into(),
        LockGranted { attempt: attempt(), tokens: map(8, &INTEGER) }.into(),
        LockRefused { attempt: attempt(), resource: name(), reason: sentence() }.into(),
        LockReleased { attempt: attempt(), reason: line() }.into(),
        StepIntended {
            attempt: attempt(),
            step: u32::MAX,
            undo: false,
            try_no: u32::MAX,
            action: digest(),
            lock: INTEGER,
            token: INTEGER,
            deadline_elapsed_ms: INTEGER,
        }
        .into(),
        StepStarted {
            attempt: attempt(),
            step: u32::MAX,
            intent: INTEGER,
            pid: u32::MAX,
            start_ticks: INTEGER,
        }
        .into(),
        StepFinished {
            attempt: attempt(),
            step: u32::MAX,
            intent: INTEGER,
            outcome: StepOutcome::NotStarted(text(2 * l::ARG_BYTES_MAX)),
            took_ms: INTEGER,
            output: OutsideText::Text(text(l::TEXT_INLINE_BYTES_MAX)),
            output_dropped: INTEGER,
        }
        .into(),
        StepLeftOver { attempt: attempt(), step: u32::MAX, pid: u32::MAX, fate: LeftOverFate::WouldNotDie }
            .into(),
        TargetTainted { target: name(), reason: sentence() }.into(),
        TargetCleared { target: name(), by: name(), reason: line(), statement: statement() }.into(),
        VerificationStarted {
            attempt: attempt(),
            outcome_unknown: false,
            first_look_elapsed_ms: INTEGER,
            until_elapsed_ms: INTEGER,
        }
        .into(),
        VerificationObserved {
            attempt: attempt(),
            observation: observation(),
            consecutive: u32::MAX,
            needed: u32::MAX,
        }
        .into(),
        VerificationConcluded {
            attempt: attempt(),
            verdict: Verdict::Unknown,
            looks: u32::MAX,
            evidence: line(),
        }
        .into(),
    ]
}

#[test]
fn the_largest_of_every_kind_fits_a_line_and_reads_back() {
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).expect("made");
    let mut kinds: BTreeSet<&str> = BTreeSet::new();
    let own = journals_own();
    let own_kinds: BTreeSet<&str> = own.iter().map(Event::kind).collect();
    let all = own
        .into_iter()
        .chain(of_the_process_and_its_content())
        .chain(of_incidents())
        .chain(of_elevations())
        .chain(of_attempts());
    for event in all {
        let kind = event.kind();
        kinds.insert(kind);
        let data = event.data().expect("written");
        assert!(data.len() <= DATA_BYTES_MAX, "{kind}: {} bytes", data.len());
        assert_eq!(Event::parse(kind, event.kv(), &data).expect(kind), event);
        if own_kinds.contains(kind) {
            // Only the journal writes these.
            continue;
        }
        let draft = Draft {
            at: Stamp { time_us: i64::from(i32::MAX) * 1_000_000, mono_ms: INTEGER },
            incident: Some(IncidentId(Uuid::max())),
            cause: Some(Cause::Seq(0)),
            event: event.clone(),
        };
        let seq: Seq = journal.append(vec![draft]).expect(kind).committed[0].seq();
        let line = journal.line(seq).expect("read").expect("there");
        assert!(line.as_str().len() <= l::LINE_BYTES_MAX, "{kind}: {}", line.as_str().len());
        assert_eq!(line.parsed().expect("a line").record().expect(kind).event, event);
    }
    let wanted: BTreeSet<&str> = Event::KINDS.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, wanted, "a new kind needs its largest value here");
    let boot = BootId(Uuid::max());
    assert_eq!(boot.to_string().len(), 36, "ids are as long as the envelope allows for");
}
