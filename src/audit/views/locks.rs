//! Who holds which lock, who waits for which, and what was broken (RM-13).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::V;
use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::base::time::rfc3339;
use crate::context::World;

/// Locks of this home's attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LocksView {
    /// Version of this shape.
    pub v: u32,
    /// By resource, holders before those who wait.
    pub locks: Vec<LockView>,
    /// Orders to break a lock, by resource: the last of each.
    pub breaks: Vec<BreakView>,
}

/// What a lock is to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockState {
    /// Granted and not given back.
    Held,
    /// Granted, and broken by a person since: its holder is refused.
    Broken,
    /// Asked for.
    Waiting,
}

/// One lock of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LockView {
    /// What is locked.
    pub resource: String,
    /// What it is to the attempt.
    pub state: LockState,
    /// The fencing token, where it was granted.
    pub token: Option<u64>,
    /// Who holds it or waits for it.
    pub attempt: AttemptId,
    /// That attempt's incident.
    pub incident: Option<IncidentId>,
    /// That attempt's runbook.
    pub runbook: Option<String>,
    /// That attempt's target.
    pub target: Option<String>,
    /// Since when, RFC 3339.
    pub since: String,
    /// The entry that says so.
    pub seq: Seq,
    /// Who holds what it waits for.
    pub reason: Option<String>,
}

/// An order to break a lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BreakView {
    /// What is locked.
    pub resource: String,
    /// The token that was meant.
    pub token: u64,
    /// Who ordered it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The entry of the order.
    pub ordered: Seq,
    /// The entry that says what came of it.
    pub ended: Option<Seq>,
    /// Why the lock still counts, if it does.
    pub problem: Option<String>,
}

impl Audit {
    /// Who holds which lock, and who waits.
    pub fn locks(&self) -> Result<LocksView, Error> {
        self.fresh()?;
        let world = self.world();
        let known = &world.machine.locks;
        let held = known.held.iter().map(|(resource, lock)| {
            let state = if lock.broken.is_some() { LockState::Broken } else { LockState::Held };
            let (token, attempt, incident) = (Some(lock.token), lock.attempt, lock.incident);
            let (runbook, target) = whose(&world, incident, attempt);
            let (resource, since) = (resource.clone(), rfc3339(lock.since_us));
            let (seq, reason) = (lock.broken.unwrap_or(lock.seq), None);
            LockView { resource, state, token, attempt, incident, runbook, target, since, seq, reason }
        });
        let waiting = known.waiting.iter().flat_map(|(attempt, waiting)| {
            let (runbook, target) = whose(&world, waiting.incident, *attempt);
            waiting.resources.iter().map(move |resource| LockView {
                resource: resource.clone(),
                state: LockState::Waiting,
                token: None,
                attempt: *attempt,
                incident: waiting.incident,
                runbook: runbook.clone(),
                target: target.clone(),
                since: rfc3339(waiting.since_us),
                seq: waiting.seq,
                reason: waiting.refused.iter().find(|(r, _)| r == resource).map(|(_, why)| why.clone()),
            })
        });
        let mut locks: Vec<_> = held.chain(waiting).collect();
        locks.sort_by(|a, b| (&a.resource, a.state, a.attempt).cmp(&(&b.resource, b.state, b.attempt)));
        let breaks = known.breaks.iter().map(|(resource, b)| BreakView {
            resource: resource.clone(),
            token: b.token,
            by: b.by.clone(),
            reason: b.reason.clone(),
            ordered: b.ordered,
            ended: b.ended,
            problem: b.problem.clone(),
        });
        Ok(LocksView { v: V, locks, breaks: breaks.collect() })
    }
}

/// Runbook and target of an attempt.
fn whose(
    world: &World,
    incident: Option<IncidentId>,
    attempt: AttemptId,
) -> (Option<String>, Option<String>) {
    let planned = incident.and_then(|id| world.attempt(id, attempt)).map(|a| &a.planned);
    (planned.map(|p| p.runbook.clone()), planned.map(|p| p.target.clone()))
}
