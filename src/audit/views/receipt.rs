//! What became of a report: its receipt followed to its incident and outcome.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::V;
use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::base::ids::{IncidentId, Receipt, Seq};
use crate::context::IncidentState;
use crate::event::attempt::Outcome;
use crate::event::incident::Closure;
use crate::event::{Cause, Event, Record};

/// A receipt is made right before its entry: first this much slack around its time, then enough for a turn that
/// waited and a clock that stepped.
const SLACK_US: [(i64, i64); 2] = [(1_000_000, 5_000_000), (60_000_000, 600_000_000)];
/// Entries after a report among which the one that opens or joins its incident must stand.
const NEAR: u64 = 8;

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptView {
    /// Version of this shape.
    pub v: u32,
    /// The receipt.
    pub receipt: Receipt,
    /// The entry of the report.
    pub seq: Seq,
    /// Whether it can be acted upon.
    pub actionable: bool,
    /// Its incident.
    pub incident: Option<IncidentId>,
    /// Where that incident stands.
    pub state: Option<IncidentState>,
    /// How its last attempt ended.
    pub outcome: Option<Outcome>,
    /// How it ended.
    pub closure: Option<Closure>,
}

impl Audit {
    /// What became of a report.
    pub fn receipt(&self, receipt: Receipt) -> Result<ReceiptView, Error> {
        self.fresh()?;
        let record = self.report(receipt)?;
        let actionable = matches!(&record.event, Event::DegradationSeen(seen) if seen.actionable);
        let incident = self.incident_of(&record)?;
        let context = incident.map(|id| self.context(id)).transpose()?;
        Ok(ReceiptView {
            v: V,
            receipt,
            seq: record.seq,
            actionable,
            incident,
            state: context.as_ref().map(|c| c.state),
            outcome: context.as_ref().and_then(|c| c.attempt()?.ended.as_ref().map(|e| e.0)),
            closure: context.as_ref().and_then(|c| c.closed.as_ref().map(|e| e.closure)),
        })
    }

    /// The report's entry: a recent one is known, an older one is found by the time that its receipt (UUIDv7) holds.
    pub(super) fn report(&self, receipt: Receipt) -> Result<Record, Error> {
        let missing = || Error::not_found(format!("receipt {receipt}"));
        if let Some(seq) = self.recent(receipt) {
            return self.record(seq);
        }
        let (secs, nanos) = receipt.0.get_timestamp().ok_or_else(missing)?.to_unix();
        let at_us = i64::try_from(secs).unwrap_or(0).saturating_mul(1_000_000) + i64::from(nanos / 1000);
        for (before, after) in SLACK_US {
            let from = at_us.saturating_sub(before);
            for seq in self.entries().by_time(from, at_us.saturating_add(after))? {
                if let Some(record) = self.entries().record(seq)?
                    && matches!(&record.event, Event::DegradationSeen(seen) if seen.receipt == receipt)
                {
                    return Ok(record);
                }
            }
        }
        Err(missing())
    }

    /// The incident that an entry belongs to, or that it opened.
    pub(super) fn incident_of(&self, record: &Record) -> Result<Option<IncidentId>, Error> {
        if record.incident.is_some() {
            return Ok(record.incident);
        }
        // What a decision says stands together, so the entry that a report led to follows closely.
        for seq in record.seq + 1..=record.seq + NEAR {
            match self.entries().record(seq)? {
                Some(next) if next.cause == Some(Cause::Seq(record.seq)) && next.incident.is_some() => {
                    return Ok(next.incident);
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok(None)
    }
}
