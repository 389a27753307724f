//! `remediator audit prove SEQ`: a proof that an entry is in the log, which anybody can check without this machine.

use std::path::PathBuf;

use super::super::exit::{Failure, PRUNED};
use super::super::reader::Reader;
use super::super::{Exit, Global, Outcome, Output, out};
use super::verify::beside;
use crate::base::ids::Seq;
use crate::tlog::note::Note;
use crate::tlog::proof::Proof;
use crate::tlog::prove;

/// Write a proof that an entry is in the log (c2sp.org/tlog-proof): its path to the root, under a signed checkpoint.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 written, 1 there is no such entry, 2 wrong use, 69 the entry was pruned or nothing was ever signed, 75 the \
checkpoint does not reach the entry yet: a daemon signs for it within about a second.

Example:
  remediator audit prove 17
  remediator audit prove 17 --with-entry --to ./evidence.tlog-proof
  remediator audit verify --proof ./17.tlog-proof")]
pub struct Args {
    /// Its seq.
    seq: Seq,
    /// Where to write it; SEQ.tlog-proof unless said, `-` for standard output.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// With the entry itself as extra data: whoever has the proof then needs nothing else.
    #[arg(long)]
    with_entry: bool,
    /// Under this checkpoint instead of the newest, such as one that witnesses have cosigned.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

/// Writes the proof.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reader = Reader::new(global)?;
    let path = format!("/v1/audit/{}/proof{}", args.seq, if args.with_entry { "?entry" } else { "" });
    let asked = if args.checkpoint.is_none() { reader.ask(&path)? } else { None };
    let proof = match asked {
        Some(text) => Proof::parse(&text)
            .map_err(|e| Failure::new(Exit::Unavailable, "the daemon's answer is no proof").because(e))?,
        None => offline(&args, &reader)?,
    };
    let text = proof.to_string();
    let to = args.to.unwrap_or_else(|| PathBuf::from(format!("{}.tlog-proof", args.seq)));
    if to.as_os_str() == "-" {
        out::say(text.trim_end())?;
        return Ok(Exit::Ok);
    }
    std::fs::write(&to, &text)
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot write {}", to.display())).because(e))?;
    let head = proof.checkpoint().map_err(|e| Failure::new(Exit::Damage, e.to_string()))?;
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({
            "v": 1, "file": to, "index": proof.index, "origin": head.origin, "size": head.size,
            "root": head.root.to_string(),
        }))?,
        Output::Human => {
            out::say(format!(
                "{}: entry {} of {} at {} entries",
                to.display(),
                proof.index,
                head.origin,
                head.size
            ))?;
            out::say(out::faint(format!(
                "check it anywhere: remediator audit verify --proof {}",
                to.display()
            )))?;
        }
    }
    Ok(Exit::Ok)
}

/// From the segments, under a checkpoint that was given or the last one that was published.
fn offline(args: &Args, reader: &Reader) -> Result<Proof, Failure> {
    let state = reader.home().state();
    let Some(path) = args.checkpoint.clone().or_else(|| beside(&state)) else {
        return Err(Failure::new(Exit::Unavailable, "no checkpoint was ever published here")
            .hint("start the daemon: it publishes one within a second"));
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}", path.display())).because(e))?;
    let note = Note::parse(&text)
        .map_err(|e| Failure::new(Exit::Damage, format!("{} is no signed note: {e}", path.display())))?;
    prove(&state, args.seq, note, args.with_entry).map_err(|e| match e {
        // The same end as through the daemon.
        crate::tlog::Error::Pruned(_) => Failure::new(Exit::Unavailable, e.to_string()).hint(PRUNED),
        crate::tlog::Error::NotYet { .. } => {
            let what = format!("the checkpoint {} does not reach entry {} yet", path.display(), args.seq);
            Failure::new(Exit::Temporary, what)
                .hint("a daemon that runs signs for new entries within about a second: ask again, or start it")
        }
        other => Failure::new(Exit::Findings, other.to_string())
            .hint("`remediator status` says how far the journal reaches; `remediator audit tail` shows its last entries"),
    })
}
