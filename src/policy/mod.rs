//! Deciding: `decide(world, input, now)` gives events, and each event its effects. Pure and synchronous: no
//! clock, no randomness, no I/O. One file per rule family; [`decide`] is the registry, one line an input.

mod attempt;
mod catalog;
mod content;
mod desk;
mod effects;
mod escalation;
mod freeze;
mod group;
mod held;
mod input;
mod intake;
mod limits;
mod machine;
mod notices;
mod people;
mod recovery;
mod rerun;
mod runbooks;
mod settle;
mod steps;
mod timers;
mod trust;
mod verification;
mod watch;

#[cfg(test)]
mod tests;

pub use catalog::CatalogRunbooks;
pub use desk::{Answer, Decision, Now};
pub use effects::{Effect, Purpose, Ticket, effects};
pub use input::{Input, LeftOvers, LockAnswer};
pub use runbooks::{Offer, OfferLimits, OfferStanding, Planned, Runbooks};
pub use timers::next_timer;
pub use trust::{Authority, Decided, Elevate, SELF_APPROVED, may_ask};

use crate::context::World;
use crate::event::control::KeyRotationRefused;
use desk::Desk;

/// Decides one input against the world and advances the world by the events decided.
///
/// The caller makes the decision's records durable before anything of it leaves: effects, answer, notices.
pub fn decide(world: &mut World, runbooks: &dyn Runbooks, input: Input, now: Now) -> Decision {
    let mut desk = Desk::new(world, runbooks, now);
    desk.note_clock_step();
    let answer = match input {
        Input::Started(started) => desk.note(None, None, started),
        Input::Stopping(stopped) => desk.note(None, None, stopped),
        Input::LeftOversFound(found) => recovery::left_overs(&mut desk, found),
        Input::Booted => recovery::booted(&mut desk),
        Input::ConfigLoaded(config) => desk.note(None, None, config),
        Input::LogNamed(named) => desk.note(None, None, named),
        Input::CatalogLoaded { loaded, live } => content::catalog_loaded(&mut desk, loaded, live),
        Input::TrustChanged(changed) => desk.note(None, None, changed),
        Input::TrustRefused(refused) => content::trust_refused(&mut desk, refused),
        Input::TrustRestored(restored) => desk.note(None, None, restored),
        Input::Reported(seen) => intake::reported(&mut desk, *seen),
        Input::Recovered(recovered) => intake::recovered(&mut desk, recovered),
        Input::Refused(refused) => desk.note(None, None, refused),
        Input::Observed { ticket, observations } => match ticket.purpose {
            Purpose::BeforeLock | Purpose::UnderLock => attempt::observed(&mut desk, &ticket, observations),
            Purpose::Verification => verification::observed(&mut desk, &ticket, observations),
            Purpose::Escalation => escalation::observed(&mut desk, &ticket, observations),
        },
        Input::Watched { incident, observation, looks, over } => {
            watch::observed(&mut desk, incident, observation, looks, over)
        }
        Input::LockAnswered { incident, attempt, answer } => {
            attempt::lock_answered(&mut desk, incident, attempt, answer)
        }
        Input::StepStarted { incident, started } => steps::started(&mut desk, incident, started),
        Input::StepFinished { incident, finished } => steps::finished(&mut desk, incident, finished),
        Input::Service(event) => machine::service(&mut desk, *event),
        Input::Sentinel(event) => machine::sentinel(&mut desk, *event),
        Input::SentinelSees { sentinel, evidence } => machine::sees(&mut desk, sentinel, &evidence),
        Input::Granted(granted) => people::granted(&mut desk, *granted),
        Input::GrantRevoked(revoked) => people::grant_revoked(&mut desk, revoked),
        Input::Paused(paused) => desk.note(None, None, paused),
        Input::DrainStarted(started) => desk.note(None, None, started),
        Input::KeyRotationOrdered(ordered) => people::key_ordered(&mut desk, ordered),
        Input::KeyRotationFailed(reason) => {
            desk.note(None, None, KeyRotationRefused { by: "remediator".into(), reason })
        }
        Input::BreakOrdered(ordered) => people::break_ordered(&mut desk, ordered),
        Input::LockBreakEnded(ended) => people::break_ended(&mut desk, ended),
        Input::Resumed(resumed) => people::resumed(&mut desk, resumed),
        Input::Rerun { incident, from, by, reason, statement } => {
            rerun::ordered(&mut desk, incident, from.as_deref(), by, reason, statement)
        }
        Input::Elevated(word) => trust::elevated(&mut desk, *word),
        Input::ElevationRefused { incident, by, reason } => trust::refused(&mut desk, incident, by, reason),
        Input::Decided { incident, request, decided } => {
            trust::decided(&mut desk, incident, request, decided)
        }
        Input::Thawed { incident, by, reason, statement } => {
            people::thawed(&mut desk, incident, by, reason, statement)
        }
        Input::Cleared(cleared) => people::cleared(&mut desk, cleared),
        Input::SubjectErased(erased) => people::subject_erased(&mut desk, erased),
        Input::Closed { incident, by, reason } => people::closed(&mut desk, incident, &by, &reason),
        Input::NoticeTried { notice, answer } => notices::tried(&mut desk, notice, answer),
        Input::NoticeTest(queued) => notices::test(&mut desk, queued),
        Input::Tick => timers::tick(&mut desk),
    };
    // Last: it speaks of what all the others have done.
    people::drained(&mut desk);
    desk.close(answer)
}
