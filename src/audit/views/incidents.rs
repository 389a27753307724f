//! The list of incidents, newest first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::V;
use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::base::glob;
use crate::base::ids::{Fingerprint, IncidentId, Seq};
use crate::base::limits::CLOSED_INCIDENTS_MAX;
use crate::base::time::rfc3339;
use crate::context::{IncidentState, RemediationContext};
use crate::event::Event;
use crate::event::degradation::Severity;
use crate::event::incident::Closure;

/// Which incidents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Only those in this state.
    pub state: Option<IncidentState>,
    /// Only those with this code; `SUBSYSTEM/CODE` means the subsystem as well.
    pub code: Option<String>,
    /// Only those of targets that fit this glob.
    pub target: Option<String>,
    /// Only those opened at this wall time or later, Unix µs.
    pub since_us: Option<i64>,
    /// Only those opened before this entry.
    pub before: Option<Seq>,
    /// At most so many.
    pub limit: usize,
}

impl IncidentFilter {
    /// Whether an incident that was opened so can be meant, wherever it stands now.
    fn fits(&self, subsystem: &str, code: &str, target: &str, opened_us: i64, opened_seq: Seq) -> bool {
        let coded =
            |wanted: &str| match wanted.strip_prefix(subsystem).and_then(|rest| rest.strip_prefix('/')) {
                Some(rest) => rest == code,
                None => wanted == code,
            };
        self.code.as_deref().is_none_or(coded)
            && self.target.as_deref().is_none_or(|wanted| glob::matches(wanted, target))
            && self.since_us.is_none_or(|since| opened_us >= since)
            && self.before.is_none_or(|before| opened_seq < before)
    }
}

/// Incidents, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentList {
    /// Version of this shape.
    pub v: u32,
    /// The incidents.
    pub incidents: Vec<IncidentSummary>,
    /// `before` of the next page; none when there are no more.
    pub next: Option<Seq>,
}

/// One incident in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentSummary {
    /// Its id.
    pub id: IncidentId,
    /// The trouble.
    pub fingerprint: Fingerprint,
    /// Where it stands.
    pub state: IncidentState,
    /// Part of the system.
    pub subsystem: String,
    /// The code.
    pub code: String,
    /// What is degraded.
    pub target: String,
    /// The worst severity.
    pub severity: Severity,
    /// What was reported.
    pub summary: String,
    /// Reports so far.
    pub count: u64,
    /// The entry that opened it.
    pub opened_seq: Seq,
    /// When, RFC 3339.
    pub opened_at: String,
    /// Its last entry.
    pub last_seq: Seq,
    /// When, RFC 3339.
    pub last_at: String,
    /// The runbook of the last attempt, or the one that was chosen.
    pub runbook: Option<String>,
    /// Attempts so far.
    pub attempts: usize,
    /// Why nothing is done now.
    pub held: Option<String>,
    /// When it is looked at again by itself, on the journal's own clock; none when it waits for a person.
    #[serde(default)]
    pub held_until_elapsed_ms: Option<u64>,
    /// How it ended.
    pub closure: Option<Closure>,
}

impl IncidentSummary {
    fn of(context: &RemediationContext) -> Self {
        let first = &context.signal.first;
        Self {
            id: context.id,
            fingerprint: context.fingerprint,
            state: context.state,
            subsystem: first.subsystem.clone(),
            code: first.code.clone(),
            target: first.target.clone(),
            severity: context.signal.severity,
            summary: first.summary.clone(),
            count: context.signal.count,
            opened_seq: context.opened_seq,
            opened_at: rfc3339(context.opened_time_us),
            last_seq: context.last_seq,
            last_at: rfc3339(context.last_time_us),
            runbook: context
                .attempt()
                .map(|a| a.planned.runbook.clone())
                .or_else(|| context.chosen.as_ref().and_then(|c| c.matched.chosen.clone())),
            attempts: context.attempts.len(),
            held: context.held.as_ref().map(|h| h.detail.clone()),
            held_until_elapsed_ms: context.held.as_ref().and_then(|h| h.until_elapsed_ms),
            closure: context.closed.as_ref().map(|c| c.closure),
        }
    }
}

impl Audit {
    /// Incidents, newest first.
    pub fn incidents(&self, filter: &IncidentFilter) -> Result<IncidentList, Error> {
        self.fresh()?;
        let limit = filter.limit.max(1);
        let wanted = |c: &RemediationContext| {
            let first = &c.signal.first;
            let (subsystem, code, target) = (&first.subsystem, &first.code, &first.target);
            filter.state.is_none_or(|state| c.state == state)
                && filter.fits(subsystem, code, target, c.opened_time_us, c.opened_seq)
        };
        let (mut found, all_held): (Vec<IncidentSummary>, bool) = {
            let world = self.world();
            let closed = world.incidents.values().filter(|c| c.is_closed()).count();
            let held = world.incidents.values().filter(|c| wanted(c)).map(IncidentSummary::of).collect();
            (held, closed < CLOSED_INCIDENTS_MAX)
        };
        let open_only = filter.state.is_some_and(|state| state != IncidentState::Closed);
        found.sort_unstable_by_key(|i| std::cmp::Reverse(i.opened_seq));
        if !all_held && !open_only {
            found = self.with_older(found, filter, limit)?;
        }
        let next = if found.len() > limit { found.get(limit - 1).map(|i| i.opened_seq) } else { None };
        found.truncate(limit);
        Ok(IncidentList { v: V, incidents: found, next })
    }

    /// The newest `limit + 1` of the held ones and of those that only the journal still knows.
    fn with_older(
        &self,
        held: Vec<IncidentSummary>,
        filter: &IncidentFilter,
        limit: usize,
    ) -> Result<Vec<IncidentSummary>, Error> {
        let opened = self.entries().by_kind("incident.opened")?;
        let mut held = held.into_iter().peekable();
        let mut found = Vec::new();
        for seq in opened.into_iter().rev().filter(|seq| filter.before.is_none_or(|before| *seq < before)) {
            if found.len() > limit {
                break;
            }
            if let Some(known) = held.next_if(|i| i.opened_seq == seq) {
                found.push(known);
                continue;
            }
            let Some(record) = self.entries().record(seq)? else { continue };
            // Folding one from its entries is dear: first whether it can be meant at all.
            let (Some(id), Event::IncidentOpened(opened)) = (record.incident, &record.event) else {
                continue;
            };
            if !filter.fits(&opened.subsystem, &opened.code, &opened.target, record.at.time_us, seq) {
                continue;
            }
            let context = self.context(id)?;
            if filter.state.is_none_or(|state| context.state == state) {
                found.push(IncidentSummary::of(&context));
            }
        }
        Ok(found)
    }
}
