//! Makes a home: content, trust, keys, tokens, journal. Everything is built in a folder beside it and renamed at the
//! end, so that a home is either whole or not there. Asks nobody: what is shown and approved is the caller's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use super::super::schema;
use super::staging::Staging;
use super::{files, person, sample, texts};
use crate::api::tokens::{self, Bearer, Role, Tokens};
use crate::base::digest::FileDigest;
use crate::base::ids::{BootId, NodeId};
use crate::base::sign::JournalKey;
use crate::journal::{Clock as _, IntentJournal, Options, SystemClock};
use crate::runbook::authoring::{self, Approve};
use crate::runbook::schema::Dialect;
use crate::runbook::{Content, LiveEvidence, checks, loader, shipped};

/// A home that is not started within this time has to be approved again (30 days).
const ADOPT_WITHIN_US: i64 = 30 * 86_400_000_000;

/// What a home is made from.
pub struct Wish<'a> {
    /// Where. Must not exist, or be an empty folder.
    pub home: PathBuf,
    /// The operator's principal.
    pub principal: String,
    /// Path that signs for them.
    pub key: PathBuf,
    /// One person may write and approve.
    pub solo: bool,
    /// What has to show that a runbook works before it goes live.
    pub evidence: LiveEvidence,
    /// Address of the HTTP interface.
    pub listen: String,
    /// The sample service, if wanted.
    pub sample: Option<sample::Facts<'a>>,
}

/// A content file that is about to be approved.
#[derive(Debug, Clone)]
pub struct Shown {
    /// `runbook/process-dead`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its digest.
    pub digest: FileDigest,
    /// What it may affect; empty for services and sentinels.
    pub radius: String,
    /// The proposal that argues for it.
    pub proposal: String,
    /// Its path under the home.
    path: String,
}

/// What the operator says to what they were shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It may run.
    Approved,
    /// It may only observe, for now.
    ObserveOnly,
}

/// A made home.
#[derive(Debug)]
pub struct Made {
    /// Where.
    pub home: PathBuf,
    /// The machine.
    pub node: NodeId,
    /// The operator's token (also in `state/token`).
    pub token: String,
}

/// Makes a home. `ask` is shown what stands to be approved, before anything is signed.
pub fn make(
    wish: &Wish<'_>,
    ask: &mut dyn FnMut(&[Shown]) -> anyhow::Result<Answer>,
) -> anyhow::Result<Made> {
    let home = std::path::absolute(&wish.home).context("the home's path cannot be made absolute")?;
    must_be_free(&home)?;
    let parent = home.parent().with_context(|| format!("{} cannot be a home", home.display()))?;
    std::fs::create_dir_all(parent)
        .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    // Beside the home, so that the rename at the end stays on one file system. Removed when anything fails.
    let staging = Staging::beside(parent, "init")?;
    let root = staging.path();
    write_trust(root, wish)?;
    let content = content(wish);
    write_content(root, wish, &content)?;
    let shown = to_approve(&content)?;
    if ask(&shown)? == Answer::Approved {
        approve_all(root, wish, &content, &shown)?;
    }
    let (node, token) = write_state(root, wish)?;
    files::sync_folder(root)?;
    std::fs::set_permissions(root, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .with_context(|| format!("cannot open up {}", root.display()))?;
    if let Err(error) = std::fs::rename(root, &home) {
        // Somebody else may have made one meanwhile.
        must_be_free(&home)?;
        return Err(error).with_context(|| format!("cannot rename to {}", home.display()));
    }
    // Renamed away: nothing is left for the guard to remove.
    staging.keep();
    files::sync_folder(parent)?;
    Ok(Made { home, node, token })
}

/// A folder that holds something is never touched.
pub fn must_be_free(home: &Path) -> anyhow::Result<()> {
    match std::fs::read_dir(home).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) if home.join("state").is_dir() => {
            bail!("{} is a home already; nothing was changed (`remediator status` shows it)", home.display())
        }
        Ok(false) => {
            bail!("{} is not empty; nothing was changed. Name an empty or new folder", home.display())
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e).with_context(|| format!("cannot look into {}", home.display())),
    }
}

fn write_trust(root: &Path, wish: &Wish<'_>) -> anyhow::Result<()> {
    let public = person::public_of(&wish.key)?;
    let trust = root.join("proposals/trust");
    files::write_new(
        &trust.join("allowed_signers"),
        texts::allowed_signers(&wish.principal, &public).as_bytes(),
    )?;
    files::write_new(&trust.join("policy.yaml"), texts::policy(wish.solo, wish.evidence).as_bytes())?;
    files::write_new(&trust.join("revoked"), texts::REVOKED.as_bytes())?;
    // For editors: what may stand in each kind of file.
    for (name, text) in schema::all(Dialect::Draft07) {
        files::write_new(&root.join("schemas").join(schema::file_name(name)), text.as_bytes())?;
    }
    files::write_new(&root.join("remediator.yaml"), texts::config(&wish.listen).as_bytes())?;
    files::write_new(&root.join(".gitignore"), texts::GITIGNORE.as_bytes())
}

/// Everything that is signed or approved: path → bytes.
fn content(wish: &Wish<'_>) -> BTreeMap<String, Vec<u8>> {
    let shipped = shipped::FILES.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()));
    let sample = wish.sample.as_ref().map(sample::files).unwrap_or_default();
    shipped.chain(sample.into_iter().map(|(path, text)| (path, text.into_bytes()))).collect()
}

fn write_content(root: &Path, wish: &Wish<'_>, content: &BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    let shipped = shipped::digests();
    for (path, bytes) in content {
        let place = root.join(path);
        files::write_new(&place, bytes)?;
        let signed = path.starts_with("runbooks/") || path.starts_with("proposals/");
        if signed && !shipped.contains(&FileDigest::of(bytes)) {
            let role = authoring::role_of(path).with_context(|| format!("{path} has no role"))?;
            authoring::sign_file(&place, &wish.key, role).with_context(|| format!("cannot sign {path}"))?;
        }
    }
    Ok(())
}

/// What would be approved, as the operator is shown it.
fn to_approve(content: &BTreeMap<String, Vec<u8>>) -> anyhow::Result<Vec<Shown>> {
    let mut shown = Vec::new();
    for (path, bytes) in content.iter().filter(|(path, _)| path.starts_with("runbooks/")) {
        let content = checks::read(path, bytes)
            .map_err(|rejected| anyhow!("{path} is not usable: {:?}", rejected.problems.first()))?;
        let radius = match &content {
            Content::Runbook(runbook) => format!("{:?}", runbook.blast_radius).to_lowercase(),
            _ => String::new(),
        };
        shown.push(Shown {
            id: format!("{}/{}", content.kind().word(), content.id()),
            title: content.title().to_owned(),
            digest: FileDigest::of(bytes),
            radius,
            proposal: content.proposal().to_owned(),
            path: path.clone(),
        });
    }
    Ok(shown)
}

/// One approval per proposal, of all its files.
fn approve_all(
    root: &Path,
    wish: &Wish<'_>,
    content: &BTreeMap<String, Vec<u8>>,
    shown: &[Shown],
) -> anyhow::Result<()> {
    let mut proposals: BTreeMap<&str, Vec<(&str, FileDigest)>> = BTreeMap::new();
    for file in shown {
        proposals.entry(&file.proposal).or_default().push((&file.path, file.digest));
    }
    for (proposal, files) in proposals {
        let path = format!("proposals/{proposal}/proposal.yaml");
        let argument = content.get(&path).with_context(|| format!("{path} is not there"))?;
        let request = Approve {
            folder: root,
            proposal: (proposal, FileDigest::of(argument)),
            runbook: None,
            resolves: &files,
            principal: &wish.principal,
            key: &wish.key,
            adopt_before_us: SystemClock.now().time_us.saturating_add(ADOPT_WITHIN_US),
            reason: "approved at init",
        };
        authoring::approve(&request).with_context(|| format!("cannot approve the proposal `{proposal}`"))?;
    }
    Ok(())
}

/// Journal with its genesis, keys, tokens.
fn write_state(root: &Path, wish: &Wish<'_>) -> anyhow::Result<(NodeId, String)> {
    let state = root.join("state");
    files::private_folder(&state)?;
    let key = JournalKey::generate().map_err(|e| anyhow!("the operating system gives no randomness: {e}"))?;
    crate::remediator::write_journal_key(&state, &key)?;
    let node = NodeId::fresh().map_err(|e| anyhow!("the operating system gives no randomness: {e}"))?;
    let now_us = SystemClock.now().time_us;
    let token = tokens::mint()?;
    let mut known = Tokens::new()?;
    known.add(Bearer::Person { name: wish.principal.clone(), role: Role::Lead }, &token, now_us);
    known.save(&state.join("tokens.json"))?;
    files::write_private(&state.join("token"), format!("{token}\n").as_bytes())?;
    let trust = loader::read_folder(root)?.trust_files();
    let options = Options::new(state, BootId::fresh(), key);
    let journal = IntentJournal::create(options, node, trust).context("cannot begin the journal")?;
    journal.clean_stop().context("cannot close the new journal")?;
    Ok((node, token))
}
