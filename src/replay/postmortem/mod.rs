//! The post-mortem of one incident: from the journal alone, byte for byte the same each time, also for an incident that
//! is still open and also from an export elsewhere (RM-51, RM-56). Not for what is being done now (`audit::views`).

mod beyond;
mod compare;
mod gather;
mod html;
mod markdown;
mod model;
mod span;
mod tell;

use serde::Serialize;

use super::opened::Opener;
use crate::base::ids::{IncidentId, Seq};
use crate::base::redact::redact;
use crate::base::text::{OutsideText, clean};
use crate::journal;
use crate::replay::History;

pub use compare::{Comparison, Difference};
pub use model::*;

/// Version of the JSON.
const V: u32 = 1;
/// Similar incidents that are listed; all are counted.
const LISTED: usize = 10;
/// Ids that are named when one is not known.
const NEAREST: usize = 3;
/// Of a text that is shown: its first bytes …
const HEAD_BYTES: usize = 8 * 1024;
/// … and its last ones: why something failed stands at the end.
const TAIL_BYTES: usize = 24 * 1024;

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Format {
    /// Markdown, for tickets and mails.
    Md,
    /// One file for a browser or paper; it loads nothing and runs nothing.
    Html,
    /// For programs.
    Json,
}

impl Format {
    /// By its word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "md" => Some(Self::Md),
            "html" => Some(Self::Html),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Why there is no post-mortem.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such incident.
    #[error("incident {id} is not in this journal{}", .damage.as_ref().map(|d| format!(" as far as it can be read ({d})")).unwrap_or_default())]
    Unknown {
        /// Which.
        id: IncidentId,
        /// Ids that look most alike.
        nearest: Vec<IncidentId>,
        /// Where the journal is damaged: it may stand behind that.
        damage: Option<String>,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// It cannot be written as JSON.
    #[error("the post-mortem cannot be written: {source}")]
    Unwritable {
        /// Why.
        source: serde_json::Error,
    },
}

impl PostMortem {
    /// Of one incident.
    pub fn of(history: &History, id: IncidentId) -> Result<Self, Error> {
        let mut gathered = gather::gather(history, id)?;
        let opener = Opener { history, erased: std::mem::take(&mut gathered.erased) };
        for row in &mut gathered.rows {
            if let Ok(opened) = opener.event(&row.record.event) {
                row.record.event = opened;
            }
        }
        if let Some(opened) = opener.again(&gathered.context) {
            gathered.context = opened;
        }
        let mut blobs = Blobs { opener, absent: Vec::new() };
        let mut it = tell::tell(&gathered, &mut blobs)?;
        beyond::add(&gathered, &mut blobs, &mut it)?;
        it.absent = blobs.absent;
        Ok(it)
    }

    /// As it is printed and answered, to its last byte.
    pub fn written(&self, format: Format) -> Result<String, Error> {
        match format {
            Format::Md => Ok(self.to_markdown()),
            Format::Html => Ok(self.to_html()),
            Format::Json => {
                let text = serde_json::to_string(self).map_err(|source| Error::Unwritable { source })?;
                Ok(text + "\n")
            }
        }
    }
    /// As a page of Markdown.
    pub fn to_markdown(&self) -> String {
        markdown::page(self)
    }
    /// As one HTML file that loads nothing and runs nothing.
    pub fn to_html(&self) -> String {
        html::page(self)
    }
}

/// Blobs, and those that are not there.
struct Blobs<'a> {
    opener: Opener<'a>,
    absent: Vec<Absent>,
}

impl Blobs<'_> {
    /// The bytes; what is missing or damaged is noted down.
    fn read(
        &mut self,
        blob: &crate::base::digest::Blake3,
        seq: Seq,
        what: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let state = match self.opener.history.blob(blob) {
            Ok(Some(bytes)) => return Ok(Some(bytes)),
            Ok(None) => "missing",
            Err(journal::Error::BlobDamaged(_)) => "damaged",
            Err(other) => return Err(other.into()),
        };
        if !self.absent.iter().any(|a| a.blob == *blob) {
            self.absent.push(Absent { blob: *blob, seq, what: what.to_owned(), state: state.to_owned() });
        }
        Ok(None)
    }

    /// Text from outside, wherever it lies.
    fn text(&mut self, text: &OutsideText, seq: Seq, what: &str) -> Result<Text, Error> {
        match text {
            OutsideText::Text(text) => Ok(shortened(text, None)),
            OutsideText::Blob(blob) => Ok(match self.read(blob, seq, what)? {
                Some(bytes) => {
                    let text = self.opener.text(&String::from_utf8_lossy(&bytes));
                    shortened(&text, Some(*blob))
                }
                None => Text { text: None, blob: Some(*blob), left_out: 0 },
            }),
        }
    }
}

fn shortened(text: &str, blob: Option<crate::base::digest::Blake3>) -> Text {
    let text = told(text);
    if text.len() <= HEAD_BYTES + TAIL_BYTES {
        return Text { text: Some(text), blob, left_out: 0 };
    }
    let head = &text[..text.floor_char_boundary(HEAD_BYTES)];
    let tail = &text[text.ceil_char_boundary(text.len() - TAIL_BYTES)..];
    let left_out = (text.len() - head.len() - tail.len()) as u64;
    let cut = format!("{head}\n… {left_out} bytes left out here; all of it is in the journal …\n{tail}");
    Text { text: Some(cut), blob, left_out }
}

/// What others said, harmless: redacted once more, in case an older version knew fewer secrets, and cleaned.
fn told(text: &str) -> String {
    clean(&redact(text))
}

/// An enum as its JSON word.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_keeps_its_ends_and_says_what_is_left_out() {
        let long = format!("begin{}end", "ü".repeat(40_000));
        let text = shortened(&long, None);
        let shown = text.text.expect("it is there");
        assert!(shown.starts_with("begin") && shown.ends_with("end"), "{}", shown.len());
        assert!(text.left_out > 40_000 && shown.contains(&format!("… {} bytes left out", text.left_out)));
        assert_eq!(shortened("short", None), Text { text: Some("short".into()), blob: None, left_out: 0 });
    }

    #[test]
    fn secrets_and_control_characters_are_not_told() {
        let said = told("password=hunter2 \u{1b}[2J");
        assert!(!said.contains("hunter2") && !said.contains('\u{1b}'), "{said}");
        assert_eq!(told(&said), said, "once is enough");
    }
}
