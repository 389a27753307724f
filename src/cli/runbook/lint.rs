//! `runbook lint`: the text of content files and proposals, and what the ones do beyond the others.
//! Not for signatures and approvals (`list`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::folder;
use super::recorded::Recorded;
use crate::cli::exit::{Exit, Failure};
use crate::cli::proposal::against;
use crate::cli::{Global, Home, Outcome, Output, out};
use crate::event::content::Standing;
use crate::runbook::content::TRUST_DIR;
use crate::runbook::problem::{Problem, Source};
use crate::runbook::trust::TRUST_FILES;
use crate::runbook::{Content, ContentFolder, Trust, checks, loader, retired, unwritten};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing found, or warnings only (words that a template left), 1 problems, 2 wrong use.\n\n\
Examples:\n  remediator runbook lint\n  remediator runbook lint runbooks/process-dead/runbook.yaml"
)]
pub struct Args {
    /// Files or folders; a relative path is looked for here, then in the home. Of a folder with runbooks/ or
    /// proposals/ in it, what only shows when files stand together is found too. Default: the folder of the home.
    paths: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    files: usize,
    problems: &'a [Problem],
    warnings: &'a [Problem],
}

/// Checks and prints.
pub fn run(args: Args, global: &Global) -> Outcome {
    let paths = if args.paths.is_empty() { vec![folder::root(global)?] } else { args.paths };
    let (mut files, mut problems) = (0, Vec::new());
    let channels = channels(global);
    for path in &paths {
        let path = &folder::locate(global, path);
        let found = match path.is_dir() {
            true if ["runbooks", "proposals"].iter().any(|top| path.join(top).is_dir()) => {
                let content = folder::read(path)?;
                for (name, bytes) in content.files.iter().filter(|(name, _)| is_argued(name)) {
                    problems.extend(unwritten::left(name, bytes));
                }
                for (name, bytes) in content.content_files() {
                    problems.extend(channels.iter().flat_map(|c| checks::unknown_channels(name, bytes, c)));
                }
                whole(path, content, &Recorded::of(global, path), &mut problems)
            }
            true => below(path, channels.as_ref(), &mut problems)?,
            false => file(path, channels.as_ref(), &mut problems)?,
        };
        if found == 0 {
            return Err(nothing_in(path));
        }
        files += found;
    }
    told(files, problems, global)
}

/// Says what was found. What only warns keeps nobody.
pub fn told(files: usize, found: Vec<Problem>, global: &Global) -> Outcome {
    let (warnings, problems): (Vec<_>, Vec<_>) = found.into_iter().partition(|p| p.check == unwritten::CHECK);
    if global.output == Output::Json {
        out::json_of(&Report { v: 1, files, problems: &problems, warnings: &warnings })?;
    } else {
        for problem in &problems {
            out::say(format!("{problem}\n"))?;
        }
        for warning in &warnings {
            out::say(format!("warning: {warning}\n"))?;
        }
        let count = problems.len();
        let warned = match warnings.len() {
            0 => String::new(),
            count => format!(", {count} warning{}", plural(count)),
        };
        out::say(match count {
            0 => format!("{files} file{}: nothing found{warned}", plural(files)),
            _ => format!("{files} file{}: {count} problem{}{warned}", plural(files), plural(count)),
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

/// Whether somebody reads its words before they approve: a content file, or a proposal.
fn is_argued(name: &str) -> bool {
    let below = ["runbooks/", "proposals/"].iter().any(|top| name.starts_with(top));
    below && (name.ends_with(".yaml") || name.ends_with(".yml"))
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// A lint of nothing is not a lint that found nothing.
pub fn nothing_in(path: &Path) -> Failure {
    Failure::new(Exit::Usage, format!("there is nothing to lint in {}", path.display()))
        .hint("content files end in .yaml; name one of them, or a folder with some below it")
}

/// A folder that is none of a home: every file in it by itself.
fn below(
    path: &Path,
    channels: Option<&BTreeSet<String>>,
    problems: &mut Vec<Problem>,
) -> Result<usize, Failure> {
    let content =
        loader::read_below(path).map_err(|e| Failure::new(Exit::Unavailable, e.to_string()).because(e))?;
    let unread = |(name, why): (&String, &String)| {
        Source { file: name, text: "" }.problem((0, 0), "catalog", format!("cannot be read: {why}"))
    };
    problems.extend(content.unreadable.iter().map(unread));
    let (mut trust, mut files) = (BTreeMap::new(), content.unreadable.len());
    let around = around(path);
    for (name, bytes) in content.files {
        let last = Path::new(&name).file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if TRUST_FILES.contains(&last) && is_trust(Path::new(&name)) {
            files += 1;
            trust.insert(last.to_owned(), bytes);
        } else if last.ends_with(".yaml") || last.ends_with(".yml") {
            files += 1;
            text(&name, &bytes, channels, around.as_ref(), problems);
        }
    }
    if let Err(error) = Trust::load(&trust) {
        let source = Source { file: TRUST_DIR, text: "" };
        problems.extend((!trust.is_empty()).then(|| source.problem((0, 0), "trust", error.to_string())));
    }
    Ok(files)
}

/// Whether a file lies in the folder of the trust files.
fn is_trust(path: &Path) -> bool {
    let absolute = std::path::absolute(path).unwrap_or_default();
    absolute.parent().is_some_and(|folder| folder.ends_with(TRUST_DIR))
}

/// One file, wherever it lies. Named in messages as it was named on the command line.
fn file(
    path: &Path,
    channels: Option<&BTreeSet<String>>,
    problems: &mut Vec<Problem>,
) -> Result<usize, Failure> {
    let bytes = std::fs::read(path).map_err(|e| {
        Failure::new(Exit::Usage, format!("cannot read {}", path.display()))
            .because(e)
            .hint("name a file or folder")
    })?;
    let around = around(path);
    text(&path.to_string_lossy(), &bytes, channels, around.as_ref(), problems);
    Ok(1)
}

/// The content folder that a path lies in, if it lies in one that can be read.
fn around(path: &Path) -> Option<ContentFolder> {
    // A folder belongs to the same one as a file in it.
    let inside = if path.is_dir() { path.join("x") } else { path.to_owned() };
    folder::read(&folder::root_of(&inside)?).ok()
}

fn text(
    name: &str,
    bytes: &[u8],
    channels: Option<&BTreeSet<String>>,
    around: Option<&ContentFolder>,
    problems: &mut Vec<Problem>,
) {
    problems.extend(unwritten::left(name, bytes));
    if Path::new(name).ends_with("proposal.yaml") {
        problems.extend(against::argument(name, bytes));
        let id = Path::new(name).parent().and_then(|folder| folder.file_name()).unwrap_or_default();
        let of_it = |_: &str, content: &Content| id == content.proposal();
        problems.extend(around.iter().flat_map(|around| against::hold(around, of_it)));
    } else if against::is_note(name) {
        problems.extend(retired::parse(name, bytes).err());
    } else {
        match checks::read(name, bytes) {
            Err(rejected) => problems.extend(rejected.problems),
            Ok(content) => {
                problems.extend(channels.iter().flat_map(|c| checks::unknown_channels(name, bytes, c)));
                // A draft that lies beside a proposal is no file of the folder yet.
                let absolute = std::path::absolute(name).unwrap_or_default();
                let is_below = absolute.components().any(|part| part.as_os_str() == "runbooks");
                let around = around.filter(|_| is_below);
                problems.extend(around.iter().flat_map(|a| against::hold_one(a, name, bytes, &content)));
            }
        }
    }
}

/// A whole folder: every file, and what only shows when they stand together (ids, overlaps).
fn whole(root: &Path, content: ContentFolder, recorded: &Recorded, problems: &mut Vec<Problem>) -> usize {
    let argued: Vec<(String, Vec<u8>)> = content
        .files
        .iter()
        .filter(|(p, _)| p.ends_with("/proposal.yaml"))
        .map(|(p, b)| (p.clone(), b.clone()))
        .collect();
    let files = argued.len() + content.content_files().count() + content.unreadable.len();
    for (path, bytes) in &argued {
        problems.extend(against::argument(path, bytes));
    }
    // Who was there first is no question of the text, but of the journal.
    let catalog = folder::catalog(root, content, recorded);
    problems.extend(catalog.unreadable().values().flatten().cloned());
    problems.extend(against::notes(catalog.folder(), |_| true));
    problems.extend(against::hold(catalog.folder(), |_, _| true));
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
