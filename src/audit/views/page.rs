//! Entries: one with its sentence, and pages of stored lines byte for byte.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::V;
use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::audit::say::say;
use crate::audit::views::filter::{EntryFilter, PAGE_BYTES_MAX};
use crate::base::ids::{IncidentId, Seq};
use crate::base::limits::AUDIT_PAGE_MAX;
use crate::base::time::rfc3339;
use crate::event::{Cause, Record};

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

/// Stored lines in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Each byte for byte, without its LF.
    pub lines: Vec<String>,
    /// Where each stands.
    pub(super) seqs: Vec<Seq>,
    /// `after` of the page that follows: the last seq here, or the one asked for when nothing is new.
    pub next: Option<Seq>,
}

impl Page {
    /// Nothing yet, behind `after`.
    pub(super) fn behind(after: Option<Seq>) -> Self {
        Self { lines: Vec::new(), seqs: Vec::new(), next: after }
    }
    pub(super) fn push(&mut self, seq: Seq, line: String) {
        self.next = Some(seq);
        self.seqs.push(seq);
        self.lines.push(line);
    }
    /// Each line with its seq.
    pub fn numbered(self) -> Vec<(Seq, String)> {
        self.seqs.into_iter().zip(self.lines).collect()
    }
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
        let mut page = Page::behind(after);
        let (limit, mut bytes) = (limit.min(AUDIT_PAGE_MAX), 0);
        for (seq, line) in self.entries().lines(after, limit)? {
            bytes += line.len();
            if bytes > PAGE_BYTES_MAX && !page.lines.is_empty() {
                break;
            }
            page.push(seq, line);
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
        let next = page.next.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(-1);
        let views =
            page.numbered().into_iter().map(|(seq, _)| self.record(seq).map(|record| EntryView::of(&record)));
        let entries = views.collect::<Result<_, _>>()?;
        Ok(EntryList { v: V, entries, next })
    }

    /// Behind which entry the `last` newest stand.
    pub(super) fn newest(&self, after: Option<Seq>, last: Option<usize>) -> Result<Option<Seq>, Error> {
        let (Some(last), Some(head)) = (last, self.head()?) else { return Ok(after) };
        Ok(after.max(head.checked_sub(last as Seq)))
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
