//! `audit verify --proof`: proofs of single entries, offline. With a journal at hand (the home or --folder) their
//! checkpoints are looked for in it; without one a policy says whom to believe, and the entry comes along.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::super::exit::Failure;
use super::super::super::{Exit, Global, Home, Outcome, Output, out};
use super::head::{Told, age};
use super::{Args, exit, read_text};
use crate::tlog::judge::{self, Finding};
use crate::tlog::proof::Proof;
use crate::tlog::{Journal, read};

#[derive(Serialize)]
struct Shown {
    v: u32,
    proofs: Vec<OfProof>,
}

/// One proof.
#[derive(Serialize)]
struct OfProof {
    file: PathBuf,
    index: u64,
    origin: Option<String>,
    size: Option<u64>,
    findings: Vec<Told>,
}

/// Checks each, and ends with what says most of all.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let proofs = args.proof.iter().map(|path| parsed(path)).collect::<Result<Vec<_>, _>>()?;
    let entry = args.entry.as_ref().map(|path| entry(path)).transpose()?;
    let journal = journal(args, global, &proofs)?;
    let policy = args.policy()?;
    if policy.is_none() && journal.is_none() {
        return Err(Failure::new(Exit::Usage, "there is nobody to believe: neither a policy nor a journal")
            .hint("say whom with --policy FILE, or where the journal is with --folder DIR or --home DIR"));
    }
    let named = journal.as_ref().map(|journal| journal.keys.as_slice()).unwrap_or_default();
    let policy = judge::believed(policy, named);
    let (mut shown, mut all) = (Vec::new(), Vec::new());
    for (path, proof) in args.proof.iter().zip(&proofs) {
        let of_journal = journal.as_ref().and_then(|journal| journal.entries.get(&proof.index));
        let bytes = entry.as_ref().or(proof.extra.as_ref()).or(of_journal);
        if bytes.is_none() && journal.is_none() {
            return Err(Failure::new(Exit::Usage, format!("{} comes without its entry", path.display()))
                .hint("give it with --entry FILE, or say where the journal is with --folder DIR"));
        }
        let judged = judge::proof(proof, bytes.map(Vec::as_slice), &policy, age(args), journal.as_ref());
        let (origin, size) = judged.head.map(|head| (head.origin, head.size)).unzip();
        all.extend(judged.findings.iter().cloned());
        let findings = Told::all(judged.findings);
        shown.push(OfProof { file: path.clone(), index: proof.index, origin, size, findings });
    }
    print(shown, global.output)?;
    Ok(exit(&all))
}

fn parsed(path: &Path) -> Result<Proof, Failure> {
    let text = read_text(path, "the proof")?;
    Proof::parse(&text).map_err(|error| {
        let finding = Finding::Tampered(error.to_string());
        Failure::new(Exit::Damage, format!("{}: {finding}", path.display()))
    })
}

/// The bytes of an entry; the LF of a line is none of them.
fn entry(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = read_text(path, "the entry")?.into_bytes();
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Ok(bytes)
}

/// The journal at hand, read as far as the proofs need it.
fn journal(args: &Args, global: &Global, proofs: &[Proof]) -> Result<Option<Journal>, Failure> {
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        // Whoever brings a policy may have no home at all.
        None => match Home::existing(global) {
            Ok(home) => home.state(),
            Err(_) if args.policy.is_some() => return Ok(None),
            Err(failure) => return Err(failure),
        },
    };
    let sizes: BTreeSet<u64> =
        proofs.iter().filter_map(|p| p.checkpoint().ok()).map(|head| head.size).collect();
    let entries: BTreeSet<u64> = proofs.iter().map(|proof| proof.index).collect();
    Ok(Some(read(&folder, u64::MAX, &sizes, &entries)?))
}

fn print(proofs: Vec<OfProof>, output: Output) -> Result<(), Failure> {
    if output == Output::Json {
        return out::json_of(&Shown { v: 1, proofs });
    }
    for proof in proofs {
        let word = if proof.findings.is_empty() { "healthy" } else { "failed" };
        let of = match (&proof.origin, proof.size) {
            (Some(origin), Some(size)) => format!("of {} at {size} entries", out::line(origin)),
            _ => "of no log".to_owned(),
        };
        out::say(format!("{} {}: entry {} {of}", out::state(word), proof.file.display(), proof.index))?;
        proof.findings.iter().try_for_each(|finding| out::say(out::line(&finding.what)))?;
    }
    Ok(())
}
