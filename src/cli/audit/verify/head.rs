//! The log's head, checked: the checkpoint beside the journal or one that was given, against the journal's own tree, the
//! head that was seen last, a policy and the clock. Not for judging (`tlog::judge`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::super::exit::Failure;
use super::super::super::{Exit, out};
use super::{Args, exit, read_text};
use crate::base::formats::Version;
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::judge::{self, Age, Finding, Judged, LastSeen, Now};
use crate::tlog::note::Note;
use crate::tlog::{CHECKPOINT, Journal, read};

/// What was found, as it is printed.
#[derive(Serialize)]
pub struct Head {
    /// Which log.
    pub origin: String,
    /// Entries that are known to be durable.
    pub size: u64,
    /// The root over them.
    pub root: String,
    /// The checkpoint that was checked.
    pub checkpoint: Option<Signed>,
    /// Witnesses of the policy that cosigned it, each with the time in Unix seconds.
    pub cosigned: BTreeMap<String, u64>,
    /// What is wrong, what says most first.
    pub findings: Vec<Told>,
    #[serde(skip)]
    exit: Exit,
}

/// A checkpoint.
#[derive(Serialize)]
pub struct Signed {
    pub size: u64,
    pub root: String,
    /// When it was last called the newest, Unix seconds.
    pub time: Option<u64>,
}

/// A finding.
#[derive(Serialize)]
pub struct Told {
    pub code: &'static str,
    pub what: String,
}

impl Told {
    /// In the order of how much they say.
    pub fn all(mut findings: Vec<Finding>) -> Vec<Self> {
        findings.sort();
        findings.into_iter().map(|finding| Self { code: finding.code(), what: finding.to_string() }).collect()
    }
}

impl Head {
    /// How the check ends.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// What is read before the journal is.
pub struct Before {
    note: Option<Note>,
    malformed: Option<Finding>,
    seen: Option<LastSeen>,
}

/// The clock, and how old a head may be.
pub fn age(args: &Args) -> Age {
    let now = u64::try_from(out::now_us() / 1_000_000).unwrap_or(0);
    Age { now, max: args.max_age.map(|span| span.ms() / 1_000) }
}

impl Before {
    /// Reads the checkpoint and the state file, where there are such.
    pub fn read(args: &Args, folder: &Path) -> Result<Self, Failure> {
        let text = match &args.checkpoint {
            Some(path) => Some(read_text(path, "the checkpoint")?),
            None => beside(folder).map(|path| read_text(&path, "the checkpoint")).transpose()?,
        };
        if text.is_none() && (args.policy.is_some() || args.max_age.is_some()) {
            let what = format!("there is no checkpoint beside the journal in {}", folder.display());
            return Err(Failure::new(Exit::Unavailable, what)
                .hint("its daemon writes one while it runs; or say which with --checkpoint FILE"));
        }
        let (note, malformed) = match text.as_deref().map(Note::parse).transpose() {
            Ok(note) => (note, None),
            Err(error) => (None, Some(Finding::Tampered(error.to_string()))),
        };
        Ok(Self { note, malformed, seen: args.state.as_deref().map(last_seen).transpose()?.flatten() })
    }

    /// Judges it, and writes the state file anew when all is good. None when this journal is no log.
    pub fn judge(self, args: &Args, folder: &Path, entries: u64) -> Result<Option<Head>, Failure> {
        let head = self.note.as_ref().and_then(|note| Checkpoint::parse(&note.text).ok());
        let sizes: BTreeSet<u64> =
            head.iter().map(|h| h.size).chain(self.seen.iter().map(|s| s.size)).collect();
        let journal = read(folder, entries, &sizes, &BTreeSet::new())?;
        let policy = args.policy()?;
        let nothing =
            self.note.is_none() && self.malformed.is_none() && self.seen.is_none() && args.state.is_none();
        if nothing && journal.keys.is_empty() {
            return Ok(None);
        }
        let policy = judge::believed(policy, &journal.keys);
        let mut judged = match &self.note {
            Some(note) => judge::signatures(note, &policy, age(args)),
            None => Judged::default(),
        };
        judged.findings.extend(self.malformed);
        if let Some(head) = &judged.head {
            judged.findings.extend(judge::against_journal("the checkpoint", head.size, &head.root, &journal));
        }
        let origin = origin(&judged, &journal);
        if let Some(seen) = &self.seen {
            let known = origin.as_deref();
            judged.findings.extend(judge::against_last_seen(seen, known, Now::Journal(&journal)));
        }
        let origin = origin.unwrap_or_default();
        if let (Some(path), true) = (&args.state, judged.findings.is_empty()) {
            keep(path, &origin, &journal, self.note.as_ref())?;
        }
        let checkpoint = judged.head.as_ref().map(|head| Signed {
            size: head.size,
            root: head.root.to_string(),
            time: judged.time,
        });
        let exit = exit(&judged.findings);
        let (size, root) = (journal.size, journal.root.to_string());
        let findings = Told::all(judged.findings);
        Ok(Some(Head { origin, size, root, checkpoint, cosigned: judged.cosigned, findings, exit }))
    }
}

/// Which log this is: as the journal names it, else as its checkpoint does.
fn origin(judged: &Judged, journal: &Journal) -> Option<String> {
    let named = journal.keys.last().map(|key| key.origin.clone());
    named.or_else(|| judged.head.as_ref().map(|head| head.origin.clone()))
}

/// The checkpoint beside a journal: of a home, of a state folder, of a journal folder, or in an export.
pub fn beside(folder: &Path) -> Option<PathBuf> {
    let in_state = Path::new("tlog").join(CHECKPOINT);
    let above = folder.parent().map(|parent| parent.join(&in_state));
    let places = [folder.join("state").join(&in_state), folder.join(&in_state), folder.join(CHECKPOINT)];
    places.into_iter().chain(above).find(|path| path.is_file())
}

fn last_seen(path: &Path) -> Result<Option<LastSeen>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => {
            let what = format!("cannot read the state file {}", path.display());
            return Err(Failure::new(Exit::Usage, what).because(e));
        }
    };
    // Whoever could garble it could hide a rollback: it is never taken for none.
    serde_json::from_str(&text).map(Some).map_err(|e| {
        let what = format!("{} is no state file of this command", path.display());
        let hint = "if it is known why, remove it: the next check begins anew and knows no earlier head";
        Failure::new(Exit::Damage, what).hint(hint).because(e)
    })
}

fn keep(path: &Path, origin: &str, journal: &Journal, note: Option<&Note>) -> Result<(), Failure> {
    let seen = LastSeen {
        v: Version,
        origin: origin.to_owned(),
        size: journal.size,
        root: journal.root.to_string(),
        checkpoint: note.map(ToString::to_string),
    };
    let failed = |e: std::io::Error| {
        Failure::new(Exit::Unavailable, format!("cannot write the state file {}", path.display())).because(e)
    };
    let mut text = serde_json::to_vec_pretty(&seen).map_err(|e| failed(e.into()))?;
    text.push(b'\n');
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, &text)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(failed)
}
