//! `runbook lint`: the text of content files and proposals. Not for signatures and approvals (`list`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::folder;
use super::recorded::Recorded;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Home, Outcome, Output, out};
use crate::event::content::Standing;
use crate::runbook::problem::Problem;
use crate::runbook::{ContentFolder, checks, proposals};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 nothing found, 1 problems, 2 wrong use.\n\n\
Examples:\n  remediator runbook lint\n  remediator runbook lint runbooks/process-dead/runbook.yaml")]
pub struct Args {
    /// Files, or content folders (with runbooks/ or proposals/ in them). Default: the folder of the home.
    paths: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    files: usize,
    problems: &'a [Problem],
}

/// Checks and prints.
pub fn run(args: Args, global: &Global) -> Outcome {
    let paths = if args.paths.is_empty() { vec![folder::root(global)?] } else { args.paths };
    let (mut files, mut problems) = (0, Vec::new());
    let channels = channels(global);
    for path in &paths {
        if path.is_dir() {
            let content = folder::read(path)?;
            for (name, bytes) in content.content_files() {
                problems.extend(channels.iter().flat_map(|c| checks::unknown_channels(name, bytes, c)));
            }
            files += whole(path, content, &mut problems);
        } else {
            files += 1;
            file(path, channels.as_ref(), &mut problems)?;
        }
    }
    if global.output == Output::Json {
        out::json_of(&Report { v: 1, files, problems: &problems })?;
    } else {
        for problem in &problems {
            out::say(format!("{problem}\n"))?;
        }
        let count = problems.len();
        out::say(match count {
            0 => format!("{files} file{}: nothing found", plural(files)),
            _ => format!("{files} file{}: {count} problem{}", plural(files), plural(count)),
        })?;
    }
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::Findings })
}

/// The channels of this home, where there is one whose configuration can be read.
fn channels(global: &Global) -> Option<BTreeSet<String>> {
    let home = Home::existing(global).ok()?;
    let config = crate::remediator::config::read(home.root(), None).ok()?;
    let log = crate::notify::LOG.to_owned();
    Some(config.channels.into_keys().chain([log]).collect())
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// One file, wherever it lies. Named in messages as it was named on the command line.
fn file(
    path: &Path,
    channels: Option<&BTreeSet<String>>,
    problems: &mut Vec<Problem>,
) -> Result<(), Failure> {
    let bytes = std::fs::read(path).map_err(|e| {
        Failure::new(Exit::Usage, format!("cannot read {}", path.display()))
            .because(e)
            .hint("name a file or folder")
    })?;
    let name = path.to_string_lossy();
    if path.ends_with("proposal.yaml") {
        proposal(&name, &bytes, problems);
    } else if let Err(rejected) = checks::read(&name, &bytes) {
        problems.extend(rejected.problems);
    } else {
        problems.extend(channels.iter().flat_map(|c| checks::unknown_channels(&name, &bytes, c)));
    }
    Ok(())
}

fn proposal(name: &str, bytes: &[u8], problems: &mut Vec<Problem>) {
    problems.extend(proposals::parse_proposal(name, bytes).err());
}

/// A whole folder: every file, and what only shows when they stand together (ids, overlaps).
fn whole(root: &Path, content: ContentFolder, problems: &mut Vec<Problem>) -> usize {
    let argued: Vec<(String, Vec<u8>)> = content
        .files
        .iter()
        .filter(|(p, _)| p.ends_with("/proposal.yaml"))
        .map(|(p, b)| (p.clone(), b.clone()))
        .collect();
    let files = argued.len() + content.content_files().count() + content.unreadable.len();
    for (path, bytes) in &argued {
        proposal(path, bytes, problems);
    }
    // Whose signatures count is no question of the text.
    let catalog = folder::catalog(root, content, recorded);
    problems.extend(catalog.unreadable().values().flatten().cloned());
    for entry in catalog.entries() {
        problems.extend(entry.problems.iter().cloned());
        if entry.standing == Standing::Refused && entry.problems.is_empty() {
            for wrong in &entry.reasons {
                let (file, message, help) =
                    (entry.path.clone(), wrong.problem.clone(), Some(wrong.mend.clone()));
                problems.push(Problem {
                    file,
                    line: 0,
                    column: 0,
                    check: "catalog",
                    message,
                    help,
                    excerpt: None,
                });
            }
        }
    }
    files
}
