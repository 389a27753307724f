//! How far a change reaches: the files whose standing it can alter, and those that this standing rests on, found without
//! judging the others. What it leaves out stands before and after alike, whatever that is, so the time that a change takes
//! grows with the change and not with the folder. Wherever text alone cannot tell, a file is in. Not for judging (`judge`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use crate::base::cores;
use crate::base::digest::FileDigest;
use crate::runbook::content::TRUST_DIR;
use crate::runbook::proposals::Approval;
use crate::runbook::{Content, ContentFolder, Trust, yaml};

use super::change::Change;
use super::checks::config;

/// A change that reaches more than this is judged with everything: looking further would take longer.
const REACHED_MAX: usize = 96;

/// Which files of both sides a change is judged with.
pub enum Scope {
    /// All: it changes what everything is judged by, or reaches far.
    Everything,
    /// Content files, each with its signature, and whole proposals.
    Only(BTreeSet<Unit>),
}

/// What stands or falls as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// A content file with its signature, by its path.
    Content(String),
    /// A proposal with everything in its folder, by its id.
    Proposal(String),
}

impl Unit {
    /// What a path belongs to; none for what nobody reads.
    fn of(path: &str) -> Option<Self> {
        if let Some((id, _)) = path.strip_prefix("proposals/").and_then(|rest| rest.split_once('/')) {
            return Some(Self::Proposal(id.to_owned()));
        }
        let content = path.strip_suffix(".sig").unwrap_or(path);
        let is_content = content.ends_with(".yaml") || content.ends_with(".yml");
        (content.starts_with("runbooks/") && is_content).then(|| Self::Content(content.to_owned()))
    }
}

impl Scope {
    /// The reach of a change.
    pub fn of(change: &Change<'_>, trust: &Trust) -> Self {
        let ours = |path: &str| path.starts_with("runbooks/") || Unit::of(path).is_some();
        let is_config = |path: &str| path.strip_suffix(".sig").unwrap_or(path) == config::NAME;
        let mut touched = change.touched.iter();
        if touched.any(|path| path.starts_with(TRUST_DIR) || !(ours(path) || is_config(path))) {
            return Self::Everything;
        }
        let found = found([&change.before, &change.after]);
        let touched: BTreeSet<Unit> = change.touched.iter().filter_map(|path| Unit::of(path)).collect();
        let of_each = |unit: &Unit| found.get(unit).map(|texts| Known::of(unit.clone(), texts));
        let units: Vec<&Unit> = found.keys().collect();
        let all: Vec<Known<'_>> = cores::map(&units, |unit| of_each(unit)).into_iter().flatten().collect();
        reached(all, &touched, trust).map_or(Self::Everything, Self::Only)
    }

    /// The part of a side that lies within.
    pub fn part_of(&self, folder: &ContentFolder) -> ContentFolder {
        let Self::Only(units) = self else { return folder.clone() };
        let inside = |path: &str| {
            path.starts_with(TRUST_DIR) || Unit::of(path).is_some_and(|unit| units.contains(&unit))
        };
        let files = folder.files.iter().filter(|(path, _)| inside(path));
        ContentFolder {
            files: files.map(|(path, bytes)| (path.clone(), bytes.clone())).collect(),
            unreadable: folder.unreadable.clone(),
        }
    }
}

type Texts<'a> = BTreeSet<(&'a str, &'a [u8])>;

/// Every unit of both sides with its files as they are on either. Signatures say nothing of others.
fn found<'a>(sides: [&'a ContentFolder; 2]) -> BTreeMap<Unit, Texts<'a>> {
    let mut units: BTreeMap<Unit, Texts<'a>> = BTreeMap::new();
    for (path, bytes) in sides.into_iter().flat_map(|side| &side.files) {
        if path.starts_with(TRUST_DIR) {
            continue;
        }
        let Some(unit) = Unit::of(path) else { continue };
        let texts = units.entry(unit).or_default();
        if !path.ends_with(".sig") {
            texts.insert((path, bytes));
        }
    }
    units
}

/// Whatever is tied to what is touched, directly or by way of others; none when that is too much.
fn reached(mut left: Vec<Known<'_>>, touched: &BTreeSet<Unit>, trust: &Trust) -> Option<BTreeSet<Unit>> {
    let (mut next, rest): (Vec<_>, Vec<_>) =
        left.drain(..).partition(|known| known.hides || touched.contains(&known.unit));
    left = rest;
    let mut reached: BTreeSet<Unit> = touched.clone();
    while let Some(known) = next.pop() {
        reached.insert(known.unit.clone());
        if reached.len() + next.len() > REACHED_MAX {
            return None;
        }
        let names = finders(&known.all_names(trust));
        let tied = cores::map(&left, |other| other.holds(&names) || known.holds(&other.finders));
        let (more, rest): (Vec<_>, Vec<_>) = left.into_iter().zip(tied).partition(|(_, tied)| *tied);
        next.extend(more.into_iter().map(|(known, _)| known));
        left = rest.into_iter().map(|(known, _)| known).collect();
    }
    Some(reached)
}

/// What is known of a unit before anything of it is parsed.
struct Known<'a> {
    unit: Unit,
    files: Texts<'a>,
    /// Its files as they are searched.
    texts: Vec<Cow<'a, [u8]>>,
    /// What others may call it.
    names: BTreeSet<String>,
    /// What searches for them; made once, as it is used on every unit that is reached.
    finders: Vec<memmem::Finder<'static>>,
    /// Its text cannot be searched for names.
    hides: bool,
}

impl<'a> Known<'a> {
    fn of(unit: Unit, files: &Texts<'a>) -> Self {
        let mut known = Self {
            texts: files.iter().map(|(path, bytes)| searched(path, bytes)).collect(),
            files: files.clone(),
            names: BTreeSet::new(),
            finders: Vec::new(),
            hides: false,
            unit,
        };
        match &known.unit {
            Unit::Proposal(id) => drop(known.names.insert(id.clone())),
            Unit::Content(_) => {
                for (_, bytes) in files {
                    // With a backslash YAML can spell any name so that no search finds it.
                    let head = std::str::from_utf8(bytes).ok().and_then(yaml::head);
                    known.hides |= head.is_none() || memchr::memchr(b'\\', bytes).is_some();
                    known.names.extend(head.map(|head| head.id));
                    known.names.insert(FileDigest::of(bytes).to_string());
                }
            }
        }
        known.finders = finders(&known.names);
        known
    }

    fn holds(&self, names: &[memmem::Finder<'_>]) -> bool {
        names.iter().any(|name| self.texts.iter().any(|text| name.find(text).is_some()))
    }

    /// All names that tie it to others: also whose it is, what it answers, and the nonces of its approvals.
    fn all_names(&self, trust: &Trust) -> BTreeSet<String> {
        let mut names = self.names.clone();
        for (path, bytes) in &self.files {
            match self.unit {
                Unit::Proposal(_) if path.contains("/approvals/") => {
                    names.extend(serde_json::from_slice::<Approval>(bytes).map(|approval| approval.nonce));
                }
                Unit::Proposal(_) => {}
                Unit::Content(_) => match trust.content(path, bytes) {
                    Ok(content) => {
                        names.extend([content.id().to_owned(), content.proposal().to_owned()]);
                        if let Content::Runbook(runbook) = &*content {
                            names.insert(runbook.matcher.code.clone());
                        }
                    }
                    Err(rejected) => names.extend(rejected.id),
                },
            }
        }
        names.retain(|name| !name.is_empty());
        names
    }
}

fn finders(names: &BTreeSet<String>) -> Vec<memmem::Finder<'static>> {
    names.iter().map(|name| memmem::Finder::new(name.as_bytes()).into_owned()).collect()
}

/// A file as it is searched: JSON without the escapes that it need not have.
fn searched<'a>(path: &str, bytes: &'a [u8]) -> Cow<'a, [u8]> {
    let escapes = path.ends_with(".json") && memchr::memchr(b'\\', bytes).is_some();
    let plain = || {
        let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        serde_json::to_vec(&value).ok()
    };
    escapes.then(plain).flatten().map_or(Cow::Borrowed(bytes), Cow::Owned)
}
