//! Reports about a subject: their words are cleaned and redacted as any, and then sealed with the subject's key before they
//! become an entry, a blob or a file. What comes of them later (output, evidence) is sealed by whoever gets it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::intake::line;
use crate::base::ids::SubjectId;
use crate::base::limits::{DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX};
use crate::base::sealed::{MASK, is_sealed};
use crate::event::degradation::DegradationReport;
use crate::subject::{SubjectError, Subjects};

/// The words of a report about a subject, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedWords {
    /// The key.
    pub subject: SubjectId,
    /// One line.
    pub summary: String,
    /// A paragraph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl SealedWords {
    /// Seals what a report says, and takes it and the subject's name out of the report; nothing when it is about nobody.
    pub fn of(report: &mut DegradationReport, subjects: &Subjects) -> Result<Option<Self>, SubjectError> {
        let Some(name) = report.subject.take() else { return Ok(None) };
        let subject = subjects.id_of(&name)?;
        let about = BTreeSet::from([subject]);
        let seal = |text: &str, max| subjects.seal(&about, &line(text, max));
        let summary = seal(&report.summary, SUMMARY_BYTES_MAX)?;
        let detail = report.detail.take().map(|text| seal(&text, DETAIL_BYTES_MAX)).transpose()?;
        report.summary = MASK.to_owned();
        Ok(Some(Self { subject, summary, detail }))
    }

    /// Whether they are what [`Self::of`] makes: no more than a longest text sealed, and nothing else.
    pub(super) fn is_sound(&self) -> bool {
        let sound = |text: &str, max: usize| is_sealed(text) && text.len() <= 2 * max;
        sound(&self.summary, SUMMARY_BYTES_MAX)
            && self.detail.as_ref().is_none_or(|text| sound(text, DETAIL_BYTES_MAX))
    }
}
