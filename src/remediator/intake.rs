//! The edge for text from outside: bounds checked, control characters and secrets taken out, a receipt made.
//! Everything behind it may be recorded as it is.

use std::collections::BTreeMap;

use super::about::SealedWords;
use super::handle::Rejection;
use crate::base::ids::{Fingerprint, Receipt};
use crate::base::limits::{DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX, TEXT_INLINE_BYTES_MAX};
use crate::base::redact::{MARK, is_secret_name, redact};
use crate::base::text::{OutsideText, clean, clip};
use crate::event::degradation::{
    DegradationRecovered, DegradationReport, DegradationSeen, ReportError, Source,
};
use crate::ingest::Recovery;
use crate::journal::IntentJournal;
use crate::subject::Subjects;

/// Seconds after which a full disk may have room again.
const RETRY_AFTER_S: u64 = 30;

/// A report that may become an entry.
pub(super) fn accept(
    journal: &IntentJournal,
    subjects: &Subjects,
    mut report: DegradationReport,
    sealed: Option<SealedWords>,
    source: Source,
) -> Result<DegradationSeen, Rejection> {
    report.check()?;
    let sealed = match sealed {
        Some(words) if !words.is_sound() => {
            return Err(ReportError { field: "sealed", problem: "is not sealed text".into() }.into());
        }
        Some(words) => Some(words),
        None => SealedWords::of(&mut report, subjects)?,
    };
    let subject = sealed.as_ref().map(|words| words.subject);
    let (summary, detail) = match sealed {
        Some(words) => (words.summary, words.detail),
        None => {
            let detail = report.detail.as_deref().map(|text| line(text, DETAIL_BYTES_MAX));
            (line(&report.summary, SUMMARY_BYTES_MAX), detail)
        }
    };
    let observed_at = report.observed_at_us()?;
    let fingerprint = Fingerprint::of(&report.subsystem, &report.code, &report.target);
    let attributes: BTreeMap<_, _> = report
        .attributes
        .iter()
        .map(|(name, value)| match is_secret_name(name) {
            true => (name.clone(), MARK.to_owned()),
            false => (name.clone(), redact(&clean(value)).into_owned()),
        })
        .collect();
    // What is acknowledged is kept whole: without room for the detail there is no receipt.
    let detail = match detail.map(|text| keep(journal, &text)).transpose() {
        Ok(detail) => detail,
        Err(error) => {
            tracing::error!(%error, "the detail of a report could not be kept; it was not accepted");
            return Err(Rejection::ReserveOnly { retry_after_s: RETRY_AFTER_S });
        }
    };
    Ok(DegradationSeen {
        receipt: Receipt::fresh(),
        subsystem: report.subsystem,
        code: report.code,
        target: report.target,
        severity: report.severity,
        summary,
        detail,
        attributes,
        observed_at,
        source,
        sender_id: report.id,
        fingerprint,
        actionable: true,
        subject,
    })
}

/// What is kept of a text of so many bytes at most.
pub(super) fn line(text: &str, max: usize) -> String {
    clip(&redact(&clean(text)), max).to_owned()
}

/// A recovery that may become an entry. Its names were checked when they were mapped.
pub(super) fn recovery(
    subjects: &Subjects,
    recovery: Recovery,
    source: Source,
) -> Result<DegradationRecovered, Rejection> {
    let about = recovery.subject.as_deref().map(|name| subjects.id_of(name)).transpose()?;
    let evidence = subjects.seal(&about.into_iter().collect(), &clean_line(&recovery.evidence))?;
    Ok(DegradationRecovered {
        fingerprint: Fingerprint::of(&recovery.subsystem, &recovery.code, &recovery.target),
        evidence,
        target: recovery.target,
        source,
        receipt: Some(Receipt::fresh()),
        sender_id: recovery.id,
    })
}

/// One line for people, cleaned and redacted.
pub(super) fn clean_line(text: &str) -> String {
    line(text, SUMMARY_BYTES_MAX)
}

/// Evidence, cut to what stands in an entry.
pub(super) fn outside_text_inline(text: &str) -> OutsideText {
    OutsideText::Text(clip(&redact(&clean(text)), TEXT_INLINE_BYTES_MAX).to_owned())
}

/// Long text goes to a blob, which is durable before the entry that names it.
fn keep(journal: &IntentJournal, text: &str) -> Result<OutsideText, crate::journal::Error> {
    if text.len() <= TEXT_INLINE_BYTES_MAX {
        return Ok(OutsideText::Text(text.to_owned()));
    }
    journal.put_blob(text.as_bytes()).map(OutsideText::Blob)
}

/// What a step printed, and how many bytes of it could not be kept: its outcome counts more than its words.
pub(super) fn output(journal: &IntentJournal, text: &str) -> (OutsideText, u64) {
    keep(journal, text).map(|kept| (kept, 0)).unwrap_or_else(|error| {
        tracing::error!(%error, "output could not be kept as a blob; its beginning stands in the entry");
        let beginning = clip(text, TEXT_INLINE_BYTES_MAX);
        (OutsideText::Text(beginning.to_owned()), (text.len() - beginning.len()) as u64)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::ids::{BootId, NodeId};
    use crate::base::sign::JournalKey;
    use crate::journal::{Memory, Options};

    fn journal() -> IntentJournal {
        let options = Options::new("unused", BootId::fresh(), JournalKey::from_seed(&[1; 32]));
        let node = NodeId::fresh().expect("randomness");
        IntentJournal::create_in_memory(&Memory::default(), options, node).expect("a journal in memory")
    }

    fn nobody() -> Subjects {
        Subjects::of_state(std::path::Path::new("unused"))
    }

    const SECRETS: [&str; 5] = [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "password=correct-horse-battery",
        "Authorization: Bearer abcdef0123456789abcdef0123456789",
        "someone@example.org",
    ];

    #[test]
    fn an_id_that_holds_a_secret_is_refused_because_nothing_may_be_cut_out_of_it() {
        let report = r#"{"subsystem":"s","code":"CODE","target":"t","severity":"error","summary":"sum",
            "id":"AKIAIOSFODNN7EXAMPLE"}"#;
        let report = serde_json::from_str(report).expect("a report");
        let refused = accept(&journal(), &nobody(), report, None, Source::Person("ann".into())).map(|_| ());
        assert!(matches!(refused, Err(Rejection::Invalid(error)) if error.field == "id"));
    }

    #[test]
    fn what_is_said_about_a_subject_is_sealed_before_it_is_an_entry_or_a_blob_and_redacted_before_that() {
        let state = tempfile::tempdir().expect("a folder");
        let (journal, subjects) = (journal(), Subjects::of_state(state.path()));
        let mut report: DegradationReport = serde_json::from_str(
            r#"{"subsystem":"s","code":"CODE","target":"t","severity":"error","summary":"Jane, password=hunter2",
                "subject":"customer:4711"}"#,
        )
        .expect("a report");
        report.detail = Some("Jane ".repeat(1_000));
        let seen =
            accept(&journal, &subjects, report.clone(), None, Source::Person("ann".into())).expect("legal");
        let Some(OutsideText::Blob(digest)) = &seen.detail else { panic!("{:?}", seen.detail) };
        let blob = String::from_utf8(journal.get_blob(digest).expect("read").expect("there")).expect("text");
        let kept = serde_json::to_string(&seen).expect("written") + &blob;
        for word in ["Jane", "4711", "hunter2"] {
            assert!(!kept.contains(word), "{kept}");
        }
        assert_eq!(subjects.open(&seen.summary, &Default::default()), format!("Jane, password={MARK}"));
        assert!(subjects.open(&blob, &Default::default()).starts_with("Jane Jane"));
        // In the spool it is as little to be read, and comes out the same.
        let sealed = SealedWords::of(&mut report, &subjects).expect("sealed");
        let left = serde_json::to_string(&(&report, &sealed)).expect("written");
        assert!(!left.contains("Jane") && !left.contains("4711"), "{left}");
        let again =
            accept(&journal, &subjects, report.clone(), sealed, Source::Person("ann".into())).expect("legal");
        assert_eq!((again.subject, again.subject.is_some()), (seen.subject, true));
        assert!(subjects.open(&again.summary, &Default::default()).starts_with("Jane"));
        let plain = SealedWords { subject: seen.subject.expect("one"), summary: "Jane".into(), detail: None };
        let refused = accept(&journal, &subjects, report, Some(plain), Source::Person("ann".into()));
        assert!(matches!(refused, Err(Rejection::Invalid(error)) if error.field == "sealed"));
    }

    #[test]
    fn what_stands_under_the_name_of_a_secret_is_not_kept() {
        let report = r#"{"subsystem":"s","code":"CODE","target":"t","severity":"error","summary":"sum",
            "attributes":{"db_password":"hunter two","unit":"web"}}"#;
        let report = serde_json::from_str(report).expect("a report");
        let seen = accept(&journal(), &nobody(), report, None, Source::Person("ann".into())).expect("legal");
        assert_eq!(
            (seen.attributes["db_password"].as_str(), seen.attributes["unit"].as_str()),
            (MARK, "web")
        );
    }

    #[test]
    fn without_room_for_its_detail_a_report_is_not_accepted_and_output_says_what_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options::new(folder.path(), BootId::fresh(), JournalKey::from_seed(&[1; 32]));
        let journal = IntentJournal::create(options, NodeId::fresh().expect("randomness"), BTreeMap::new());
        let journal = journal.expect("a journal");
        // A file where the folder of blobs should be: nothing can be written there, whoever tries.
        let blobs = folder.path().join("blobs");
        let _ = std::fs::remove_dir_all(&blobs);
        std::fs::write(&blobs, "").expect("written");
        let mut report: DegradationReport = serde_json::from_str(
            r#"{"subsystem":"s","code":"CODE","target":"t","severity":"error","summary":"sum"}"#,
        )
        .expect("a report");
        report.detail = Some("x ".repeat(2_000));
        let refused = accept(&journal, &nobody(), report, None, Source::Person("ann".into()));
        assert!(matches!(refused, Err(Rejection::ReserveOnly { .. })), "{refused:?}");
        let (kept, lost) = output(&journal, &"x".repeat(TEXT_INLINE_BYTES_MAX + 7));
        assert_eq!((kept, lost), (OutsideText::Text("x".repeat(TEXT_INLINE_BYTES_MAX)), 7));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn no_secret_becomes_an_entry_or_a_blob(
            which in 0..SECRETS.len(), field in 0..3usize, before in "[a-z ]{0,20}", padding in 0..3000usize,
        ) {
            let journal = journal();
            let secret = SECRETS[which];
            let text = format!("{before} {secret} {}", "x ".repeat(padding));
            let mut report: DegradationReport = serde_json::from_str(
                r#"{"subsystem":"s","code":"CODE","target":"t","severity":"error","summary":"sum"}"#,
            ).expect("a report");
            match field {
                0 => report.summary = clip(&text, SUMMARY_BYTES_MAX).to_owned(),
                1 => report.detail = Some(clip(&text, DETAIL_BYTES_MAX).to_owned()),
                _ => { report.attributes.insert("a".into(), clip(&text, 512).to_owned()); }
            }
            let seen = accept(&journal, &nobody(), report, None, Source::Person("ann".into())).expect("legal");
            let mut kept = serde_json::to_string(&seen).expect("written");
            if let Some(OutsideText::Blob(digest)) = &seen.detail {
                let blob = journal.get_blob(digest).expect("read").expect("there");
                kept.push_str(&String::from_utf8_lossy(&blob));
            }
            let bare = secret.rsplit([' ', '=']).next().expect("a word");
            prop_assert!(!kept.contains(bare), "{kept}");
        }
    }
}
