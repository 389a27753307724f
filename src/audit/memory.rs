//! A journal in memory, for tests of what reads: records in order, lines as the journal would write them but
//! without chain and signature. Not a store: nothing in it is durable.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::entries::{Entries, Error, Head, Health};
use crate::base::digest::Blake3;
use crate::base::ids::{BootId, IncidentId, NodeId, Seq};
use crate::base::time::Stamp;
use crate::event::{Cause, Event, Record};
use crate::journal::{Following, LineRef, Selection, Theirs};

/// See the module.
#[derive(Default)]
pub struct Memory {
    records: Mutex<Vec<Record>>,
    grown: Condvar,
}

impl Memory {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }
    /// Appends an event one second after the one before; gives its record.
    pub fn push(&self, incident: Option<IncidentId>, cause: Option<Seq>, event: impl Into<Event>) -> Record {
        let mut records = self.records();
        let seq = records.len() as Seq;
        let at = Stamp { time_us: 1_700_000_000_000_000 + seq as i64 * 1_000_000, mono_ms: seq * 1000 };
        let (boot, node) = (BootId(uuid::Uuid::from_u128(1)), NodeId(uuid::Uuid::from_u128(2)));
        let record =
            Record { seq, at, boot, node, incident, cause: cause.map(Cause::Seq), event: event.into() };
        records.push(record.clone());
        self.grown.notify_all();
        record
    }
    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn seqs(&self, wanted: impl Fn(&Record) -> bool) -> Vec<Seq> {
        self.records().iter().filter(|r| wanted(r)).map(|r| r.seq).collect()
    }
}

fn line(record: &Record) -> Result<String, Error> {
    let journal = |source| Error::Journal { what: "write a line".into(), source: Box::new(source) };
    let text = |value: serde_json::Result<String>| value.map_err(journal);
    let Record { seq, at, boot, node, .. } = record;
    let (kind, kv) = (record.event.kind(), record.event.kv());
    let incident = text(serde_json::to_string(&record.incident))?;
    let cause = text(serde_json::to_string(&record.cause))?;
    let data = text(record.event.data())?;
    let (prev, key, sig) = (Blake3::ZERO, "0".repeat(16), "A".repeat(86));
    Ok(format!(
        r#"{{"v":1,"seq":{seq},"time":{},"mono":{},"boot":"{boot}","node":"{node}","kind":"{kind}","kv":{kv},"incident":{incident},"cause":{cause},"data":{data},"synced":null,"prev":"{prev}","key":"{key}","sig":"{sig}=="}}"#,
        at.time_us, at.mono_ms
    ))
}

impl Entries for Memory {
    fn head(&self) -> Result<Option<Head>, Error> {
        Ok(self.records().last().map(|r| Head { seq: r.seq, hash: Blake3::ZERO }))
    }
    fn record(&self, seq: Seq) -> Result<Option<Record>, Error> {
        Ok(self.records().get(seq as usize).cloned())
    }
    fn line(&self, seq: Seq) -> Result<Option<String>, Error> {
        self.records().get(seq as usize).map(line).transpose()
    }
    fn lines(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, String)>, Error> {
        let from = after.map_or(0, |seq| seq as usize + 1);
        self.records().iter().skip(from).take(limit).map(|r| Ok((r.seq, line(r)?))).collect()
    }
    fn by_incident(&self, id: IncidentId) -> Result<Vec<Seq>, Error> {
        Ok(self.seqs(|r| r.incident == Some(id)))
    }
    fn by_kind(&self, kind: &str) -> Result<Vec<Seq>, Error> {
        Ok(self.seqs(|r| r.event.kind() == kind))
    }
    fn select(&self, selection: &Selection, from: Seq, upto: Seq, limit: usize) -> Result<Vec<Seq>, Error> {
        let (mut following, mut found) = (Following::default(), Vec::new());
        for record in self.records().iter() {
            let line = line(record)?;
            let Ok(parsed) = LineRef::parse(line.as_bytes()) else { continue };
            let words = following.words(&parsed, &mut |_| Theirs::default());
            let kind = record.event.kind();
            let fits = selection.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|wanted| wanted == kind))
                && selection.incident.is_none_or(|id| record.incident == Some(id))
                && selection.words.iter().all(|word| words.contains(word));
            if fits && (from..=upto).contains(&record.seq) && found.len() < limit {
                found.push(record.seq);
            }
        }
        Ok(found)
    }
    fn by_time(&self, from_us: i64, to_us: i64) -> Result<Vec<Seq>, Error> {
        Ok(self.seqs(|r| (from_us..=to_us).contains(&r.at.time_us)))
    }
    fn health(&self) -> Health {
        Health::default()
    }
    fn follow(&self, after: Option<Seq>, patience: Duration) -> Result<Option<Vec<Record>>, Error> {
        let from = after.map_or(0, |seq| seq as usize + 1);
        let mut records = self.records();
        if records.len() <= from {
            records = self.grown.wait_timeout(records, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(Some(records.get(from..).unwrap_or_default().to_vec()))
    }
}
