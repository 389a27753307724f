//! The content folder that the verbs work on, and its catalog as the daemon would judge it now. What the journal says
//! was adopted is honoured, so that `list` and the daemon agree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::recorded::Recorded;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Home, out};
use crate::runbook::loader;
use crate::runbook::{Catalog, ContentFolder, LoadContext, Platform, Trust};

/// Where content files are: the folder that `remediator.yaml` of the home names, else the home itself.
pub fn root(global: &Global) -> Result<PathBuf, Failure> {
    let home = Home::existing(global)?;
    let config = crate::remediator::config::read(home.root(), None).map_err(|e| {
        Failure::new(Exit::Usage, e.to_string()).hint("every key is explained in remediator.yaml")
    })?;
    Ok(config.content)
}

/// Reads every file of a content folder.
pub fn read(root: &Path) -> Result<ContentFolder, Failure> {
    loader::read_folder(root).map_err(|e| Failure::new(Exit::Unavailable, e.to_string()).because(e))
}

/// The catalog of a folder, judged by what the journal says.
pub fn catalog(root: &Path, folder: ContentFolder, recorded: &Recorded) -> Catalog {
    let trust = recorded.trust(&folder);
    judged(root, folder, recorded, &trust)
}

/// The same under a trust that may not be in force yet.
pub fn judged(root: &Path, folder: ContentFolder, recorded: &Recorded, trust: &Trust) -> Catalog {
    let context = LoadContext {
        now_us: out::now_us(),
        adopted: recorded.adopted.clone(),
        first_live: recorded.first_live.clone(),
        home: root.to_string_lossy().into_owned(),
        platform: Platform::Linux,
        credentials: BTreeSet::new(),
    };
    Catalog::load(Arc::new(folder), trust, &context)
}

/// A path as the content folder names it: relative to it when it lies in it.
pub fn name_in(root: &Path, path: &Path) -> Option<String> {
    let absolute = std::path::absolute(path).ok()?;
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let absolute = absolute.canonicalize().unwrap_or(absolute);
    Some(absolute.strip_prefix(root).ok()?.to_str()?.to_owned())
}

/// A file or folder as it was named: from here, else from the content folder of the home. The paths that commands
/// print are relative to that, and what they say to type works from anywhere.
pub fn locate(global: &Global, named: &Path) -> PathBuf {
    if named.is_absolute() || named.exists() {
        return named.to_owned();
    }
    let there = root(global).ok().map(|root| root.join(named));
    there.filter(|path| path.exists()).unwrap_or_else(|| named.to_owned())
}

/// The content folder that a file belongs to: the nearest folder above it that holds `runbooks` or `proposals`
/// on the way to the file.
pub fn root_of(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    let inside = |name: &str| {
        let above = absolute.ancestors().skip(1).find(|a| a.file_name().is_some_and(|n| n == name))?;
        above.parent().map(Path::to_path_buf)
    };
    inside("runbooks").or_else(|| inside("proposals"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_folder_is_found_from_its_path() {
        let root = |path: &str| root_of(Path::new(path));
        assert_eq!(root("/h/runbooks/web/a.yaml"), Some(PathBuf::from("/h")));
        assert_eq!(root("/h/proposals/x/proposal.yaml"), Some(PathBuf::from("/h")));
        assert_eq!(root("/h/other/a.yaml"), None);
    }
}
