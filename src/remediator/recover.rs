//! After a crash, before anything is decided: left-over steps are ended, services adopted, and the proofs of
//! runbooks that open attempts were planned from are brought back from the journal's own blobs (RM-12).

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::Error;
use super::turn::Turn;
use crate::action::leftovers::{self, Known, SystemBoot};
use crate::action::{Adoption, Hands, Running, StepMark};
use crate::base::ids::{AttemptId, IncidentId, NodeId, Seq};
use crate::context::World;
use crate::event::Event;
use crate::event::content::Standing;
use crate::event::service::{ServiceAdopted, ServiceExited};
use crate::event::step::StepStarted;
use crate::policy::{Input, LeftOvers};
use crate::runbook::{Catalog, Kind};

/// Between TERM and KILL of a left-over step.
const GRACE: Duration = Duration::from_secs(3);

/// What the journal knew before this process wrote anything.
pub(super) struct Before {
    system_boot: Option<String>,
}

impl Before {
    pub fn of(world: &World) -> Self {
        Self { system_boot: world.clock.system_boot().map(str::to_owned) }
    }
}

/// Boot id of the operating system.
pub(super) fn system_boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// Deals with what was left over; its entries are durable when this returns.
pub(super) fn leftovers(turn: &mut Turn, hands: &Hands, node: NodeId, before: &Before) -> Result<(), Error> {
    let same_boot = before.system_boot.as_deref() == Some(system_boot().as_str());
    let steps = end_steps(&turn.world, node, same_boot)?;
    let services = adopt_services(&turn.world, hands, same_boot);
    turn.decide_now(vec![Input::LeftOversFound(LeftOvers { steps, services })])?;
    bring_back_proofs(turn);
    Ok(())
}

fn end_steps(
    world: &World,
    node: NodeId,
    same_boot: bool,
) -> Result<Vec<(IncidentId, crate::event::step::StepLeftOver)>, Error> {
    let mut incidents: BTreeMap<AttemptId, IncidentId> = BTreeMap::new();
    let mut open_steps = Vec::new();
    for incident in world.incidents.values() {
        for attempt in &incident.attempts {
            incidents.insert(attempt.id(), incident.id);
            for running in attempt.running.values() {
                if let (Some(pid), Some(start_ticks)) = (running.pid, running.start_ticks) {
                    let (attempt, step) = (attempt.id(), running.intended.step);
                    open_steps.push(StepStarted { attempt, step, intent: running.intent, pid, start_ticks });
                }
            }
        }
    }
    let services = world
        .machine
        .services
        .iter()
        .filter_map(|(id, s)| s.pid.map(|pid| (id.clone(), Running { pid, start_ticks: s.start_ticks })));
    let is_finished = |mark: &StepMark| {
        let attempt = incidents.get(&mark.attempt).and_then(|i| world.attempt(*i, mark.attempt));
        attempt.is_some_and(|a| a.running.values().all(|r| r.intended.step != mark.step))
    };
    let known = Known {
        node,
        boot: if same_boot { SystemBoot::Same } else { SystemBoot::Other },
        open_steps,
        services: services.collect(),
        is_finished: &is_finished,
    };
    let found = leftovers::hunt(&known, GRACE)?;
    Ok(found.into_iter().filter_map(|left| Some((*incidents.get(&left.attempt)?, left))).collect())
}

fn adopt_services(world: &World, hands: &Hands, same_boot: bool) -> Vec<Event> {
    let mut events = Vec::new();
    for (service, state) in &world.machine.services {
        let Some(pid) = state.pid else { continue };
        let adoption = match same_boot {
            true => hands.supervisor().adopt(service, pid, state.start_ticks),
            false => Adoption::Gone,
        };
        let service = service.clone();
        events.push(match adoption {
            Adoption::Adopted => ServiceAdopted { service, pid, start_ticks: state.start_ticks }.into(),
            Adoption::Gone | Adoption::NotOurs => {
                ServiceExited { service, pid, code: None, signal: None, wanted: false }.into()
            }
        });
    }
    events
}

/// An attempt goes on with the runbook it was planned from, although the file may have changed since; but not
/// if these very bytes are not live any more.
fn bring_back_proofs(turn: &mut Turn) {
    let open: Vec<_> = turn
        .world
        .open_incidents()
        .filter_map(|i| i.attempt())
        .filter(|a| a.ended.is_none())
        .map(|a| (a.planned.runbook.clone(), a.planned.digest, a.planned.catalog))
        .collect();
    for (runbook, digest, catalog) in open {
        let current = turn.catalog.0.get(Kind::Runbook, &runbook);
        match current.filter(|entry| entry.digest == digest) {
            Some(entry) if entry.standing == Standing::Live => {}
            Some(_) => {
                tracing::warn!(runbook, "an open attempt's runbook is not live any more: it will not act")
            }
            None => match from_manifest(turn, catalog) {
                Ok(old) => {
                    if let Some(proof) = old.verified(&runbook).filter(|v| v.digest() == digest) {
                        turn.dispatcher.remember_one(proof.clone());
                    }
                }
                Err(why) => {
                    tracing::error!(runbook, why, "the runbook of an open attempt cannot be verified")
                }
            },
        }
    }
}

fn from_manifest(turn: &Turn, catalog: Seq) -> Result<Catalog, String> {
    let line =
        turn.journal.line(catalog).map_err(|e| e.to_string())?.ok_or("its catalog entry is missing")?;
    let record = line.parsed().map_err(|e| e.to_string())?.record().map_err(|e| e.to_string())?;
    let Event::CatalogLoaded(loaded) = record.event else {
        return Err(format!("entry {catalog} is not a catalog"));
    };
    let bytes = turn.journal.get_blob(&loaded.manifest).map_err(|e| e.to_string())?;
    Catalog::from_manifest(&bytes.ok_or("its manifest blob is missing")?).map_err(|e| e.to_string())
}
