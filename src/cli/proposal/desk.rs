//! What the verbs work on: the content folder of the home as it is judged now, and which proposal is meant.

use std::path::{Path, PathBuf};

use crate::base::digest::FileDigest;
use crate::cli::exit::{Exit, Failure};
use crate::cli::runbook::folder;
use crate::cli::runbook::recorded::Recorded;
use crate::cli::{Global, out};
use crate::runbook::model::Proposal;
use crate::runbook::problem::likely;
use crate::runbook::{Catalog, Entry, Kind, counted, proposals};

pub use crate::runbook::proposals::path_of;

/// See the module.
pub struct Desk {
    /// The content folder.
    pub root: PathBuf,
    /// What the journal says of it.
    pub recorded: Recorded,
    /// Its files, judged.
    pub catalog: Catalog,
}

/// A `proposal.yaml` as it was read with everything else.
pub struct Argument<'a> {
    /// Its path.
    pub path: String,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Their digest.
    pub digest: FileDigest,
    /// What it says.
    pub proposal: Proposal,
}

impl Desk {
    /// Reads and judges the content folder of the home.
    pub fn open(global: &Global) -> Result<Self, Failure> {
        let root = folder::root(global)?;
        let recorded = Recorded::of(global, &root);
        let catalog = folder::catalog(&root, folder::read(&root)?, &recorded);
        Ok(Self { root, recorded, catalog })
    }

    /// The same after something was written.
    pub fn again(self) -> Result<Self, Failure> {
        let catalog = folder::catalog(&self.root, folder::read(&self.root)?, &self.recorded);
        Ok(Self { catalog, ..self })
    }

    /// The proposal that is meant by its id, by a runbook's id, or by the path of one of its files.
    pub fn proposal_of(&self, name: &str, global: &Global) -> Result<String, Failure> {
        let catalog = &self.catalog;
        if catalog.proposals().contains_key(name) {
            return Ok(name.to_owned());
        }
        if let Some(content) = catalog.get(Kind::Runbook, name).and_then(Entry::content) {
            return Ok(content.proposal().to_owned());
        }
        let path = folder::name_in(&self.root, &folder::locate(global, Path::new(name)));
        let is_it = |known: &str| path.as_deref() == Some(known);
        let argued = catalog.proposals().iter().find(|(_, proposed)| is_it(&proposed.path));
        let there = catalog.entries().find(|entry| is_it(&entry.path)).and_then(Entry::content);
        let id = argued.map(|(id, _)| id.as_str()).or(there.map(|content| content.proposal()));
        id.map(str::to_owned).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Failure {
        let known: Vec<&str> = self.catalog.proposals().keys().map(String::as_str).collect();
        let near = likely(name, known.iter().copied());
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let what = format!("there is no proposal `{}`", out::line(name));
        Failure::new(Exit::Usage, what).hint(format!("{near}there are: {}", known.join(", ")))
    }

    /// The content files that name it.
    pub fn files_of(&self, id: &str) -> Vec<&Entry> {
        counted::files_of(&self.catalog, id)
    }

    /// The argument of a proposal, which must be there and readable.
    pub fn argument(&self, id: &str) -> Result<Argument<'_>, Failure> {
        let path = path_of(id);
        let Some(bytes) = self.catalog.folder().get(&path) else {
            let file = self.files_of(id).first().map_or_else(|| "FILE".to_owned(), |e| e.path.clone());
            return Err(Failure::new(Exit::Findings, format!("there is no proposal `{}`", out::line(id)))
                .hint(format!("remediator propose {file}")));
        };
        let proposal = proposals::parse_proposal(&path, bytes).map_err(|problem| {
            Failure::new(Exit::Findings, problem.to_string()).hint(format!("remediator proposal lint {id}"))
        })?;
        Ok(Argument { digest: FileDigest::of(bytes), path, bytes, proposal })
    }
}
