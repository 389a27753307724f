//! The program that a policy lets decide whether a runbook may act (RM-31): what it says, as an answer that counts or
//! not. Whatever is odd about it is no grant: people decide then. Not for: what follows (policy).

use serde::Deserialize;

use crate::base::limits::SUMMARY_BYTES_MAX;
use crate::base::text::shown;
use crate::policy::Decided;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    decision: Decision,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Decision {
    Grant,
    Refuse,
    Abstain,
}

/// Reads what it printed, or why it printed nothing that counts.
pub(super) fn read(answer: Result<Vec<u8>, String>) -> Decided {
    let bytes = match answer {
        Ok(bytes) => bytes,
        Err(why) => return Decided::Abstain(shown(&format!("it {why}"), SUMMARY_BYTES_MAX)),
    };
    let said: Said = match serde_json::from_slice(&bytes) {
        Ok(said) => said,
        Err(error) => {
            let why = format!(
                "what it printed is not {{\"decision\": \"grant|refuse|abstain\", \"reason\": \"…\"}}: {error}"
            );
            return Decided::Abstain(shown(&why, SUMMARY_BYTES_MAX));
        }
    };
    let reason = super::intake::clean_line(&said.reason);
    match said.decision {
        Decision::Grant if reason.is_empty() => Decided::Abstain("it gave no reason".into()),
        Decision::Grant => Decided::Grant(reason),
        Decision::Refuse => Decided::Refuse(reason),
        Decision::Abstain => Decided::Abstain(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_word_with_a_reason_is_a_grant() {
        let read = |text: &str| read(Ok(text.as_bytes().to_vec()));
        let why = || "night shift".to_owned();
        assert_eq!(read(r#"{"decision":"grant","reason":"night shift"}"#), Decided::Grant(why()));
        assert_eq!(read(r#"{"decision":"refuse","reason":"night shift"}"#), Decided::Refuse(why()));
        for odd in [
            r#"{"decision":"grant"}"#,
            r#"{"decision":"grant","reason":""}"#,
            r#"{"decision":"grant","reason":"x","level":"autonomous"}"#,
            r#"{"decision":"Grant","reason":"x"}"#,
            r#"{"decision":"refuse","decision":"grant","reason":"x"}"#,
            "grant",
            "",
            r#"{"decision":"abstain","reason":"x"}"#,
        ] {
            assert!(matches!(read(odd), Decided::Abstain(_)), "{odd}");
        }
        let failed = super::read(Err("exited with 1: \u{1b}[2J".into()));
        assert!(matches!(failed, Decided::Abstain(why) if !why.contains('\u{1b}')));
    }
}
