//! A change under judgement: one content folder of a repository as it was at the base and as it will be, and what lies in
//! between. Not for judging it (`judge`, `checks`) nor for talking to git (`git`).

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::FileDigest;
use crate::base::limits::{CONTENT_BYTES_MAX, CONTENT_FILES_MAX, CONTENT_FOLDER_BYTES_MAX};
use crate::runbook::ContentFolder;
use crate::runbook::content::{self, TRUST_DIR};

use super::checks::config;
use super::git::{Attributes, Git, GitError, Held, Listing};

/// One side of the change, or both, hold more than a content folder may.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// git could not say.
    #[error(transparent)]
    Git(#[from] GitError),
    /// More than anybody means to keep there.
    #[error(
        "{0} holds more than a content folder may: {CONTENT_FILES_MAX} files, {CONTENT_FOLDER_BYTES_MAX} bytes"
    )]
    TooMuch(String),
}

/// A content folder before and after.
#[derive(Debug)]
pub struct Change<'a> {
    git: &'a Git,
    ends: Ends,
    /// `.gitattributes` that the change touches may say something else of every file.
    attributes_touched: bool,
    /// Those that there are, from the top of the repository.
    attributes_files: BTreeSet<String>,
    /// Path of the content folder from the top of the repository, with its slash; empty for the top itself.
    root: String,
    /// What the base holds.
    pub before: ContentFolder,
    /// What is about to be committed.
    pub after: ContentFolder,
    /// Paths (from the content folder) whose bytes or mode differ, or that only one side has.
    pub touched: BTreeSet<String>,
    /// Modes of the files after, where they are not that of a plain file.
    pub modes: BTreeMap<String, String>,
    /// The configuration beside the folder after the change, and its detached signature.
    pub config_after: Option<Vec<u8>>,
    pub config_signature: Option<Vec<u8>>,
    objects: BTreeMap<String, Held>,
    earlier: OnceCell<BTreeMap<FileDigest, u64>>,
    /// The objects that touched paths have been: path from the top of the repository → objects.
    history: OnceCell<BTreeMap<String, BTreeSet<String>>>,
}

/// Between what it lies.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    /// The commit that it is judged from; none before the first one.
    pub base: Option<String>,
    /// The commit that is judged; none where the index is.
    pub head: Option<String>,
}

/// Changes of trust that are looked behind for what was live before them: who comes back after more is asked for evidence.
const TRUST_CHANGES_MAX: usize = 16;

/// The mode of a plain file.
pub const PLAIN: &str = "100644";

/// The content folders that two listings hold: the top, and every folder with trust files of its own.
pub fn roots(before: &Listing, after: &Listing) -> BTreeSet<String> {
    let own = format!("/{TRUST_DIR}allowed_signers");
    let paths = before.keys().chain(after.keys());
    let nested = paths.filter_map(|path| path.strip_suffix(&own)).map(|root| format!("{root}/"));
    nested.chain([String::new()]).collect()
}

impl<'a> Change<'a> {
    /// What lies between two listings in one content folder; none when nothing does.
    pub fn between(
        git: &'a Git,
        ends: &Ends,
        root: &str,
        (before, after): (&Listing, &Listing),
    ) -> Result<Option<Self>, ChangeError> {
        let (old, new) = (below(before, root), below(after, root));
        let differs = |path: &&String| old.get(*path) != new.get(*path);
        let touched: BTreeSet<String> = old.keys().chain(new.keys()).filter(differs).cloned().collect();
        let attributes_touched = of_attributes(before).ne(of_attributes(after));
        if touched.is_empty() && !attributes_touched {
            return Ok(None);
        }
        let wanted = old.values().chain(new.values()).filter(|held| is_file(held));
        let objects: BTreeSet<&str> = wanted.map(|held| held.object.as_str()).collect();
        let too_much =
            || ChangeError::TooMuch(if root.is_empty() { "the repository" } else { root }.to_owned());
        if old.len().max(new.len()) > CONTENT_FILES_MAX {
            return Err(too_much());
        }
        let bytes = git.blobs(&objects, CONTENT_BYTES_MAX)?;
        let total: usize = bytes.values().map(|read| read.as_ref().map_or(0, Vec::len)).sum();
        // Both sides are held at once.
        if total > 2 * CONTENT_FOLDER_BYTES_MAX {
            return Err(too_much());
        }
        let beside = |name: &str| bytes.get(&new.get(name)?.object)?.as_ref().ok().cloned();
        let odd = new.iter().filter(|(_, held)| held.mode != PLAIN);
        Ok(Some(Self {
            git,
            ends: ends.clone(),
            attributes_touched,
            attributes_files: of_attributes(after).map(|(path, _)| path.clone()).collect(),
            root: root.to_owned(),
            modes: odd.map(|(path, held)| (path.clone(), held.mode.clone())).collect(),
            before: folder(&old, &bytes),
            after: folder(&new, &bytes),
            config_after: beside(config::NAME),
            config_signature: beside(&format!("{}.sig", config::NAME)),
            touched,
            objects: new,
            earlier: OnceCell::new(),
            history: OnceCell::new(),
        }))
    }

    /// A path from the content folder as the repository names it.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// Touched trust files, and the configuration, that are versions from before the base: their signatures were for that
    /// time. Without the whole history that cannot be told.
    pub fn spent(&self) -> Result<BTreeSet<FileDigest>, GitError> {
        let mut spent = BTreeSet::new();
        let signed = |path: &&String| path.starts_with(TRUST_DIR) || *path == config::NAME;
        let touched = self.touched.iter().filter(signed);
        for (path, bytes) in touched.filter_map(|path| Some((path, self.after.get(path)?))) {
            if self.git.is_shallow()? {
                return Err(GitError::Shallow);
            }
            if self.stood_before(path)? {
                spent.insert(FileDigest::of(bytes));
            }
        }
        Ok(spent)
    }

    /// Whether the object at a path stood there in a commit that the base has behind it.
    fn stood_before(&self, path: &str) -> Result<bool, GitError> {
        let Some(base) = &self.ends.base else { return Ok(false) };
        let object = self.objects.get(path).map(|held| held.object.as_str()).unwrap_or_default();
        if self.history.get().is_none() {
            let paths = self.touched.iter().map(|path| self.path(path)).collect();
            let _ = self.history.set(self.git.ever(base, &paths)?);
        }
        let ever = self.history.get().and_then(|ever| ever.get(&self.path(path)));
        Ok(ever.is_some_and(|objects| objects.contains(object)))
    }

    /// What `.gitattributes` says of the touched files, or of all where it is touched itself.
    pub fn attributes(&self) -> Result<BTreeMap<String, Attributes>, GitError> {
        if self.attributes_files.is_empty() {
            return Ok(BTreeMap::new());
        }
        let files = self.after.files.keys();
        let asked = files.filter(|path| self.attributes_touched || self.touched.contains(*path));
        self.git.attributes(&asked.map(|path| self.path(path)).collect::<Vec<_>>(), self.ends.head.as_deref())
    }

    /// The `.gitattributes` within `runbooks/` or `proposals/` that has the last word on a file; both paths are from the top of
    /// the repository.
    pub fn attributes_within(&self, path: &str) -> Option<&str> {
        let folder =
            |file: &&String| file.strip_suffix(".gitattributes").is_some_and(|f| path.starts_with(f));
        let within =
            |file: &&String| file.len() > self.root.len() && !file[self.root.len()..].starts_with(".");
        let above = self.attributes_files.iter().filter(folder);
        above
            .filter(|file| file.starts_with(&self.root))
            .filter(within)
            .max_by_key(|file| file.len())
            .map(String::as_str)
    }

    /// The commits before the newest changes of the trust files.
    pub fn before_trust_changed(&self) -> Result<Vec<String>, GitError> {
        let Some(base) = &self.ends.base else { return Ok(Vec::new()) };
        self.git.before_changes_of(&self.path(TRUST_DIR), base, TRUST_CHANGES_MAX)
    }

    /// The folder as another commit holds it.
    pub fn folder_at(&self, commit: &str) -> Result<ContentFolder, GitError> {
        let held = below(&self.git.tree(commit)?, &self.root);
        let files = held.values().filter(|held| is_file(held));
        let objects: BTreeSet<&str> = files.map(|held| held.object.as_str()).collect();
        Ok(folder(&held, &self.git.blobs(&objects, CONTENT_BYTES_MAX)?))
    }

    /// Content files whose bytes stood at their path before, at the base or ever.
    pub fn stood(&self) -> Result<BTreeMap<FileDigest, u64>, GitError> {
        let at_base = self.before.content_files().map(|(_, bytes)| (FileDigest::of(bytes), 0));
        Ok(at_base.chain(self.returned()?).collect())
    }

    /// Those that are other bytes at the base, and come back.
    pub fn returned(&self) -> Result<BTreeMap<FileDigest, u64>, GitError> {
        if let Some(known) = self.earlier.get() {
            return Ok(known.clone());
        }
        let mut earlier = BTreeMap::new();
        let others = |(path, bytes): &(&str, &[u8])| self.before.get(path) != Some(bytes);
        for (path, bytes) in self.after.content_files().filter(others) {
            if self.stood_before(path)? {
                earlier.insert(FileDigest::of(bytes), 0);
            }
        }
        Ok(self.earlier.get_or_init(|| earlier).clone())
    }
}

fn of_attributes(listing: &Listing) -> impl Iterator<Item = (&String, &Held)> {
    listing.iter().filter(|(path, _)| path.rsplit('/').next() == Some(".gitattributes"))
}

/// What lies below the two folders of a content folder, by its path from there. Hidden names are nobody's.
fn below(listing: &Listing, root: &str) -> BTreeMap<String, Held> {
    let mut found = BTreeMap::new();
    for top in ["runbooks/", "proposals/"] {
        let start = format!("{root}{top}");
        let inside = listing.range(start.clone()..).take_while(|(path, _)| path.starts_with(&start));
        for (path, held) in inside {
            let path = &path[root.len()..];
            if !path.split('/').any(|name| name.starts_with('.')) {
                found.insert(path.to_owned(), held.clone());
            }
        }
    }
    for name in [config::NAME.to_owned(), format!("{}.sig", config::NAME)] {
        if let Some(held) = listing.get(&format!("{root}{name}")) {
            found.insert(name, held.clone());
        }
    }
    // A link or submodule in the place of a folder hides everything that should lie below it.
    for top in ["runbooks", "proposals"] {
        if let Some(held) = listing.get(&format!("{root}{top}")) {
            found.insert(top.to_owned(), held.clone());
        }
    }
    found
}

fn is_file(held: &Held) -> bool {
    held.mode.starts_with("100")
}

/// As the loader would read it from a disk where it was checked out.
fn folder(
    listing: &BTreeMap<String, Held>,
    bytes: &BTreeMap<String, Result<Vec<u8>, usize>>,
) -> ContentFolder {
    let mut folder = ContentFolder::default();
    for (path, held) in listing {
        let refused = match held.mode.as_str() {
            _ if !content::is_admissible(path) => Some(content::INADMISSIBLE.to_owned()),
            _ if path.matches('/').count() > content::DEPTH_MAX + 1 => {
                Some("it is nested too deeply".to_owned())
            }
            "120000" => Some("it is a symbolic link; links are not followed".to_owned()),
            "160000" => Some("it is a submodule: its files are not part of this repository".to_owned()),
            _ => None,
        };
        match (refused, bytes.get(&held.object)) {
            (Some(why), _) => drop(folder.unreadable.insert(path.clone(), why)),
            (None, Some(Ok(bytes))) => drop(folder.files.insert(path.clone(), bytes.clone())),
            (None, Some(Err(size))) => {
                let why = format!("it has {size} bytes; {CONTENT_BYTES_MAX} are allowed");
                folder.unreadable.insert(path.clone(), why);
            }
            (None, None) => {
                drop(folder.unreadable.insert(path.clone(), "git does not hold its bytes".to_owned()))
            }
        }
    }
    folder
}
