//! What a post-mortem holds: plain values, the same for Markdown, HTML and JSON. Times are of the entries, durations of
//! the journal's own clock. Not for how it comes about (`gather`, `tell`, `beyond`) or how it looks.

use serde::Serialize;

use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::{AttemptId, Fingerprint, IncidentId, NodeId, Seq};
use crate::base::sign::KeyId;
use crate::context::IncidentState;
use crate::event::attempt::{Outcome, PreconditionsChecked, UndoOutcome};
use crate::event::degradation::Severity;
use crate::event::incident::Candidate;
use crate::event::verification::Verdict;

/// A point in the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// The entry.
    pub seq: Seq,
    /// Wall time of that entry, RFC 3339.
    pub at: String,
    /// Since the first report, ms.
    pub since_ms: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PostMortem {
    /// Version of this shape.
    pub v: u32,
    /// Which incident.
    pub incident: IncidentId,
    /// Whose journal.
    pub node: NodeId,
    /// Chain hash of that journal's genesis entry.
    pub genesis: Blake3,
    /// The trouble.
    pub fingerprint: Fingerprint,
    /// Where it stands.
    pub state: IncidentState,
    /// All of it in two or three sentences.
    pub verdict: String,
    /// The first report.
    pub opened: Moment,
    /// The entry that closed it; none while it is open.
    pub closed: Option<Moment>,
    /// The last entry that this rests on: of the incident, or of the journal while it is open.
    pub until: Moment,
    /// How long the stretches were that people ask for.
    pub measures: Vec<Measure>,
    /// Which state it was in from when to when.
    pub states: Vec<StateSpan>,
    /// What was reported.
    pub signal: SignalPart,
    /// Every entry of it, and what happened around it.
    pub timeline: Vec<Row>,
    /// Entries about repeated reports that are left out there, between the first and the last ones.
    pub left_out: u64,
    /// Every decision about a runbook.
    pub decisions: Vec<Decision>,
    /// Every time when nothing was done, and why.
    pub holds: Vec<Hold>,
    /// On whose authority each attempt was made.
    pub authority: Vec<Authority>,
    /// Every attempt.
    pub attempts: Vec<AttemptPart>,
    /// What people did.
    pub people: Vec<Act>,
    /// Who was told what.
    pub told: Vec<Told>,
    /// What was not tried, and why.
    pub untried: Vec<Untried>,
    /// Limits that kept something from being done.
    pub bound: Vec<Bound>,
    /// Limits in force when it began.
    pub limits: Vec<LimitPart>,
    /// Incidents before it that were alike.
    pub similar: Similar,
    /// Chain and signatures under it.
    pub proof: Proof,
    /// What entries name and this folder does not have.
    pub absent: Vec<Absent>,
}

/// How long one stretch was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// Which: `decided`, `acted`, `verified`, `closed`.
    pub name: String,
    /// For people: from the first report to …
    pub what: String,
    /// How long; none = it did not come to that.
    pub ms: Option<u64>,
}

/// A stretch in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateSpan {
    /// The state.
    pub state: IncidentState,
    /// Begin, since the first report.
    pub from_ms: u64,
    /// End, since the first report.
    pub to_ms: u64,
}

/// What was reported.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignalPart {
    /// Part of the system.
    pub subsystem: String,
    /// The code.
    pub code: String,
    /// What was degraded.
    pub target: String,
    /// The worst severity reported.
    pub severity: Severity,
    /// One line, of the first report.
    pub summary: String,
    /// A paragraph, of the first report.
    pub detail: Option<Text>,
    /// Further values, of the first report.
    pub attributes: Vec<(String, String)>,
    /// Reports, all of them.
    pub count: u64,
    /// Reports and recoveries.
    pub reports: Vec<Report>,
}

/// A report or recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// Who said so, verified.
    pub source: String,
    /// It was good again.
    pub good: bool,
    /// What was said.
    pub said: String,
    /// When the sender saw it (its claim), RFC 3339.
    pub observed_at: Option<String>,
}

/// Text from outside that may lie in a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    /// The text, cut in its middle when it is long; none when its blob is absent.
    pub text: Option<String>,
    /// The blob that holds it.
    pub blob: Option<Blake3>,
    /// Bytes left out here.
    pub left_out: u64,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// Until the next line, ms.
    pub took_ms: Option<u64>,
    /// The kind of the entry.
    pub kind: String,
    /// What it says.
    pub said: String,
    /// False: it happened around the incident and is no part of it.
    pub own: bool,
}

/// A decision about a runbook.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// The chosen runbook.
    pub chosen: Option<String>,
    /// Its digest.
    pub digest: Option<FileDigest>,
    /// Each candidate with its why or why-not.
    pub candidates: Vec<Candidate>,
    /// Candidates left out of the entry.
    pub more: u32,
    /// Runbooks whose matcher names another subsystem or code.
    pub not_candidates: u32,
    /// How much of each limit was used then.
    pub limits: Vec<LimitPart>,
}

/// A time when nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// Stable word.
    pub reason: String,
    /// For people.
    pub detail: String,
}

/// On whose authority an attempt was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Authority {
    /// The attempt.
    pub attempt: AttemptId,
    /// The runbook.
    pub runbook: String,
    /// Its title, from the catalog of then.
    pub title: Option<String>,
    /// Its digest.
    pub digest: FileDigest,
    /// Who signed it.
    pub signer: String,
    /// The proposal that argued for it.
    pub proposal: String,
    /// What the proposal says of itself, from the catalog of then.
    pub argument: Option<String>,
    /// Who approved it, as the entry says.
    pub approvers: Vec<String>,
    /// The approvals themselves, from the catalog of then.
    pub approvals: Vec<ApprovalPart>,
    /// Other content files that it resolved to.
    pub relies_on: Vec<String>,
    /// The entry whose catalog it was taken from.
    pub catalog: Seq,
    /// What judging that catalog again says of it now: `live`, `observe_only`, `refused`; none = its blob is absent.
    pub judged_again: Option<String>,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalPart {
    /// Its file.
    pub path: String,
    /// Who; none = its signature does not count.
    pub by: Option<String>,
    /// Why it was given, or why it does not count.
    pub reason: String,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptPart {
    /// Its id.
    pub attempt: AttemptId,
    /// When it was planned.
    pub planned: Moment,
    /// When it ended.
    pub ended: Option<Moment>,
    /// The runbook.
    pub runbook: String,
    /// What it acted on.
    pub target: String,
    /// Only planned, never run.
    pub dry_run: bool,
    /// Where its time went.
    pub phases: Vec<Phase>,
    /// Every look at its preconditions.
    pub preconditions: Vec<(Moment, PreconditionsChecked)>,
    /// The lock: asked, granted with tokens, refused, given back.
    pub locks: Vec<(Moment, String)>,
    /// Its steps, in the order of the plan.
    pub steps: Vec<StepPart>,
    /// Why steps were taken back, and how that went.
    pub undo: Option<(String, UndoOutcome)>,
    /// How success was to be told.
    pub verification: String,
    /// What independent looks saw.
    pub looks: Vec<Look>,
    /// The answer of the verification.
    pub verdict: Option<Verdict>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The same for people.
    pub reason: Option<String>,
}

/// A stretch of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// Which: `preconditions`, `lock`, `steps`, `verification`, …
    pub name: String,
    /// Begin, since the first report.
    pub from_ms: u64,
    /// End, since the first report.
    pub to_ms: u64,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepPart {
    /// Its id in the runbook.
    pub id: String,
    /// What is done.
    pub action: String,
    /// Running it twice is as good as once.
    pub idempotent: bool,
    /// What takes it back.
    pub undo: Option<String>,
    /// Why it cannot be taken back.
    pub irreversible: Option<String>,
    /// Every try, its undo included.
    pub tries: Vec<Try>,
}

/// One try of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Try {
    /// When it was intended.
    #[serde(flatten)]
    pub moment: Moment,
    /// It was the step's undo.
    pub undo: bool,
    /// Which try.
    pub try_no: u32,
    /// The fencing token it ran under.
    pub token: u64,
    /// Its process.
    pub pid: Option<u32>,
    /// How it ended; none = nobody knows.
    pub ended: Option<String>,
    /// It did what it should.
    pub succeeded: bool,
    /// From intent to end on the journal's clock, ms.
    pub to_ms: Option<u64>,
    /// How long it ran, ms.
    pub took_ms: Option<u64>,
    /// What it printed.
    pub output: Option<Text>,
    /// Output that was not kept, bytes.
    pub dropped: u64,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Look {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// What it says.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: String,
    /// What for: `verification`, `watch`, `escalation`.
    pub purpose: String,
    /// Values that were measured.
    pub values: Vec<(String, i64)>,
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Act {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// Who.
    pub who: String,
    /// What.
    pub did: String,
    /// Why.
    pub reason: String,
    /// Digest of the statement that was signed for it, when that was needed.
    pub statement: Option<FileDigest>,
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// When it was queued.
    #[serde(flatten)]
    pub moment: Moment,
    /// Through which channel.
    pub channel: String,
    /// What about.
    pub topic: String,
    /// What was said.
    pub text: String,
    /// `delivered`, `failed`, `refused` or `waiting`.
    pub state: String,
    /// Tries.
    pub tries: u32,
    /// When it was delivered.
    pub delivered: Option<Moment>,
    /// What the receiver said, or why it was not delivered.
    pub answer: String,
}

/// Something that was not tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Untried {
    /// What: `runbook x`, `step y`, `rung 2`.
    pub what: String,
    /// Why.
    pub why: String,
    /// The entry that says so.
    pub seq: Option<Seq>,
}

/// A limit that bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bound {
    /// When.
    #[serde(flatten)]
    pub moment: Moment,
    /// Stable word.
    pub limit: String,
    /// What it kept from being done.
    pub detail: String,
}

/// A limit and how much of it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitPart {
    /// Which.
    pub name: String,
    /// Used then.
    pub used: Option<u64>,
    /// Allowed.
    pub allowed: String,
}

/// Incidents before this one that were alike, as they were when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Similar {
    /// Of the same fingerprint.
    pub same_fingerprint: u64,
    /// Of the same subsystem and code on other targets.
    pub same_code: u64,
    /// The newest of them, the same fingerprint first.
    pub newest: Vec<Past>,
}

/// An incident before this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Past {
    /// Its id.
    pub incident: IncidentId,
    /// When it was opened, RFC 3339.
    pub at: String,
    /// The entry that opened it.
    pub seq: Seq,
    /// What was degraded.
    pub target: String,
    /// It is of the same fingerprint.
    pub same: bool,
    /// Runbooks that were tried, in order.
    pub runbooks: Vec<String>,
    /// How it ended; `open` when it was not over yet.
    pub ended: String,
    /// How long it took.
    pub took_ms: Option<u64>,
    /// How long before this one it was opened.
    pub before_ms: u64,
}

/// Chain and signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Entries from genesis to the last one that this rests on, each chained to the one before.
    pub chained: u64,
    /// Chain hash of the last of them.
    pub hash: Option<Blake3>,
    /// Entries of this report whose own signatures were checked, with genesis, key changes and the last one.
    pub signatures: u64,
    /// Those that do not hold.
    pub bad_signatures: Vec<Seq>,
    /// Keys that signed, each with the first entry that it signs.
    pub keys: Vec<(KeyId, Seq)>,
    /// Where the journal is damaged: nothing behind that is in this report.
    pub damage: Option<String>,
}

/// Something that an entry names and that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// The blob.
    pub blob: Blake3,
    /// The entry that names it.
    pub seq: Seq,
    /// What it held.
    pub what: String,
    /// `missing`, or `damaged` when its bytes are not those that its name promises.
    pub state: String,
}
