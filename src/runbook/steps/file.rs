//! Spelling of the step kind `file`: work on files below one folder that no path leads out of.

use serde::Deserialize;

use super::{Spelling, Texts};
use crate::base::limits::{FILE_STEP_BYTES_MAX, FILE_STEP_FILES_MAX, NAME_BYTES_MAX};
use crate::base::time::Span;
use crate::event::plan::{ActionPlan, FilePlan, FileWork};
use crate::runbook::checks::Lint;
use crate::runbook::placeholder::Place;
use crate::runbook::planning::{PlanError, Resolver};

/// Work on files: a folder and exactly one of `copy`, `move`, `truncate`, `prune` and `restore`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileStep {
    /// The folder (absolute; only `${home}` may stand in it). Nothing outside is touched and no symbolic link followed.
    pub root: String,
    /// Copy a file to a name that is free.
    #[serde(default)]
    pub copy: Option<FromTo>,
    /// Give a file or folder another name that is free. Taken back by moving it back.
    #[serde(default, rename = "move")]
    pub rename: Option<FromTo>,
    /// Cut a file to its first bytes.
    #[serde(default)]
    pub truncate: Option<Truncate>,
    /// Remove the oldest files of a folder.
    #[serde(default)]
    pub prune: Option<Prune>,
    /// Put a copy of a file in another's place with an atomic rename. What was there is kept beside it as
    /// NAME.replaced-ATTEMPT; taking the step back puts that back.
    #[serde(default)]
    pub restore: Option<FromTo>,
    /// Bytes that are written or removed at most. Default 1073741824 (1 GiB).
    #[serde(default = "one_gib")]
    pub max_bytes: u64,
    /// Files that are removed at most. Default 100.
    #[serde(default = "hundred")]
    pub max_files: u32,
}

/// From one path to another, both relative to the folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromTo {
    /// From here.
    pub from: String,
    /// To there.
    pub to: String,
}

/// A file that is cut.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Truncate {
    /// Which.
    pub path: String,
    /// Bytes that stay. Default 0.
    #[serde(default)]
    pub size: u64,
}

/// Files that are removed, oldest first: at least one of `older_than` and `keep_bytes` says which.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    /// Their folder. Default: the root itself.
    #[serde(default = "here", rename = "in")]
    pub within: String,
    /// Their names: `*` stands for any run of characters, `?` for one.
    pub name: String,
    /// Only those last written longer ago than this.
    #[serde(default)]
    pub older_than: Option<Span>,
    /// Only until all files of that name together have no more bytes than this.
    #[serde(default)]
    pub keep_bytes: Option<u64>,
}

fn one_gib() -> u64 {
    1 << 30
}

fn hundred() -> u32 {
    100
}

fn here() -> String {
    ".".to_owned()
}

/// The one thing that is done.
enum Work<'a> {
    Copy(&'a FromTo),
    Move(&'a FromTo),
    Truncate(&'a Truncate),
    Prune(&'a Prune),
    Restore(&'a FromTo),
}

impl FileStep {
    fn work(&self) -> Option<Work<'_>> {
        let all = [
            self.copy.as_ref().map(Work::Copy),
            self.rename.as_ref().map(Work::Move),
            self.truncate.as_ref().map(Work::Truncate),
            self.prune.as_ref().map(Work::Prune),
            self.restore.as_ref().map(Work::Restore),
        ];
        let mut said = all.into_iter().flatten();
        said.next().filter(|_| said.next().is_none())
    }

    /// Every path below the root, with its key.
    fn paths(&self) -> Vec<(&'static str, &str)> {
        match self.work() {
            None => Vec::new(),
            Some(Work::Copy(both)) => vec![("copy.from", &both.from), ("copy.to", &both.to)],
            Some(Work::Move(both)) => vec![("move.from", &both.from), ("move.to", &both.to)],
            Some(Work::Restore(both)) => vec![("restore.from", &both.from), ("restore.to", &both.to)],
            Some(Work::Truncate(cut)) => vec![("truncate.path", &cut.path)],
            Some(Work::Prune(prune)) => vec![("prune.in", &prune.within)],
        }
    }
}

fn is_below(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == ".." || part.is_empty())
}

impl Spelling for FileStep {
    fn texts<'a>(&'a self, path: &str, texts: &mut Texts<'a>) {
        texts.add_home(format!("{path}.root"), &self.root);
        for (key, text) in self.paths() {
            texts.add(format!("{path}.{key}"), text);
        }
        if let Some(prune) = &self.prune {
            texts.add_literal(format!("{path}.prune.name"), &prune.name);
        }
    }

    fn check(&self, lint: &mut Lint<'_>, path: &str, _: Span) {
        let fixed = self.root.strip_prefix("${home}").unwrap_or(&self.root);
        let climbs = self.root.split('/').any(|part| part == "..");
        if climbs || !self.root.starts_with("${home}") && !fixed.starts_with('/') || self.root == "/" {
            let help = "a folder below /, such as /var/lib/app, or one below ${home}";
            lint.report(&format!("{path}.root"), "not a folder that work can be bound to", help);
        }
        if self.work().is_none() {
            let help = "write one of: copy, move, truncate, prune, restore";
            lint.report(path, "a file step must do exactly one thing", help);
        }
        for (key, text) in self.paths() {
            if !(is_below(text) || key == "prune.in" && text == ".") {
                let help = "a relative path without `..`, such as data/app.db";
                lint.report(&format!("{path}.{key}"), "not a path below the root", help);
            }
        }
        if let Some(prune) = &self.prune {
            check_prune(lint, path, prune);
        }
        if self.max_bytes > FILE_STEP_BYTES_MAX {
            let message = format!("more than {FILE_STEP_BYTES_MAX} bytes");
            lint.report(&format!("{path}.max_bytes"), message, "write fewer");
        }
        if !(1..=FILE_STEP_FILES_MAX).contains(&self.max_files) {
            let message = format!("1 to {FILE_STEP_FILES_MAX} files");
            lint.report(&format!("{path}.max_files"), message, "write how many may be removed");
        }
    }

    fn resolve(&self, resolver: &mut Resolver<'_>, what: &str) -> Result<ActionPlan, PlanError> {
        let fill = |text: &str| resolver.fill(what, text, Place::Path);
        let work = match self.work() {
            None => return Err(PlanError::NotARunbook(what.to_owned())),
            Some(Work::Copy(both)) => FileWork::Copy { from: fill(&both.from)?, to: fill(&both.to)? },
            Some(Work::Move(both)) => FileWork::Move { from: fill(&both.from)?, to: fill(&both.to)? },
            Some(Work::Restore(both)) => FileWork::Restore { from: fill(&both.from)?, to: fill(&both.to)? },
            Some(Work::Truncate(cut)) => FileWork::Truncate { path: fill(&cut.path)?, size: cut.size },
            Some(Work::Prune(prune)) => FileWork::Prune {
                within: fill(&prune.within)?,
                name: prune.name.clone(),
                older_than: prune.older_than,
                keep_bytes: prune.keep_bytes,
            },
        };
        let (root, max_bytes, max_files) = (fill(&self.root)?, self.max_bytes, self.max_files);
        Ok(ActionPlan::File(FilePlan { root, work, max_bytes, max_files }))
    }

    fn say(&self) -> String {
        let work = match self.work() {
            None => "?".to_owned(),
            Some(Work::Copy(both)) => format!("copy {} to {}", both.from, both.to),
            Some(Work::Move(both)) => format!("move {} to {}", both.from, both.to),
            Some(Work::Restore(both)) => format!("restore {} from {}", both.to, both.from),
            Some(Work::Truncate(cut)) => format!("truncate {} to {} bytes", cut.path, cut.size),
            Some(Work::Prune(prune)) => format!("prune {}/{}", prune.within, prune.name),
        };
        format!("{work} below {}", self.root)
    }

    fn details(&self) -> Vec<String> {
        let mut details = Vec::new();
        if let Some(Work::Prune(prune)) = self.work() {
            details.extend(
                prune.older_than.map(|age| format!("only what was last written longer ago than {age}")),
            );
            details.extend(
                prune.keep_bytes.map(|keep| format!("only until {keep} bytes of that name are left")),
            );
            details.push(format!("at most {} files are removed", self.max_files));
        }
        details.push(format!("at most {} bytes are written or removed", self.max_bytes));
        details
    }

    fn has_natural_undo(&self) -> bool {
        matches!(self.work(), Some(Work::Move(_) | Work::Restore(_)))
    }
}

fn check_prune(lint: &mut Lint<'_>, path: &str, prune: &Prune) {
    let at = format!("{path}.prune");
    if prune.older_than.is_none() && prune.keep_bytes.is_none() {
        let help = "write `older_than`, `keep_bytes` or both";
        lint.report(&at, "nothing says which files may go", help);
    }
    if prune.name.is_empty() || prune.name.len() > NAME_BYTES_MAX || prune.name.contains('/') {
        let help = "such as *.log; without `/`";
        lint.report(&format!("{at}.name"), "not a pattern for names of files", help);
    }
}
