//! The note that a runbook leaves behind when it goes: `proposals/ID/retired/RUNBOOK.yaml`. It takes nothing away from
//! what is approved; it says to whoever asks later why nothing answers any more.

use serde::Deserialize;

use crate::base::digest::FileDigest;

use super::checks::signed_text;
use super::model::{V1, is_id};
use super::problem::{Problem, Source};
use super::yaml;

/// A runbook that was taken out of service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    /// Version of the format.
    pub v: V1,
    /// The id that it had.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub runbook: String,
    /// Digest of the last version.
    pub digest: FileDigest,
    /// Why it went.
    #[schemars(length(min = 1, max = 2048))]
    pub reason: String,
    /// Id of the runbook that does its work now.
    #[serde(default)]
    pub replaced_by: Option<String>,
}

/// Where the note of a runbook stands.
pub fn path(proposal: &str, runbook: &str) -> String {
    format!("proposals/{proposal}/retired/{runbook}.yaml")
}

/// Reads one; the error is the first problem with its place.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Retired, Problem> {
    let source = Source { file: path, text: signed_text(path, bytes)? };
    let note: Retired = yaml::typed(source)?;
    let wrong = |message: &str| Err(source.problem((0, 0), "retirement", message.to_owned()));
    if note.reason.trim().is_empty() {
        return wrong("`reason` says nothing");
    }
    if !is_id(&note.runbook) || note.replaced_by.as_deref().is_some_and(|id| !is_id(id)) {
        return wrong("`runbook` and `replaced_by` are ids of runbooks");
    }
    Ok(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_which_and_why() {
        let digest = FileDigest::of(b"x");
        let text = |reason: &str| format!("v: 1\nrunbook: fix\ndigest: {digest}\nreason: {reason}\n");
        let note = parse("a", text("the service is gone").as_bytes()).expect("a note");
        assert_eq!((note.runbook.as_str(), note.digest, note.replaced_by), ("fix", digest, None));
        assert!(parse("a", text("' '").as_bytes()).is_err());
        assert!(parse("a", text("x\nwhy: y").as_bytes()).is_err());
        assert_eq!(path("web", "fix"), "proposals/web/retired/fix.yaml");
    }
}
