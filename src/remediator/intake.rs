//! The edge for text from outside: bounds checked, control characters and secrets taken out, a receipt made.
//! Everything behind it may be recorded as it is.

use std::collections::BTreeMap;

use crate::base::ids::{Fingerprint, Receipt};
use crate::base::limits::{DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX, TEXT_INLINE_BYTES_MAX};
use crate::base::redact::{MARK, is_secret_name, redact};
use crate::base::text::{OutsideText, clean, clip};
use crate::event::degradation::{DegradationReport, DegradationSeen, ReportError, Source};
use crate::journal::IntentJournal;

/// A report that may become an entry.
pub(super) fn accept(
    journal: &IntentJournal,
    report: DegradationReport,
    source: Source,
) -> Result<DegradationSeen, ReportError> {
    report.check()?;
    let observed_at = report.observed_at_us()?;
    let fingerprint = Fingerprint::of(&report.subsystem, &report.code, &report.target);
    let line = |text: &str, max: usize| clip(&redact(&clean(text)), max).to_owned();
    let attributes: BTreeMap<_, _> = report
        .attributes
        .iter()
        .map(|(name, value)| match is_secret_name(name) {
            true => (name.clone(), MARK.to_owned()),
            false => (name.clone(), redact(&clean(value)).into_owned()),
        })
        .collect();
    Ok(DegradationSeen {
        receipt: Receipt::fresh(),
        subsystem: report.subsystem,
        code: report.code,
        target: report.target,
        severity: report.severity,
        summary: line(&report.summary, SUMMARY_BYTES_MAX),
        detail: report.detail.map(|d| outside_text(journal, &line(&d, DETAIL_BYTES_MAX))),
        attributes,
        observed_at,
        source,
        sender_id: report.id,
        fingerprint,
        actionable: true,
    })
}

/// One line for people, cleaned and redacted.
pub(super) fn clean_line(text: &str) -> String {
    clip(&redact(&clean(text)), SUMMARY_BYTES_MAX).to_owned()
}

/// Evidence, cut to what stands in an entry.
pub(super) fn outside_text_inline(text: &str) -> OutsideText {
    OutsideText::Text(clip(&redact(&clean(text)), TEXT_INLINE_BYTES_MAX).to_owned())
}

/// Long text goes to a blob, which is durable before the entry that names it.
pub(super) fn outside_text(journal: &IntentJournal, text: &str) -> OutsideText {
    if text.len() <= TEXT_INLINE_BYTES_MAX {
        return OutsideText::Text(text.to_owned());
    }
    match journal.put_blob(text.as_bytes()) {
        Ok(digest) => OutsideText::Blob(digest),
        Err(error) => {
            tracing::error!(%error, "output could not be kept as a blob; its beginning stands in the entry");
            OutsideText::Text(clip(text, TEXT_INLINE_BYTES_MAX).to_owned())
        }
    }
}
