//! `proposal lint`: the text of proposals, and everything that their content files do beyond them.
//! Not for signatures and approvals (`show`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{against, desk};
use crate::cli::exit::{Exit, Failure};
use crate::cli::runbook::{folder, lint};
use crate::cli::{Global, Outcome, out};
use crate::runbook::problem::{Problem, likely};
use crate::runbook::{Content, ContentFolder, checks, unwritten};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing found, or warnings only (words that a template left), 1 problems, 2 wrong use.\n\n\
Examples:\n  remediator proposal lint\n  remediator proposal lint process-dead\n  \
remediator proposal lint proposals/process-dead/proposal.yaml"
)]
pub struct Args {
    /// Proposals, by id or file; a relative path is looked for here, then in the home. Default: every one of the home,
    /// and every content file.
    proposals: Vec<String>,
}

/// Checks and prints.
pub fn run(args: Args, global: &Global) -> Outcome {
    let (mut files, mut problems) = (0, Vec::new());
    if args.proposals.is_empty() {
        let content = folder::read(&folder::root(global)?)?;
        files += of_folder(&content, None, &mut problems);
    }
    for named in &args.proposals {
        let path = folder::locate(global, Path::new(named));
        files += if path.is_file() {
            of_file(&path, &mut problems)?
        } else {
            let content = folder::read(&folder::root(global)?)?;
            must_be_there(&content, named)?;
            of_folder(&content, Some(named), &mut problems)
        };
    }
    lint::told(files, problems, global)
}

/// The ids of the proposals of a folder.
fn ids(content: &ContentFolder) -> BTreeSet<&str> {
    content.files.keys().filter_map(|path| id_of(path)).collect()
}

fn id_of(path: &str) -> Option<&str> {
    path.strip_prefix("proposals/")?.strip_suffix("/proposal.yaml").filter(|id| !id.contains('/'))
}

fn must_be_there(content: &ContentFolder, id: &str) -> Result<(), Failure> {
    let ids = ids(content);
    if ids.contains(id) {
        return Ok(());
    }
    let near = likely(id, ids.iter().copied());
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let known: Vec<&str> = ids.into_iter().collect();
    Err(Failure::new(Exit::Usage, format!("there is no proposal and no file `{}`", out::line(id)))
        .hint(format!("{near}there are: {}", known.join(", "))))
}

/// One proposal of a content folder, or all of them; gives how many files were looked at.
fn of_folder(content: &ContentFolder, only: Option<&str>, problems: &mut Vec<Problem>) -> usize {
    let wanted = |id: &str| only.is_none_or(|only| only == id);
    let mut files = 0;
    for id in ids(content).into_iter().filter(|id| wanted(id)) {
        let path = desk::path_of(id);
        files += 1;
        let bytes = content.get(&path).unwrap_or_default();
        problems.extend(against::argument(&path, bytes));
        problems.extend(unwritten::left(&path, bytes));
    }
    problems.extend(against::notes(content, wanted));
    let of_it = |_: &str, content: &Content| wanted(content.proposal());
    problems.extend(against::hold(content, of_it));
    let held = content
        .content_files()
        .filter(|(path, bytes)| checks::read(path, bytes).is_ok_and(|content| wanted(content.proposal())));
    files + held.count()
}

/// A file: within a content folder its proposal with everything that belongs to it, elsewhere by itself.
fn of_file(path: &PathBuf, problems: &mut Vec<Problem>) -> Result<usize, Failure> {
    let root = folder::root_of(path);
    let name = root.as_deref().and_then(|root| folder::name_in(root, path));
    if let (Some(root), Some(name)) = (&root, &name) {
        let content = folder::read(root)?;
        let named =
            || checks::read(name, content.get(name)?).ok().map(|content| content.proposal().to_owned());
        let id = match name.strip_prefix("proposals/").and_then(|below| below.split('/').next()) {
            Some(id) => Some(id.to_owned()).filter(|id| desk::path_of(id) == *name || against::is_note(name)),
            None => named(),
        };
        if let Some(id) = id {
            return Ok(of_folder(&content, Some(&id), problems));
        }
    }
    let bytes = std::fs::read(path)
        .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}", path.display())).because(e))?;
    problems.extend(against::argument(&path.to_string_lossy(), &bytes));
    problems.extend(unwritten::left(&path.to_string_lossy(), &bytes));
    Ok(1)
}
