//! Entries: one with its sentence, and pages of stored lines byte for byte.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::audit::say::say;
use crate::base::ids::{IncidentId, Seq};
use crate::base::limits::AUDIT_PAGE_MAX;
use crate::base::time::rfc3339;
use crate::event::{Cause, Record};

/// Bytes of one page: a page of the largest lines would otherwise be 64 MiB.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

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

    /// One entry, byte for byte.
    pub fn line(&self, seq: Seq) -> Result<String, Error> {
        self.entries().line(seq)?.ok_or_else(|| Error::not_found(format!("entry {seq}")))
    }

    /// One entry, decoded.
    pub fn record(&self, seq: Seq) -> Result<Record, Error> {
        self.entries().record(seq)?.ok_or_else(|| Error::not_found(format!("entry {seq}")))
    }
}
