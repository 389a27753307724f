//! What bounds acting: people's pause, attempts at once, caps, cooldown, freezes, taints. All folds of the journal.

use super::desk::Desk;
use super::held::{ATTEMPTS_AT_ONCE, DRAINING, PAUSED, SPACE, TAINTED};
use super::runbooks::Offer;
use crate::base::ids::IncidentId;
use crate::base::time::Span;
use crate::context::RemediationContext;

/// Why a runbook may not act on a target now.
pub(super) enum Blocked {
    /// Only until then.
    Until(u64, String),
    /// Until something else changes: stable word and detail.
    For(&'static str, String),
}

/// What holds every runbook for this incident: stable word and detail.
pub(super) fn all_held(desk: &Desk<'_>, id: IncidentId) -> Option<(&'static str, String)> {
    let world = &desk.world;
    if let Some((by, reason)) = &world.control.paused {
        let mend = "`remediator resume --reason …` lets it go on";
        return Some((PAUSED, format!("paused by {by}: {reason}; {mend}")));
    }
    if let Some(drain) = &world.control.drain {
        let mend = "`remediator resume --reason …` lets it go on";
        return Some((DRAINING, format!("draining, said {}: {}; {mend}", drain.by, drain.reason)));
    }
    if desk.space_low() {
        return Some((SPACE, "the disk is nearly full: free some; nothing new is begun until then".into()));
    }
    let running = world.active_attempts();
    let limit = world.config.attempts_at_once as usize;
    if running >= limit && !world.config.limits_lifted {
        return Some((ATTEMPTS_AT_ONCE, format!("{running} attempts are running, {limit} may at once")));
    }
    let tainted = world.incident(id).and_then(|i| world.machine.tainted.get(&i.signal.first.target));
    tainted.map(|t| (TAINTED, format!("something unknown may still act on the target: {}", t.reason)))
}

/// What holds one runbook for this incident.
pub(super) fn blocked(desk: &Desk<'_>, incident: &RemediationContext, offer: &Offer) -> Option<Blocked> {
    let (world, now) = (&desk.world, desk.now());
    let target = &incident.signal.first.target;
    if let Some(frozen) = world.machine.frozen_for(&offer.runbook, target) {
        return Some(Blocked::For("frozen", frozen.reason.clone()));
    }
    if world.config.limits_lifted {
        return None;
    }
    cooldown(desk, target, offer, now)
        .or_else(|| attempts(desk, target, offer, now))
        .or_else(|| fingerprint(desk, incident, now))
}

fn cooldown(desk: &Desk<'_>, target: &str, offer: &Offer, now: u64) -> Option<Blocked> {
    let free = desk.world.history.last_end(&offer.runbook, target)? + offer.limits.cooldown_ms;
    let cooldown = Span::from_ms(offer.limits.cooldown_ms);
    (free > now).then(|| Blocked::Until(free, format!("cools down for {cooldown} after its last attempt")))
}

fn attempts(desk: &Desk<'_>, target: &str, offer: &Offer, now: u64) -> Option<Blocked> {
    let limits = &offer.limits;
    let made = desk.world.history.attempts(&offer.runbook, target, limits.window_ms, now);
    let window = Span::from_ms(limits.window_ms);
    (made >= limits.attempts as usize).then(|| {
        Blocked::For("attempts", format!("{made} attempts within {window}, {} are allowed", limits.attempts))
    })
}

fn fingerprint(desk: &Desk<'_>, incident: &RemediationContext, now: u64) -> Option<Blocked> {
    let config = &desk.world.config;
    let window = config.fingerprint_window;
    let made = desk.world.history.fingerprint_attempts(incident.fingerprint, window.ms(), now);
    let limit = config.fingerprint_attempts as usize;
    (made >= limit).then(|| {
        let detail =
            format!("{made} attempts for this trouble within {window}: from {limit} on it is announced only");
        Blocked::For("fingerprint_attempts", detail)
    })
}
