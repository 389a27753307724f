//! What came from outside, as history recorded it, handed to `decide` again: reports, restarts, what people and the
//! content folder did. What decisions made of it is not handed in; that is what is found out anew.

use super::{Backtest, answer::REPORTED_AGAIN};
use crate::base::ids::IncidentId;
use crate::context::{DECIDER, IncidentState};
use crate::event::control::SignedStatement;
use crate::event::elevation::ElevationGranted;
use crate::event::incident::Closure;
use crate::event::{Event, Record};
use crate::policy::{Decided, Elevate, Input, LeftOvers, SELF_APPROVED};

/// Hands a recorded entry in, if it is one of those.
pub(super) fn feed(bt: &mut Backtest<'_>, record: &Record) {
    let event = &record.event;
    match event {
        Event::ProcessStarted(e) => {
            bt.decide(Input::Started(e.clone()));
            bt.elapsed_ms = bt.world.elapsed_ms();
        }
        Event::ProcessStopped(e) => bt.decide(Input::Stopping(e.clone())),
        // The boot is over once leftovers are dealt with: then every open lifecycle gets its decision.
        Event::LeftoversDealtWith(_) => {
            bt.decide(Input::LeftOversFound(LeftOvers::default()));
            bt.decide(Input::Booted);
        }
        Event::ConfigLoaded(e) => {
            let config = bt.with_limits(e.clone());
            bt.decide(Input::ConfigLoaded(config));
        }
        Event::ContentAdopted(e) => bt.adopted.extend(&e.digests),
        Event::CatalogLoaded(e) => {
            let live = std::mem::take(&mut bt.adopted);
            // One that stands in place of all others is in force already.
            if bt.shelf.swapped.is_none() || bt.world.catalog.is_none() {
                bt.decide(Input::CatalogLoaded { loaded: e.clone(), live });
            }
        }
        Event::TrustChanged(e) => bt.decide(Input::TrustChanged(e.clone())),
        Event::TrustRestored(e) => bt.decide(Input::TrustRestored(e.clone())),
        Event::DegradationSeen(e) => bt.decide(Input::Reported(Box::new(e.clone()))),
        Event::DegradationRecovered(e) => bt.decide(Input::Recovered(e.clone())),
        Event::Paused(e) => bt.decide(Input::Paused(e.clone())),
        Event::DrainStarted(e) => bt.decide(Input::DrainStarted(e.clone())),
        Event::Resumed(e) => bt.decide(Input::Resumed(e.clone())),
        Event::TargetCleared(e) => bt.decide(Input::Cleared(e.clone())),
        Event::LockBreakOrdered(e) => bt.decide(Input::BreakOrdered(e.clone())),
        Event::LockBroken(e) => bt.decide(Input::LockBreakEnded(Ok(e.clone()))),
        _ => by_a_person(bt, record),
    }
}

/// What people said of one incident.
fn by_a_person(bt: &mut Backtest<'_>, record: &Record) {
    let Some(incident) = record.incident else { return };
    match &record.event {
        Event::RerunOrdered(e) => {
            let (by, reason, statement) = (e.by.clone(), e.reason.clone(), e.statement.clone());
            let from = Some(e.from.clone());
            bt.decide(Input::Rerun { incident, from, by, reason, statement });
        }
        Event::AttemptThawed(e) => {
            if let Some(statement) = e.statement.clone() {
                let (by, reason) = (e.by.clone(), e.reason.clone());
                bt.decide(Input::Thawed { incident, by, reason, statement });
            }
        }
        Event::ElevationRequested(e) => drop(bt.asked.insert(record.seq, e.digest)),
        Event::ElevationGranted(e) => match &e.statement {
            Some(statement) => elevated(bt, incident, e, statement.clone()),
            None => decided(bt, incident, Decided::Grant(e.reason.clone())),
        },
        Event::ElevationRefused(e) if e.by == DECIDER => {
            decided(bt, incident, Decided::Refuse(e.reason.clone()));
        }
        Event::ElevationRefused(e) => {
            let (by, reason) = (e.by.clone(), e.reason.clone());
            bt.decide(Input::ElevationRefused { incident, by, reason });
        }
        Event::DeciderAbstained(e) => decided(bt, incident, Decided::Abstain(e.reason.clone())),
        Event::IncidentClosed(e) if e.closure == Closure::ClosedByPerson => {
            let (by, reason) = e.evidence.split_once(": ").unwrap_or(("person:", &e.evidence));
            bt.decide(Input::Closed { incident, by: by.to_owned(), reason: reason.to_owned() });
        }
        Event::IncidentClosed(_) => close_too(bt, incident),
        Event::IncidentRelapsed(e) if e.evidence.starts_with(REPORTED_AGAIN) => {}
        _ => {}
    }
}

/// Whoever let the recorded request would have let this one, if it is of the same bytes. Of others nobody knows.
fn elevated(bt: &mut Backtest<'_>, incident: IncidentId, e: &ElevationGranted, statement: SignedStatement) {
    let Some(waiting) = bt.world.incident(incident).and_then(|i| i.asking()) else { return };
    let (request, digest) = (waiting.request, waiting.asked.digest);
    if bt.asked.get(&e.request) != Some(&digest) {
        return;
    }
    let by = e.by.strip_suffix(SELF_APPROVED).unwrap_or(&e.by).to_owned();
    let reason = e.reason.clone();
    let word = Elevate { incident, request, digest, by, reason, statement };
    bt.decide(Input::Elevated(Box::new(word)));
}

fn decided(bt: &mut Backtest<'_>, incident: IncidentId, decided: Decided) {
    let waiting = bt.world.incident(incident).and_then(|i| i.asking());
    if let Some(request) = waiting.map(|waiting| waiting.request) {
        bt.decide(Input::Decided { incident, request, decided });
    }
}

/// Where the recorded incident was over, one that went another way and is at rest is over, too.
fn close_too(bt: &mut Backtest<'_>, incident: IncidentId) {
    let at_rest =
        |state| matches!(state, IncidentState::Open | IncidentState::Held | IncidentState::Escalated);
    if bt.differs(incident) && bt.world.incident(incident).is_some_and(|i| at_rest(i.state)) {
        let (by, reason) = ("history".to_owned(), "the recorded incident was over".to_owned());
        bt.decide(Input::Closed { incident, by, reason });
    }
}
