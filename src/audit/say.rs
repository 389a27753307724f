//! One sentence for each kind of entry: what a person reads in a timeline, in `audit tail` and in `explain`.
//! Not for: why and why-not (views::explain), layout and colour (cli).

use crate::base::text::OutsideText;
use crate::base::time::rfc3339;
use crate::event::Event;
use crate::event::attempt::{Outcome, Phase, Resumption};
use crate::event::content::Standing;
use crate::event::elevation::TrackRecord;
use crate::event::incident::Closure;
use crate::event::step::{LeftOverFate, StepOutcome};
use crate::event::verification::{Observation, Verdict};

/// What an entry says, in one sentence. May hold text from outside: whoever prints it cleans it.
pub fn say(event: &Event) -> String {
    use Event as E;
    match event {
        E::Genesis(_) | E::SegmentOpened(_) | E::LineRepaired(_) | E::TailCut(_) | E::IndexRebuilt(_) => {
            journal(event)
        }
        E::SnapshotTaken(_) | E::KeyRotated(_) | E::Pruned(_) | E::ArchiveRestored(_) => journal(event),
        E::ProcessStarted(_) | E::ProcessStopped(_) | E::ClockStepped(_) | E::LeftoversDealtWith(_) => {
            process(event)
        }
        E::ConfigLoaded(_) | E::ContentAdopted(_) => content(event),
        E::CatalogLoaded(_) | E::TrustChanged(_) | E::TrustRefused(_) | E::TrustRestored(_) => content(event),
        E::Paused(_) | E::DrainStarted(_) | E::Drained(_) | E::Resumed(_) => content(event),
        E::KeyRotationOrdered(_) | E::KeyRotationRefused(_) | E::LogNamed(_) => journal(event),
        E::DegradationSeen(_) | E::DegradationRecovered(_) | E::DegradationRefused(_) => degradation(event),
        E::IncidentOpened(_) | E::IncidentCoalesced(_) | E::IncidentMatched(_) | E::IncidentHeld(_) => {
            incident(event)
        }
        E::IncidentEscalated(_) | E::EscalationHeld(_) | E::WatchObserved(_) | E::IncidentRelapsed(_) => {
            incident(event)
        }
        E::IncidentClosed(_) | E::RerunOrdered(_) => incident(event),
        E::ElevationRequested(_) | E::ElevationGranted(_) | E::ElevationRefused(_) => elevation(event),
        E::DeciderAbstained(_) | E::ElevationExpired(_) => elevation(event),
        E::AttemptPlanned(_) | E::PreconditionsChecked(_) | E::AttemptResumed(_) | E::UndoStarted(_) => {
            attempt(event)
        }
        E::AttemptFrozen(_) | E::AttemptThawed(_) | E::AttemptEnded(_) => attempt(event),
        E::LockRequested(_) | E::LockGranted(_) | E::LockRefused(_) | E::LockReleased(_) => lock(event),
        E::LockBreakOrdered(_) | E::LockBroken(_) | E::LockBreakFailed(_) => lock(event),
        E::StepIntended(_) | E::StepStarted(_) | E::StepFinished(_) | E::StepLeftOver(_) => step(event),
        E::TargetTainted(_) | E::TargetCleared(_) => step(event),
        E::VerificationStarted(_) | E::VerificationObserved(_) | E::VerificationConcluded(_) => {
            verification(event)
        }
        E::NoticeQueued(_) | E::NoticeDelivered(_) | E::NoticeFailed(_) => notice(event),
        E::SentinelStarted(_) | E::SentinelLost(_) | E::SentinelBlind(_) => machine(event),
        E::SentinelGranted(_) | E::SentinelGrantRevoked(_) | E::HeartbeatHeard(_) => machine(event),
        E::ServiceStarted(_) | E::ServiceExited(_) | E::ServiceAdopted(_) => machine(event),
        E::SubjectErased(e) => {
            format!("{} had subject {} forgotten, its key is destroyed: {}", e.by, e.subject, e.reason)
        }
    }
}

fn journal(event: &Event) -> String {
    match event {
        Event::Genesis(e) => {
            let key = e.public_key.id();
            let start = format!("the journal of node {} begins, signed by key {key}", e.node);
            match &e.continues {
                Some(c) => format!("{start}; it continues one that ended at seq {}: {}", c.seq, c.reason),
                None => start,
            }
        }
        Event::SegmentOpened(e) => {
            format!(
                "segment {}–{} sealed ({} bytes), the next one begun",
                e.previous_first, e.previous_last, e.previous_bytes
            )
        }
        Event::LineRepaired(e) => {
            format!("damaged entry {} was restored from {}: {}", e.seq, e.from, e.damage)
        }
        Event::TailCut(e) => format!(
            "{} bytes after seq {} were not an entry and were set aside as {}",
            e.bytes,
            e.seq.saturating_sub(1),
            e.kept_as
        ),
        Event::IndexRebuilt(e) => format!("indexes built anew in {}: {}", e.folder, e.reason),
        Event::SnapshotTaken(e) => {
            format!("snapshot of the state at seq {} written ({} bytes)", e.seq, e.bytes)
        }
        Event::Pruned(e) => {
            format!("entries below {} pruned: they are in the archive {} ({})", e.minimum, e.place, e.archive)
        }
        Event::ArchiveRestored(e) => {
            format!("entries {} to {} put back from the archive {}", e.first, e.last, e.archive)
        }
        Event::KeyRotationOrdered(e) => format!("{} ordered another key: {}", e.by, e.reason),
        Event::KeyRotationRefused(e) => format!("no other key, asked by {}: {}", e.by, e.reason),
        Event::LogNamed(e) => format!("the log {} begins: its checkpoints are signed from here on", e.origin),
        Event::KeyRotated(e) => {
            format!("key {} signs from here on, {} no more", e.public_key.id(), e.retires)
        }
        _ => String::new(),
    }
}

fn process(event: &Event) -> String {
    match event {
        Event::ProcessStarted(e) => {
            let before = if e.clean { "" } else { " after an unclean end" };
            let observe = e.observe_only.as_ref().map(|why| format!(", observe-only: {why}"));
            format!("remediator {} started{before} (pid {}){}", e.version, e.pid, observe.unwrap_or_default())
        }
        Event::ProcessStopped(e) => format!("remediator stopped in order: {}", e.reason),
        Event::ClockStepped(e) => {
            format!("the wall clock went back from {} to {}", rfc3339(e.last_us), rfc3339(e.now_us))
        }
        Event::LeftoversDealtWith(e) => format!(
            "leftovers of the process before dealt with: {} ended, {} services taken over, {} tainted",
            e.terminated, e.adopted, e.tainted
        ),
        _ => String::new(),
    }
}

fn content(event: &Event) -> String {
    match event {
        Event::ConfigLoaded(e) if e.limits_lifted => "configuration in force, LIMITS LIFTED".into(),
        Event::ConfigLoaded(e) => format!(
            "configuration in force: {} attempts at once, {} per fingerprint in {}",
            e.attempts_at_once, e.fingerprint_attempts, e.fingerprint_window
        ),
        Event::ContentAdopted(e) => format!("{} content files are live for the first time", e.digests.len()),
        Event::CatalogLoaded(e) => {
            let count = |standing| e.counts.get(&standing).copied().unwrap_or(0) as usize;
            format!(
                "catalog in force: {} live, {} observe only, {} refused",
                count(Standing::Live),
                count(Standing::ObserveOnly),
                count(Standing::Refused)
            )
        }
        Event::TrustChanged(e) => {
            format!("trust files changed, signed by {}: {}", e.signer, keys(&e.files))
        }
        Event::TrustRefused(e) => {
            format!("a change of the trust files ({}) is not in force: {}", keys(&e.files), e.reason)
        }
        Event::TrustRestored(_) => "the trust files on disk are again those in force".into(),
        Event::Paused(e) => format!("paused by {}: {}", e.by, e.reason),
        Event::DrainStarted(e) => format!("draining, said {}: {}", e.by, e.reason),
        Event::Drained(_) => "drained: nothing is acted upon any more".into(),
        Event::Resumed(e) => format!("resumed by {}: {}", e.by, e.reason),
        _ => String::new(),
    }
}

fn degradation(event: &Event) -> String {
    match event {
        Event::DegradationSeen(e) => {
            let text = if e.actionable { "" } else { " (free text, not acted upon)" };
            format!("{} reports {}/{} on {}: {}{text}", e.source, e.subsystem, e.code, e.target, e.summary)
        }
        Event::DegradationRecovered(e) => {
            format!("{} sees {} good again: {}", e.source, e.target, e.evidence)
        }
        Event::DegradationRefused(e) => {
            let said = match &e.said {
                OutsideText::Text(text) => text.clone(),
                OutsideText::Blob(blob) => format!("blob {blob}"),
            };
            format!("input of {} refused ({}): {said}", e.source, e.code)
        }
        _ => String::new(),
    }
}

fn incident(event: &Event) -> String {
    match event {
        Event::IncidentOpened(e) => format!("incident opened: {}/{} on {}", e.subsystem, e.code, e.target),
        Event::IncidentCoalesced(e) => format!("the same trouble again, {} reports so far", e.count),
        Event::IncidentMatched(e) => {
            let considered = e.candidates.len() + e.more as usize;
            match &e.chosen {
                Some(runbook) => format!("runbook {runbook} chosen of {considered} considered"),
                None => format!("no runbook chosen of {considered} considered"),
            }
        }
        Event::IncidentHeld(e) => format!("nothing is done now ({}): {}", e.reason, e.detail),
        Event::IncidentEscalated(e) => {
            format!("escalated, rung {} of {}: {}", e.rung + 1, e.rungs, e.reason)
        }
        Event::EscalationHeld(e) => {
            format!("escalation held at rung {}: {}", e.rung + 1, seen(&e.observation))
        }
        Event::WatchObserved(e) => format!("regression watch, look {}: {}", e.looks, seen(&e.observation)),
        Event::IncidentRelapsed(e) => format!("relapsed {} after the healing: {}", e.after, e.evidence),
        Event::RerunOrdered(e) => format!(
            "{} ordered `{}` again from step `{}` ({} stand, {} inputs differ): {}",
            e.by,
            e.runbook,
            e.from,
            e.skips,
            e.differences.len(),
            e.reason
        ),
        Event::IncidentClosed(e) => format!("closed, {}: {}", closure(e.closure), e.evidence),
        _ => String::new(),
    }
}

fn elevation(event: &Event) -> String {
    match event {
        Event::ElevationRequested(e) => {
            let TrackRecord { successes, failures, overrides } = e.record;
            format!(
                "`{}` asks for the trust level {} on {}, the policy gives {} ({successes} healed, {failures} failed, \
                 {overrides} taken over by people)",
                e.runbook, e.needed, e.target, e.given
            )
        }
        Event::ElevationGranted(e) => format!("{} lets it act once: {}", e.by, e.reason),
        Event::ElevationRefused(e) => format!("{} does not let it act: {}", e.by, e.reason),
        Event::DeciderAbstained(e) => format!("the decider does not answer, people decide: {}", e.reason),
        Event::ElevationExpired(e) => match e.granted {
            Some(_) => "what was granted was not used in time".into(),
            None => "nobody answered in time".into(),
        },
        _ => String::new(),
    }
}

fn attempt(event: &Event) -> String {
    match event {
        Event::AttemptPlanned(e) => {
            let how = if e.dry_run { "planned only (dry run)" } else { "planned" };
            let steps = e.plan.steps.len();
            format!("attempt {how}: runbook {} on {}, {steps} step(s)", e.runbook, e.target)
        }
        Event::PreconditionsChecked(e) => {
            let phase = match e.phase {
                Phase::BeforeLock => "before the lock",
                Phase::UnderLock => "under the lock",
            };
            let broken: Vec<&str> =
                e.results.iter().filter(|r| r.holds != Some(true)).map(|r| r.id.as_str()).collect();
            if e.hold {
                format!("preconditions hold {phase} ({})", e.results.len())
            } else {
                format!("preconditions do not hold {phase}: {}", broken.join(", "))
            }
        }
        Event::AttemptResumed(e) => format!("after a crash: {} ({})", resumption(e.resumption), e.reason),
        Event::UndoStarted(e) => format!("{} step(s) are being taken back: {}", e.steps.len(), e.reason),
        Event::AttemptFrozen(e) => format!("attempt frozen until a person decides: {}", e.reason),
        Event::AttemptThawed(e) => format!("freeze ended by {}: {}", e.by, e.reason),
        Event::AttemptEnded(e) => format!("attempt ended, {}: {}", outcome(e.outcome), e.reason),
        _ => String::new(),
    }
}

fn lock(event: &Event) -> String {
    match event {
        Event::LockRequested(e) => format!("lock asked for: {}", e.resources.join(", ")),
        Event::LockGranted(e) => {
            let tokens: Vec<String> =
                e.tokens.iter().map(|(name, token)| format!("{name} #{token}")).collect();
            format!("lock granted: {}", tokens.join(", "))
        }
        Event::LockRefused(e) => format!("lock {} not granted: {}", e.resource, e.reason),
        Event::LockReleased(e) => format!("lock released ({})", e.reason),
        Event::LockBreakOrdered(e) => {
            format!("{} ordered that lock {} #{} is broken: {}", e.by, e.resource, e.token, e.reason)
        }
        Event::LockBroken(e) => format!("lock {} broken with #{}; held by {}", e.resource, e.token, e.holder),
        Event::LockBreakFailed(e) => format!("lock {} not broken: {}", e.resource, e.reason),
        _ => String::new(),
    }
}

fn step(event: &Event) -> String {
    match event {
        Event::StepIntended(e) => {
            let what = if e.undo { "undo of step" } else { "step" };
            let again = if e.try_no > 1 { format!(", try {}", e.try_no) } else { String::new() };
            format!("{what} {} intended{again}, under lock token {}", e.step + 1, e.token)
        }
        Event::StepStarted(e) => format!("step {} runs as pid {}", e.step + 1, e.pid),
        Event::StepFinished(e) => {
            format!("step {} {} after {} ms", e.step + 1, step_outcome(&e.outcome), e.took_ms)
        }
        Event::StepLeftOver(e) => {
            let fate = match e.fate {
                LeftOverFate::Terminated => "was ended, its exit confirmed",
                LeftOverFate::Gone => "had already gone",
                LeftOverFate::Unreadable => "could not be read",
                LeftOverFate::WouldNotDie => "would not die",
            };
            format!("left-over process {} of step {} {fate}", e.pid, e.step + 1)
        }
        Event::TargetTainted(e) => format!("target {} tainted: {}", e.target, e.reason),
        Event::TargetCleared(e) => format!("target {} cleared by {}: {}", e.target, e.by, e.reason),
        _ => String::new(),
    }
}

fn verification(event: &Event) -> String {
    match event {
        Event::VerificationStarted(e) if e.outcome_unknown => {
            "looking first: nobody knows whether the interrupted step happened".into()
        }
        Event::VerificationStarted(_) => "verification began".into(),
        Event::VerificationObserved(e) => {
            format!("verification, {} of {} good: {}", e.consecutive, e.needed, seen(&e.observation))
        }
        Event::VerificationConcluded(e) => {
            format!("verified {} after {} look(s): {}", verdict(e.verdict), e.looks, e.evidence)
        }
        _ => String::new(),
    }
}

fn notice(event: &Event) -> String {
    match event {
        Event::NoticeQueued(e) => format!("to be told through {} ({}): {}", e.channel, e.topic, e.text),
        Event::NoticeDelivered(e) => format!("notice {} delivered at try {}", e.notice, e.try_no),
        Event::NoticeFailed(e) => {
            let then = match (e.retry_elapsed_ms, e.refused) {
                (Some(_), _) => "it is tried again",
                (None, true) => "REFUSED for good",
                (None, false) => "GIVEN UP",
            };
            format!("notice {} not delivered at try {}: {}; {then}", e.notice, e.try_no, e.reason)
        }
        _ => String::new(),
    }
}

fn machine(event: &Event) -> String {
    match event {
        Event::SentinelStarted(e) => format!("sentinel {} watches", e.sentinel),
        Event::SentinelLost(e) => format!("sentinel {} is lost: {}", e.sentinel, e.reason),
        Event::SentinelBlind(e) => format!("sentinel {} cannot tell: {}", e.sentinel, e.evidence),
        Event::SentinelGranted(e) => {
            let subsystems = e.subsystems.join(", ");
            format!(
                "external sentinel {} may speak of {subsystems}, granted by {}: {}",
                e.sentinel, e.by, e.reason
            )
        }
        Event::SentinelGrantRevoked(e) => {
            format!(
                "external sentinel {} may speak no longer, taken back by {}: {}",
                e.sentinel, e.by, e.reason
            )
        }
        Event::HeartbeatHeard(e) => format!("heartbeat {} is heard, from {}", e.heartbeat, e.by),
        Event::ServiceStarted(e) => format!("service {} runs as pid {}", e.service, e.pid),
        Event::ServiceExited(e) => {
            let how = match (e.code, e.signal) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "how is not known".into(),
            };
            let wanted = if e.wanted { "as wanted" } else { "unwanted" };
            format!("service {} ended, {wanted} ({how})", e.service)
        }
        Event::ServiceAdopted(e) => format!("service {} taken over again, pid {}", e.service, e.pid),
        _ => String::new(),
    }
}

fn keys<V>(map: &std::collections::BTreeMap<String, V>) -> String {
    map.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn seen(observation: &Observation) -> String {
    format!("{}: {}", verdict(observation.verdict), observation.evidence)
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "healthy",
        Verdict::Failed => "failed",
        Verdict::Unknown => "unknown",
    }
}

/// An outcome in words.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Healthy => "healthy",
        Outcome::Failed => "proven not to have helped",
        Outcome::Inconclusive => "inconclusive",
        Outcome::FailedBeforeMutation => "failed before anything was changed",
        Outcome::FailedPartial => "failed with part of it done",
        Outcome::Interrupted => "interrupted",
        Outcome::AbortedDeadline => "out of time",
        Outcome::DryRun => "dry run",
        Outcome::HealedOutcomeUnknown => "healed, the interrupted step's outcome unknown",
    }
}

/// A closure in words.
pub fn closure(closure: Closure) -> &'static str {
    match closure {
        Closure::Healed => "healed",
        Closure::RecoveredUnaided => "recovered unaided",
        Closure::HealedOutcomeUnknown => "healed, the interrupted step's outcome unknown",
        Closure::ClosedByPerson => "closed by a person",
        Closure::NotActionable => "not actionable",
    }
}

/// A step's end in words.
pub fn step_outcome(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Succeeded => "succeeded".into(),
        StepOutcome::Exited(code) => format!("exited with {code}"),
        StepOutcome::Signalled(signal) => format!("was ended by signal {signal}"),
        StepOutcome::TimedOut => "ran out of time and was ended".into(),
        StepOutcome::NotStarted(why) => format!("could not be started: {why}"),
        StepOutcome::WouldNotDie => "ran out of time and would not die".into(),
        StepOutcome::Refused(why) => format!("was refused by the hand: {why}"),
        StepOutcome::Failed { why, began: true, .. } => format!("failed: {why}"),
        StepOutcome::Failed { why, began: false, .. } => format!("failed before it changed anything: {why}"),
    }
}

fn resumption(resumption: Resumption) -> &'static str {
    match resumption {
        Resumption::StartAgain => "started again from the top",
        Resumption::Verify => "all steps were done, verified next",
        Resumption::StepAgain => "the interrupted step is idempotent and done again",
        Resumption::VerifyFirst => "the interrupted step is not repeated, looked at first",
        Resumption::UndoOn => "the undo goes on",
        Resumption::GiveUp => "not taken up again",
        Resumption::StayFrozen => "stays frozen",
    }
}
