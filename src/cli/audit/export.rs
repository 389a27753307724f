//! `remediator audit export DIR`: everything a stranger needs to verify and replay elsewhere.

use std::path::PathBuf;

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use super::verify::beside;
use crate::tlog::CHECKPOINT;

/// Copy the journal with its blobs and public keys into a new folder, which can be verified anywhere.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator audit export ./incident-42\n  remediator audit verify --full --folder ./incident-42"
)]
pub struct Args {
    /// A folder that is empty or does not exist yet.
    to: PathBuf,
}

/// Exports.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::readable(global)?;
    // Before the journal is read: what is signed for is then in the export.
    let checkpoint = beside(&home.state()).and_then(|path| std::fs::read(path).ok());
    let manifest = crate::journal::export(&home.state(), &args.to, None)?;
    if let Some(checkpoint) = checkpoint {
        let path = args.to.join(CHECKPOINT);
        std::fs::write(&path, checkpoint).map_err(|e| {
            Failure::new(Exit::Unavailable, format!("cannot write {}", path.display())).because(e)
        })?;
    }
    match global.output {
        Output::Json => out::json(
            &serde_json::to_string(&manifest)
                .map_err(|e| Failure::new(Exit::Unavailable, "cannot write JSON").because(e))?,
        )?,
        Output::Human => {
            let minimum = crate::journal::read_offline(&args.to)?.minimum();
            let (entries, blobs) = ((manifest.head.seq + 1).saturating_sub(minimum), manifest.blobs.len());
            out::say(format!("{entries} entries and {blobs} blob(s) in {}", args.to.display()))?;
            if minimum > 0 {
                out::say(format!(
                    "it begins with entry {minimum}: what is older was pruned, and is in its archives"
                ))?;
            }
            for (blob, seq) in &manifest.absent {
                out::say(format!("blob {blob}, which entry {seq} names, is not there any more"))?;
            }
            let check =
                format!("check it anywhere: remediator audit verify --full --folder {}", args.to.display());
            out::say(out::faint(check))?;
        }
    }
    Ok(Exit::Ok)
}
