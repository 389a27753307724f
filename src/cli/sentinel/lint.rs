//! `sentinel lint`: the text of sentinels. Not for signatures and approvals (`runbook list`).

use std::path::PathBuf;

use crate::cli::exit::{Exit, Failure};
use crate::cli::runbook::folder;
use crate::cli::runbook::lint::{self, nothing_in};
use crate::cli::{Global, Outcome};
use crate::runbook::{Kind, checks, loader, unwritten};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing found, or warnings only (words that a template left), 1 problems, 2 wrong use.\n\n\
Examples:\n  remediator sentinel lint\n  remediator sentinel lint runbooks/disk/sentinel.yaml"
)]
pub struct Args {
    /// Files or folders; a relative path is looked for here, then in the home. Default: every sentinel in the content folder of the home.
    files: Vec<PathBuf>,
}

/// Checks and prints.
pub fn run(args: Args, global: &Global) -> Outcome {
    let (mut files, mut problems) = (0, Vec::new());
    for (name, bytes, named) in texts(&args.files, global)? {
        match checks::read(&name, &bytes) {
            Ok(content) if content.kind() == Kind::Sentinel => {
                files += 1;
                problems.extend(unwritten::left(&name, &bytes));
            }
            Err(rejected) if !named && rejected.kind != Some(Kind::Sentinel) => {}
            Err(rejected) => {
                files += 1;
                problems.extend(rejected.problems);
            }
            Ok(_) if !named => {}
            Ok(other) => {
                let what = format!("{name} is a {}, not a sentinel", other.kind().word());
                return Err(
                    Failure::new(Exit::Usage, what).hint("`remediator runbook lint` checks every kind")
                );
            }
        }
    }
    if let Some(first) = args.files.first().filter(|_| files == 0) {
        return Err(nothing_in(first));
    }
    lint::told(files, problems, global)
}

/// Names and bytes, and whether each was named itself: of a folder only the sentinels in it are meant.
fn texts(files: &[PathBuf], global: &Global) -> Result<Vec<(String, Vec<u8>, bool)>, Failure> {
    if files.is_empty() {
        let content = folder::read(&folder::root(global)?)?;
        let found = content.content_files();
        return Ok(found.map(|(path, bytes)| (path.to_owned(), bytes.to_vec(), false)).collect());
    }
    let mut texts = Vec::new();
    for path in files {
        let path = folder::locate(global, path);
        if path.is_dir() {
            let content = loader::read_below(&path)
                .map_err(|e| Failure::new(Exit::Unavailable, e.to_string()).because(e))?;
            let found = content.files.into_iter();
            let found = found.filter(|(name, _)| name.ends_with(".yaml") || name.ends_with(".yml"));
            texts.extend(found.map(|(name, bytes)| (name, bytes, false)));
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|e| {
            Failure::new(Exit::Usage, format!("cannot read {}", path.display()))
                .because(e)
                .hint("name a file or folder")
        })?;
        texts.push((path.to_string_lossy().into_owned(), bytes, true));
    }
    Ok(texts)
}
