//! Payloads as older versions wrote them, and how each becomes what is written now. Read for ever, written never: a
//! journal keeps its bytes, only what is folded and shown is new.
//! A kind that changes leaves its old struct here, and `from VERSION STRUCT` in its line of the registry.

use schemars::JsonSchema;
use serde::Deserialize;

use super::control::{Resumed, SignedStatement};
use crate::base::digest::FileDigest;

/// `control.resumed` 1. The very first builds wrote the statement's digest and nonce apart, those after them together,
/// both as version 1.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ResumedV1 {
    /// Digest and nonce apart.
    Apart(ResumedApart),
    /// As version 2 has it.
    Together(Resumed),
}

/// Digest and nonce apart.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumedApart {
    /// The principal whose `control@remediator` signature was accepted.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Digest of the signed statement.
    pub statement: FileDigest,
    /// Its nonce.
    pub nonce: String,
}

impl From<ResumedV1> for Resumed {
    fn from(was: ResumedV1) -> Self {
        match was {
            ResumedV1::Together(resumed) => resumed,
            ResumedV1::Apart(ResumedApart { by, reason, statement, nonce }) => {
                Self { by, reason, statement: SignedStatement { digest: statement, nonce } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn an_older_payload_becomes_what_is_written_now_and_nothing_of_it_is_lost() {
        let digest = FileDigest::of(b"statement");
        let now =
            format!(r#"{{"by":"ada","reason":"done","statement":{{"digest":"{digest}","nonce":"n1"}}}}"#);
        let apart = format!(r#"{{"by":"ada","reason":"done","statement":"{digest}","nonce":"n1"}}"#);
        let expected = Event::parse("control.resumed", 2, &now).expect("what is written now");
        for (kv, data) in [(1, &now), (1, &apart)] {
            let event = Event::parse("control.resumed", kv, data).expect("an older one");
            assert_eq!(event, expected);
            assert_eq!((event.kv(), event.data().expect("written")), (2, now.clone()));
        }
        for (kv, data) in [(2, &apart), (3, &now), (1, &now.replace("n1\"}", "n1\"},\"more\":1"))] {
            assert!(Event::parse("control.resumed", kv, data).is_err(), "{kv} {data}");
        }
    }

    #[test]
    fn every_version_below_the_written_one_is_read() {
        for (kind, kv) in Event::KINDS {
            let older: Vec<u32> =
                Event::OLDER.iter().filter(|(k, _)| k == kind).map(|(_, old)| *old).collect();
            assert_eq!(older, (1..*kv).collect::<Vec<_>>(), "{kind}");
        }
    }
}
