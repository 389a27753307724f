//! What a rehearsal, or dry runs, leave: `proposals/ID/evidence/RUNBOOK.json`, signed by whoever ran or counted them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::folder;
use super::super::recorded::Recorded;
use super::super::sign;
use super::Draft;
use crate::base::digest::FileDigest;
use crate::cli::exit::{Exit, Failure};
use crate::cli::init::files;
use crate::cli::{Global, out};
use crate::runbook::evidence::{self, Evidence, Seen};
use crate::runbook::model::V1;
use crate::runbook::{Role, Trust, authoring};

/// Where evidence goes.
pub struct Place<'a> {
    /// The content folder.
    pub root: &'a Path,
    /// The proposal's id.
    pub proposal: &'a str,
    /// The runbook's id.
    pub runbook: &'a str,
}

/// Writes down a rehearsal in the content folder that the draft lies in; its path, and who signed.
pub fn write(
    draft: &Draft<'_>,
    relies_on: &BTreeMap<String, FileDigest>,
    healed_ms: u64,
    head: String,
    key: Option<&Path>,
    global: &Global,
) -> Result<(PathBuf, String), Failure> {
    let root = match folder::root_of(draft.file) {
        Some(root) => root,
        None => folder::root(global)?,
    };
    let trust = Recorded::of(global, &root).trust(draft.catalog.folder());
    let evidence = Evidence {
        v: V1,
        runbook: draft.entry.digest,
        relies_on: relies_on.clone(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        at_us: out::now_us(),
        seen: Seen::Rehearsal { healed_ms, head },
    };
    let place = Place { root: &root, proposal: &draft.runbook.proposal, runbook: &draft.runbook.id };
    sign(&place, &evidence, &trust, key)
}

/// Writes and signs evidence; its path, and who signed.
pub fn sign(
    place: &Place<'_>,
    evidence: &Evidence,
    trust: &Trust,
    key: Option<&Path>,
) -> Result<(PathBuf, String), Failure> {
    let path = place.root.join(evidence::path(place.proposal, place.runbook));
    sign_at(path, evidence, trust, key)
}

/// Writes and signs something that anybody may have tried, in place of what was there; its path, and who signed.
pub fn sign_at(
    path: PathBuf,
    content: &impl serde::Serialize,
    trust: &Trust,
    key: Option<&Path>,
) -> Result<(PathBuf, String), Failure> {
    let (key, principal, role) = signer(trust, key)?;
    let cannot = |e: String| Failure::new(Exit::Findings, format!("cannot write {}: {e}", path.display()));
    let text = serde_json::to_string_pretty(content).map_err(|e| cannot(e.to_string()))? + "\n";
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| cannot(e.to_string()))?;
    }
    // Beside, then renamed: an older one is replaced whole.
    let fresh = path.with_extension("json.part");
    let _ = std::fs::remove_file(&fresh);
    files::write_new(&fresh, text.as_bytes()).map_err(|e| cannot(format!("{e:#}")))?;
    std::fs::rename(&fresh, &path).map_err(|e| cannot(e.to_string()))?;
    authoring::sign_beside(&path, text.as_bytes(), &key, role).map_err(|e| cannot(e.to_string()))?;
    Ok((path, principal))
}

/// A key of the person with a role that evidence may be signed in.
fn signer(trust: &crate::runbook::Trust, named: Option<&Path>) -> Result<(PathBuf, String, Role), Failure> {
    let mut refused = None;
    for role in [Role::Runbook, Role::Proposal, Role::Approval] {
        let key = sign::key_of(trust, named, role)?;
        match sign::holder_of(trust, &key, role) {
            Ok(principal) => return Ok((key, principal, role)),
            Err(failure) => drop(refused.get_or_insert(failure)),
        }
    }
    Err(refused
        .unwrap_or_else(|| Failure::new(Exit::Refused, "nobody may sign the evidence"))
        .hint("`--no-evidence` rehearses without writing anything down"))
}
