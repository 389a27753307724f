//! Entries: one with its sentence, and pages of stored lines byte for byte.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::V;
use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::audit::say::say;
use crate::base::ids::{IncidentId, Seq};
use crate::base::limits::AUDIT_PAGE_MAX;
use crate::base::time::rfc3339;
use crate::event::{Cause, Event, Record};

/// Bytes of one page: a page of the largest lines would otherwise be 64 MiB.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Entries that are read in one piece though those between them are not wanted: to begin anew is dearer.
const GAP_MAX: Seq = 32;

/// One entry as a line of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EntryView {
    /// Its seq.
    pub seq: Seq,
    /// When, RFC 3339.
    pub at: String,
    /// Its kind.
    pub kind: String,
    /// The entry that led here.
    pub cause: Option<Cause>,
    /// Its incident.
    pub incident: Option<IncidentId>,
    /// What it says.
    pub said: String,
}

impl EntryView {
    /// Of a decoded entry.
    pub fn of(record: &Record) -> Self {
        Self {
            seq: record.seq,
            at: rfc3339(record.at.time_us),
            kind: record.event.kind().into(),
            cause: record.cause,
            incident: record.incident,
            said: say(&record.event),
        }
    }
}

/// Entries in order, each in a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EntryList {
    /// Version of this shape.
    pub v: u32,
    /// The entries.
    pub entries: Vec<EntryView>,
    /// `after` of the page that follows; -1 where nothing stands before it.
    pub next: i64,
}

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Only kinds that begin so: `attempt.` or `lock.refused`.
    pub kind: Option<String>,
    /// Only those of this incident.
    pub incident: Option<IncidentId>,
    /// Only those written at this wall time or later, Unix µs.
    pub since_us: Option<i64>,
}

impl EntryFilter {
    /// Whether it leaves nothing out.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
    /// Whether it means an entry.
    pub fn fits(&self, kind: &str, incident: Option<IncidentId>, time_us: i64) -> bool {
        self.kind.as_deref().is_none_or(|wanted| kind.starts_with(wanted))
            && self.incident.is_none_or(|wanted| incident == Some(wanted))
            && self.since_us.is_none_or(|since| time_us >= since)
    }
}

/// Stored lines in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Each byte for byte, without its LF.
    pub lines: Vec<String>,
    /// `after` of the page that follows: the last seq here, or the one asked for when nothing is new.
    pub next: Option<Seq>,
}

impl Page {
    /// `{"v":1,"entries":[…],"next":…}` with the lines byte for byte.
    pub fn to_json(&self) -> String {
        let next = self.next.map_or("-1".to_owned(), |seq| seq.to_string());
        format!(r#"{{"v":1,"entries":[{}],"next":{next}}}"#, self.lines.join(","))
    }
    /// One line each.
    pub fn to_ndjson(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

impl Audit {
    /// The last durable entry.
    pub fn head(&self) -> Result<Option<Seq>, Error> {
        Ok(self.entries().head()?.map(|h| h.seq))
    }

    /// At most `limit` entries after a seq.
    pub fn page(&self, after: Option<Seq>, limit: usize) -> Result<Page, Error> {
        let mut page = Page { lines: Vec::new(), next: after };
        let (limit, mut bytes) = (limit.min(AUDIT_PAGE_MAX), 0);
        for (seq, line) in self.entries().lines(after, limit)? {
            bytes += line.len();
            if bytes > PAGE_BYTES_MAX && !page.lines.is_empty() {
                break;
            }
            page.next = Some(seq);
            page.lines.push(line);
        }
        Ok(page)
    }

    /// At most `limit` entries after a seq that a filter means; with `last` only so many of the newest.
    pub fn page_of(
        &self,
        filter: &EntryFilter,
        after: Option<Seq>,
        last: Option<usize>,
        limit: usize,
    ) -> Result<Page, Error> {
        if filter.is_all() {
            return self.page(self.newest(after, last)?, limit);
        }
        let mut seqs = self.seqs_of(filter)?;
        seqs.retain(|seq| after.is_none_or(|after| *seq > after));
        let seqs = match last {
            Some(last) => seqs.split_off(seqs.len().saturating_sub(last)),
            None => seqs,
        };
        let mut page = Page { lines: Vec::new(), next: after };
        let (mut wanted, mut bytes) = (seqs.into_iter().take(limit.min(AUDIT_PAGE_MAX)).peekable(), 0);
        while let Some(first) = wanted.next() {
            let mut run = vec![first];
            while let Some(near) = wanted.next_if(|seq| *seq <= run[run.len() - 1] + GAP_MAX) {
                run.push(near);
            }
            let length = usize::try_from(run[run.len() - 1] - first + 1).unwrap_or(usize::MAX);
            for (seq, line) in self.entries().lines(first.checked_sub(1), length)? {
                if run.binary_search(&seq).is_err() {
                    continue;
                }
                bytes += line.len();
                if bytes > PAGE_BYTES_MAX && !page.lines.is_empty() {
                    return Ok(page);
                }
                page.next = Some(seq);
                page.lines.push(line);
            }
        }
        Ok(page)
    }

    /// The same page as sentences.
    pub fn entry_list(
        &self,
        filter: &EntryFilter,
        after: Option<Seq>,
        last: Option<usize>,
        limit: usize,
    ) -> Result<EntryList, Error> {
        let page = self.page_of(filter, after, last, limit)?;
        let mut entries = Vec::with_capacity(page.lines.len());
        for line in &page.lines {
            if let Some(seq) = seq_of(line) {
                entries.push(EntryView::of(&self.record(seq)?));
            }
        }
        let next = page.next.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(-1);
        Ok(EntryList { v: V, entries, next })
    }

    /// Behind which entry the `last` newest stand.
    fn newest(&self, after: Option<Seq>, last: Option<usize>) -> Result<Option<Seq>, Error> {
        let (Some(last), Some(head)) = (last, self.head()?) else { return Ok(after) };
        Ok(after.max(head.checked_sub(last as Seq)))
    }

    /// Every entry that a filter means, in order.
    fn seqs_of(&self, filter: &EntryFilter) -> Result<Vec<Seq>, Error> {
        let mut found: Option<BTreeSet<Seq>> = None;
        let mut both = |seqs: Vec<Seq>| match &mut found {
            Some(found) => {
                let seqs = BTreeSet::from_iter(seqs);
                found.retain(|seq| seqs.contains(seq));
            }
            None => found = Some(seqs.into_iter().collect()),
        };
        if let Some(incident) = filter.incident {
            both(self.entries().by_incident(incident)?);
        }
        if let Some(prefix) = &filter.kind {
            let mut seqs = Vec::new();
            for (kind, _) in Event::KINDS.iter().filter(|(kind, _)| kind.starts_with(prefix)) {
                seqs.extend(self.entries().by_kind(kind)?);
            }
            both(seqs);
        }
        if let Some(since) = filter.since_us {
            both(self.entries().by_time(since, i64::MAX)?);
        }
        Ok(found.unwrap_or_default().into_iter().collect())
    }

    /// One entry, byte for byte.
    pub fn line(&self, seq: Seq) -> Result<String, Error> {
        self.entries().line(seq)?.ok_or_else(|| Error::not_found(format!("entry {seq}")))
    }

    /// One entry, decoded.
    pub fn record(&self, seq: Seq) -> Result<Record, Error> {
        self.entries().record(seq)?.ok_or_else(|| Error::not_found(format!("entry {seq}")))
    }
}

/// The seq of a stored line: its second member (docs/journal-format.md).
fn seq_of(line: &str) -> Option<Seq> {
    let (_, rest) = line.split_once("\"seq\":")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
