//! How far a change reaches: the files whose standing it can alter, found without judging the others. What it leaves out
//! stands before and after alike, whatever that is, so the time that a change takes grows with the change and not with the
//! folder. Wherever text alone cannot tell, a file is in. Not for judging (`judge`).

use std::collections::{BTreeMap, BTreeSet};

use crate::base::cores;
use crate::runbook::content::TRUST_DIR;
use crate::runbook::proposals::Approval;
use crate::runbook::{Content, ContentFolder, Kind, Trust, yaml};

use super::change::Change;
use super::checks::config;

/// A change of more files is judged with everything: looking for what it reaches would take longer.
const TOUCHED_MAX: usize = 256;

/// Which files of both sides a change is judged with.
pub enum Scope {
    /// All: it changes what everything is judged by.
    Everything,
    /// Content files, each with its signature, and whole proposals.
    Only {
        /// Paths below `runbooks/`.
        contents: BTreeSet<String>,
        /// Ids.
        proposals: BTreeSet<String>,
    },
}

impl Scope {
    /// The reach of a change.
    pub fn of(change: &Change<'_>, trust: &Trust) -> Self {
        let ours = |path: &str| path.starts_with("runbooks/") || proposal_of(path).is_some();
        let is_config = |path: &str| path.strip_suffix(".sig").unwrap_or(path) == config::NAME;
        let mut touched = change.touched.iter();
        let too_many = change.touched.len() > TOUCHED_MAX;
        if too_many || touched.any(|path| path.starts_with(TRUST_DIR) || !(ours(path) || is_config(path))) {
            return Self::Everything;
        }
        let mut reach = Reach::of(change, trust);
        reach.follow_nonces();
        reach.follow_words();
        reach.follow_services();
        let proposals = reach.proposals();
        Self::Only { contents: reach.contents, proposals }
    }

    /// The part of a side that lies within.
    pub fn part_of(&self, folder: &ContentFolder) -> ContentFolder {
        let Self::Only { contents, proposals } = self else { return folder.clone() };
        let inside = |path: &str| {
            path.starts_with(TRUST_DIR)
                || contents.contains(path.strip_suffix(".sig").unwrap_or(path))
                || proposal_of(path).is_some_and(|id| proposals.contains(id))
        };
        let files = folder.files.iter().filter(|(path, _)| inside(path));
        ContentFolder {
            files: files.map(|(path, bytes)| (path.clone(), bytes.clone())).collect(),
            unreadable: folder.unreadable.clone(),
        }
    }
}

/// The proposal whose folder a path lies in.
fn proposal_of(path: &str) -> Option<&str> {
    path.strip_prefix("proposals/")?.split_once('/').map(|(id, _)| id)
}

/// A scope in the making.
struct Reach<'a> {
    change: &'a Change<'a>,
    trust: &'a Trust,
    /// What another file has to hold to be one of those that the change can alter: ids, codes, proposals.
    words: BTreeSet<String>,
    contents: BTreeSet<String>,
}

impl<'a> Reach<'a> {
    /// What the change touches, and the words in it that tie it to others, as they were and as they will be.
    fn of(change: &'a Change<'a>, trust: &'a Trust) -> Self {
        let mut reach = Self { change, trust, words: BTreeSet::new(), contents: BTreeSet::new() };
        for path in &change.touched {
            if let Some(id) = proposal_of(path) {
                reach.words.insert(id.to_owned());
                continue;
            }
            let content = path.strip_suffix(".sig").unwrap_or(path);
            reach.contents.insert(content.to_owned());
            for folder in [&change.before, &change.after] {
                reach.take_words(content, folder.get(content).unwrap_or_default());
            }
        }
        reach
    }

    fn take_words(&mut self, path: &str, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        self.words.extend(yaml::head(text).map(|head| head.id));
        let Ok(content) = self.trust.content(path, bytes) else { return };
        self.words.insert(content.proposal().to_owned());
        if let Content::Runbook(runbook) = &*content {
            self.words.insert(runbook.matcher.code.clone());
        }
    }

    /// A nonce that stands in two approvals takes the force of both.
    fn follow_nonces(&mut self) {
        let sides = [&self.change.before, &self.change.after];
        let touched = self.change.touched.iter().filter(|path| path.contains("/approvals/"));
        let read = touched.flat_map(|path| sides.map(|side| side.get(path).unwrap_or_default()));
        let nonces: BTreeSet<String> = read
            .filter_map(|bytes| serde_json::from_slice::<Approval>(bytes).ok())
            .map(|a| a.nonce)
            .collect();
        if nonces.is_empty() {
            return;
        }
        let approvals = self.change.after.files.iter().filter(|(path, _)| path.contains("/approvals/"));
        let tied = approvals.filter(|(_, bytes)| is_tied(bytes, &nonces));
        self.words.extend(tied.filter_map(|(path, _)| proposal_of(path)).map(str::to_owned));
    }

    /// Files with one of the words: those that rest on what is touched, and those that it may be in the way of.
    fn follow_words(&mut self) {
        let untouched: Vec<_> = self.change.after.content_files().collect();
        let tied = cores::map(&untouched, |(_, bytes)| is_tied(bytes, &self.words));
        let tied = untouched.iter().zip(tied).filter(|(_, tied)| *tied);
        self.contents.extend(tied.map(|((path, _), _)| (*path).to_owned()));
    }

    /// Services that something within names, and files that do not say at once what they are.
    fn follow_services(&mut self) {
        let all: Vec<_> = self.change.after.content_files().collect();
        let head = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(yaml::head);
        let mut services: BTreeMap<&str, String> = BTreeMap::new();
        for ((path, _), head) in all.iter().zip(cores::map(&all, |(_, bytes)| head(bytes))) {
            match head {
                Some(head) if Kind::of_word(&head.kind) == Some(Kind::Service) => {
                    services.insert(path, head.id);
                }
                Some(_) => {}
                None => drop(self.contents.insert((*path).to_owned())),
            }
        }
        let named = services.into_iter().filter(|(_, id)| {
            let id = BTreeSet::from([id.clone()]);
            self.contents.iter().any(|path| is_tied(self.change.after.get(path).unwrap_or_default(), &id))
        });
        let named: Vec<String> = named.map(|(path, _)| path.to_owned()).collect();
        self.contents.extend(named);
    }

    /// The arguments for what is within, and those that are touched.
    fn proposals(&self) -> BTreeSet<String> {
        let touched = self.change.touched.iter().filter_map(|path| proposal_of(path)).map(str::to_owned);
        let sides = [&self.change.before, &self.change.after];
        let read = self.contents.iter().flat_map(|path| {
            sides.into_iter().filter_map(|side| self.trust.content(path, side.get(path)?).ok())
        });
        touched.chain(read.map(|content| content.proposal().to_owned())).collect()
    }
}

/// Whether a file may hold one of the words. With a backslash in it, it may hold any: YAML and JSON can spell with those.
fn is_tied(bytes: &[u8], words: &BTreeSet<String>) -> bool {
    let holds = |word: &String| memchr::memmem::find(bytes, word.as_bytes()).is_some();
    memchr::memchr(b'\\', bytes).is_some() || words.iter().any(holds)
}
