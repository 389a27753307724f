//! The sentinel that a command line means: its id in the content folder, or a file that nobody has signed yet.

use std::path::{Path, PathBuf};

use crate::cli::Global;
use crate::cli::exit::{Exit, Failure};
use crate::cli::runbook::folder;
use crate::cli::runbook::recorded::Recorded;
use crate::event::plan::SentinelPlan;
use crate::runbook::{Content, ContentFolder, Kind, PlanFor, checks};

/// How it looks and what it reports.
pub fn sentinel(global: &Global, said: &str) -> Result<SentinelPlan, Failure> {
    let path = Path::new(said);
    let (root, content, id) = if path.is_file() { draft(global, path)? } else { declared(global, said)? };
    let catalog = folder::catalog(&root, content, &Recorded::of(global, &root));
    let entry = catalog.get(Kind::Sentinel, &id).ok_or_else(|| {
        Failure::new(Exit::Findings, format!("there is no sentinel `{id}` in {}", root.display()))
            .hint("`remediator sentinel list` shows those at work; write one with `remediator sentinel new`")
    })?;
    catalog.sentinel_plan_for(entry, PlanFor::DryRun).map_err(|error| {
        Failure::new(Exit::Findings, format!("sentinel {id} cannot look: {error}"))
            .hint("`remediator sentinel lint` says what is wrong with its text")
    })
}

fn declared(global: &Global, id: &str) -> Result<(PathBuf, ContentFolder, String), Failure> {
    let root = folder::root(global)?;
    let content = folder::read(&root)?;
    Ok((root, content, id.to_owned()))
}

fn draft(global: &Global, path: &Path) -> Result<(PathBuf, ContentFolder, String), Failure> {
    let bytes = std::fs::read(path)
        .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}", path.display())).because(e))?;
    let sentinel = match checks::read(&path.to_string_lossy(), &bytes) {
        Ok(Content::Sentinel(sentinel)) => sentinel,
        Ok(other) => {
            let what = format!("{} is a {}, not a sentinel", path.display(), other.kind().word());
            return Err(Failure::new(Exit::Usage, what).hint("name a file of `kind: sentinel`, or an id"));
        }
        Err(rejected) => {
            for problem in &rejected.problems {
                anstream::eprintln!("{problem}\n");
            }
            let what = format!("{} has {} problem(s)", path.display(), rejected.problems.len());
            return Err(Failure::new(Exit::Findings, what));
        }
    };
    let root = folder::root_of(path).map_or_else(|| folder::root(global), Ok)?;
    let mut content = folder::read(&root)?;
    let name = folder::name_in(&root, path).filter(|name| name.starts_with("runbooks/"));
    let name = name.unwrap_or_else(|| format!("runbooks/{}/draft.yaml", sentinel.id));
    // The draft stands in for the version that is in force.
    content.files.retain(|path, old| {
        let same =
            || checks::read(path, old).is_ok_and(|c| c.kind() == Kind::Sentinel && c.id() == sentinel.id);
        !(path.starts_with("runbooks/") && path.ends_with(".yaml") && same())
    });
    content.files.insert(name, bytes);
    Ok((root, content, sentinel.id))
}
