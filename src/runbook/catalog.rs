//! The catalog: every content file with what it may do and why. Loaded whole, swapped whole, and rebuilt from
//! its manifest with the same result (RM-7). One bad file never hides the good ones.
//! Not for choosing a runbook (`matching`) or resolving it (`planning`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::cores;
use crate::base::digest::FileDigest;
use crate::base::glob;
use crate::base::limits::SUMMARY_BYTES_MAX;
use crate::base::text::for_shell;
use crate::event::content::{ContentStanding, Standing};

use super::checks::Rejected;
use super::content::ContentFolder;
use super::matching::Index;
use super::model::{Content, Kind, Platform, Runbook, Sentinel, Service, is_id};
use super::problem::Problem;
use super::proposals::{self, Proposed, Wrong};
use super::trust::Trust;
use super::verified::{Adoption, Court, Unproven, Verified};

/// What a catalog is loaded with, besides files and trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadContext {
    /// Wall time, Unix µs: for validity of keys and first adoption.
    pub now_us: i64,
    /// Digests that a catalog in the journal already held as live, with the seq of the first such entry.
    pub adopted: BTreeMap<FileDigest, u64>,
    /// `kind/id` that a catalog in the journal held as live, with the seq of the first such entry, whatever the bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first_live: BTreeMap<String, u64>,
    /// Absolute path of the content folder: the value of `${home}`.
    pub home: String,
    /// Where this runs.
    pub platform: Platform,
    /// Names of the credentials that exist.
    pub credentials: BTreeSet<String>,
}

/// One content file in the catalog.
#[derive(Debug)]
pub struct Entry {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// Path relative to the content folder.
    pub path: String,
    /// Digest of its bytes.
    pub digest: FileDigest,
    /// What it may do.
    pub standing: Standing,
    /// Why it is not live, each with the command that mends it.
    pub reasons: Vec<Wrong>,
    /// What is wrong with its text, when it is refused for that.
    pub problems: Vec<Problem>,
    author: Option<String>,
    content: Option<Arc<Content>>,
    proof: Option<Verified<Content>>,
    runbook_proof: Option<Verified<Runbook>>,
}

impl Entry {
    /// The content; none when the file was refused for its text.
    pub fn content(&self) -> Option<&Content> {
        self.content.as_deref()
    }
    /// The runbook, when it is one and its text was accepted.
    pub fn runbook(&self) -> Option<&Runbook> {
        match self.content() {
            Some(Content::Runbook(runbook)) => Some(runbook),
            _ => None,
        }
    }
    /// The service, when it is one and its text was accepted.
    pub fn service(&self) -> Option<&Service> {
        match self.content() {
            Some(Content::Service(service)) => Some(service),
            _ => None,
        }
    }
    /// The sentinel, when it is one and its text was accepted.
    pub fn sentinel(&self) -> Option<&Sentinel> {
        match self.content() {
            Some(Content::Sentinel(sentinel)) => Some(sentinel),
            _ => None,
        }
    }
    /// The title, as far as it could be read.
    pub fn title(&self) -> &str {
        self.content().map(Content::title).unwrap_or_default()
    }
    /// The proof that it is a live runbook.
    pub fn verified(&self) -> Option<&Verified<Runbook>> {
        self.runbook_proof.as_ref()
    }
    /// Who signed it, when it is live.
    pub fn signer(&self) -> Option<&str> {
        self.proof.as_ref().map(Verified::signer)
    }
    /// Who signed these bytes with a signature that counts, whether it is live or not.
    pub fn author(&self) -> Option<&str> {
        self.signer().or(self.author.as_deref())
    }
    /// Who approved it, when it is live.
    pub fn approvers(&self) -> &[String] {
        self.proof.as_ref().map(Verified::approvers).unwrap_or_default()
    }
    /// `kind/id`
    pub fn name(&self) -> String {
        format!("{}/{}", self.kind.word(), self.id)
    }
    /// Why it is not live, in one line with the mend.
    pub fn reason(&self) -> Option<String> {
        let problem = self.problems.first().map(|p| {
            let place = if p.line > 0 { format!(":{}:{}", p.line, p.column) } else { String::new() };
            let mend = format!("remediator runbook lint {}", for_shell(&self.path));
            Wrong::new("text", format!("{}{place}: {}", p.file, p.message), mend).to_string()
        });
        problem.or_else(|| self.reasons.first().map(Wrong::to_string))
    }
    fn demote(&mut self, standing: Standing, wrong: Wrong) {
        self.standing = standing;
        self.reasons.push(wrong);
        self.author = self.signer().map(str::to_owned);
        self.proof = None;
        self.runbook_proof = None;
    }
}

/// Every content file of a folder, judged.
#[derive(Debug)]
pub struct Catalog {
    entries: BTreeMap<(Kind, String), Entry>,
    unreadable: BTreeMap<String, Vec<Problem>>,
    proposals: BTreeMap<String, Proposed>,
    pub(super) context: LoadContext,
    pub(super) index: Index,
    folder: Arc<ContentFolder>,
    trust: Trust,
}

impl Catalog {
    /// Judges every file. Never fails: what is wrong is in the entries.
    pub fn load(folder: Arc<ContentFolder>, trust: &Trust, context: &LoadContext) -> Self {
        let proposals = proposals::load(&folder, trust, context.now_us);
        let mut catalog = Self {
            entries: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            proposals,
            context: context.clone(),
            index: Index::default(),
            folder: Arc::clone(&folder),
            trust: trust.clone(),
        };
        for (path, why) in &folder.unreadable {
            catalog.refuse_file(path, format!("cannot be read: {why}"), "make it readable, or remove it");
        }
        let files: Vec<_> = folder.content_files().collect();
        let mut judged = Vec::new();
        for (file, found) in files.iter().zip(cores::map(&files, |(path, bytes)| catalog.judge(path, bytes)))
        {
            match found {
                Ok(entry) => judged.push(entry),
                Err(problems) => drop(catalog.unreadable.insert(file.0.to_owned(), problems)),
            }
        }
        catalog.file_by_id(judged);
        catalog.refuse_overlaps();
        catalog.hold_blind_sentinels();
        catalog.index = Index::of(&catalog.entries);
        catalog
    }

    fn refuse_file(&mut self, path: &str, message: String, help: &str) {
        let source = super::problem::Source { file: path, text: "" };
        let problem = source.problem((0, 0), "catalog", message).with_help(help);
        self.unreadable.entry(path.to_owned()).or_default().push(problem);
    }

    /// One file, or what is wrong with one that has no id.
    fn judge(&self, path: &str, bytes: &[u8]) -> Result<Entry, Vec<Problem>> {
        let digest = FileDigest::of(bytes);
        let blank = |kind, id: &str| Entry {
            kind,
            id: id.to_owned(),
            path: path.to_owned(),
            digest,
            standing: Standing::Refused,
            reasons: Vec::new(),
            problems: Vec::new(),
            author: None,
            content: None,
            proof: None,
            runbook_proof: None,
        };
        let content = match self.trust.memo().content(path, bytes) {
            Ok(content) => content,
            Err(Rejected { kind: Some(kind), id: Some(id), problems }) if is_id(&id) => {
                return Ok(Entry { problems, ..blank(kind, &id) });
            }
            Err(Rejected { problems, .. }) => return Err(problems),
        };
        let mut entry = blank(content.kind(), content.id());
        match self.court().verify(path, bytes, &content, self.adoption_of(&digest)) {
            Ok(proof) => {
                entry.standing = Standing::Live;
                entry.runbook_proof = proof.narrow(|content| match content {
                    Content::Runbook(runbook) => Some(runbook.as_ref()),
                    _ => None,
                });
                entry.proof = Some(proof);
            }
            Err(Unproven { reasons, author }) => {
                entry.standing = Standing::ObserveOnly;
                entry.reasons = reasons;
                entry.author = author;
            }
        }
        entry.content = Some(content);
        Ok(entry)
    }

    fn court(&self) -> Court<'_> {
        let (folder, trust, proposals) = (&*self.folder, &self.trust, &self.proposals);
        Court { folder, trust, proposals, now_us: self.context.now_us }
    }

    fn adoption_of(&self, digest: &FileDigest) -> Adoption {
        if self.context.adopted.contains_key(digest) { Adoption::Before } else { Adoption::First }
    }

    /// Whether an approval counts for a file, by the same judgement that makes it live.
    pub(super) fn counts(&self, entry: &Entry, approval: &str) -> Result<(), Wrong> {
        let Some(content) = &entry.content else { return Ok(()) };
        let file = (entry.path.as_str(), self.folder.get(&entry.path).unwrap_or_default(), content);
        self.court().counts(file, self.adoption_of(&entry.digest), approval)
    }

    /// Of several files with one id the best standing keeps it, then the first adopted, then the first path.
    fn file_by_id(&mut self, mut judged: Vec<Entry>) {
        judged.sort_by_key(|entry| (std::cmp::Reverse(entry.standing), self.age(&entry.digest)));
        for entry in judged {
            let key = (entry.kind, entry.id.clone());
            match self.entries.get(&key).map(|keeper| keeper.path.clone()) {
                None => drop(self.entries.insert(key, entry)),
                Some(keeper) => {
                    let message = format!("the id `{}` belongs to {keeper} already", entry.name());
                    self.refuse_file(&entry.path, message, "give it an id of its own, or remove it");
                    self.unreadable.entry(entry.path).or_default().extend(entry.problems);
                }
            }
        }
    }

    fn age(&self, digest: &FileDigest) -> u64 {
        self.context.adopted.get(digest).copied().unwrap_or(u64::MAX)
    }

    /// Since when its id has been live; an edit makes nobody younger.
    fn seniority(&self, entry: &Entry) -> u64 {
        let by_name = self.context.first_live.get(&entry.name()).copied().unwrap_or(u64::MAX);
        by_name.min(self.age(&entry.digest))
    }

    /// Of two runbooks with equal priority and overlapping literal matchers the one that was live first stays (RM-5),
    /// also while it is not live for a moment: who edits it must not hand its place to the other.
    fn refuse_overlaps(&mut self) {
        let mut groups: BTreeMap<_, Vec<(u64, String)>> = BTreeMap::new();
        for entry in self.entries.values().filter(|e| self.keeps_its_place(e)) {
            if let Some(place) = entry.runbook().map(place) {
                groups.entry(place).or_default().push((self.seniority(entry), entry.id.clone()));
            }
        }
        let mut refused = Vec::new();
        for mut group in groups.into_values() {
            group.sort();
            let mut kept: Vec<(String, String)> = Vec::new();
            for (_, id) in group {
                let glob = self.target_glob(&id);
                match kept.iter().find(|(_, other)| glob::overlap(other, &glob)) {
                    Some((keeper, _)) => refused.push((id, keeper.clone())),
                    None => kept.push((id, glob)),
                }
            }
        }
        for (id, keeper) in refused {
            self.refuse_overlap(id, &keeper);
        }
    }

    /// Whether two runbooks want the same place, whatever they may do and whoever gets it.
    pub fn is_contested(&self) -> bool {
        let mut taken = BTreeSet::new();
        !self.entries.values().filter_map(Entry::runbook).map(place).all(|place| taken.insert(place))
    }

    fn keeps_its_place(&self, entry: &Entry) -> bool {
        entry.standing == Standing::Live || self.context.first_live.contains_key(&entry.name())
    }

    fn refuse_overlap(&mut self, id: String, keeper: &str) {
        let live = self.verified(keeper).is_some();
        let (since, or) = match live {
            true => ("", String::new()),
            false => (" and is not live now", format!("; or mend or remove `{keeper}`")),
        };
        let mend =
            format!("give it another priority or a narrower `target`, then sign it and have it approved{or}");
        let problem = format!(
            "its matcher overlaps that of `{keeper}` with equal priority, which was there first{since}"
        );
        if let Some(entry) =
            self.entries.get_mut(&(Kind::Runbook, id)).filter(|e| e.standing == Standing::Live)
        {
            entry.demote(Standing::Refused, Wrong::new("overlap", problem, mend));
        }
    }

    fn target_glob(&self, id: &str) -> String {
        let runbook = self.get(Kind::Runbook, id).and_then(Entry::runbook);
        runbook.and_then(|r| r.matcher.target.clone()).unwrap_or_else(|| "*".into())
    }

    /// A live sentinel whose look rests on a service that is not live may not look.
    fn hold_blind_sentinels(&mut self) {
        let live = self.entries.values().filter(|e| e.kind == Kind::Sentinel && e.standing == Standing::Live);
        let blind: Vec<_> = live
            .filter_map(|entry| {
                self.sentinel_plan(entry).err().map(|error| (entry.id.clone(), error.to_string()))
            })
            .collect();
        for (id, problem) in blind {
            if let Some(entry) = self.entries.get_mut(&(Kind::Sentinel, id)) {
                let mend = format!("remediator runbook show {}", entry.name());
                entry.demote(Standing::ObserveOnly, Wrong::new("relies_on", problem, mend));
            }
        }
    }

    /// One content file.
    pub fn get(&self, kind: Kind, id: &str) -> Option<&Entry> {
        self.entry(&(kind, id.to_owned()))
    }
    /// The same by its whole key.
    pub(super) fn entry(&self, key: &(Kind, String)) -> Option<&Entry> {
        self.entries.get(key)
    }
    /// Every content file that has an id.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
    /// Live services.
    pub fn services(&self) -> impl Iterator<Item = &Entry> {
        self.entries().filter(|e| e.kind == Kind::Service && e.standing == Standing::Live)
    }
    /// The proof for a live runbook.
    pub fn verified(&self, id: &str) -> Option<&Verified<Runbook>> {
        self.get(Kind::Runbook, id).and_then(Entry::verified)
    }
    /// Files without an id, or with one that another file has: path → what is wrong.
    pub fn unreadable(&self) -> &BTreeMap<String, Vec<Problem>> {
        &self.unreadable
    }
    /// Every proposal with its approvals.
    pub fn proposals(&self) -> &BTreeMap<String, Proposed> {
        &self.proposals
    }
    /// What it was loaded with.
    pub fn context(&self) -> &LoadContext {
        &self.context
    }
    /// The trust it was judged by.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
    /// Whether nothing has changed: the same files, judged the same, under the same trust.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.kept_files().eq(other.kept_files())
            && self.folder.unreadable == other.folder.unreadable
            && self.trust.files() == other.trust.files()
            && self.contents() == other.contents()
    }
    /// The files it was loaded from.
    pub fn folder(&self) -> &Arc<ContentFolder> {
        &self.folder
    }
    /// Digests of the live files: what the next load is told was adopted.
    pub fn live_digests(&self) -> BTreeSet<FileDigest> {
        self.entries().filter(|e| e.standing == Standing::Live).map(|e| e.digest).collect()
    }
    /// Names (`kind/id`) of the live files.
    pub fn live_names(&self) -> impl Iterator<Item = String> + '_ {
        self.entries().filter(|e| e.standing == Standing::Live).map(Entry::name)
    }
    /// `kind/id` → digest and standing, as `content.catalog_loaded` holds it.
    pub fn contents(&self) -> BTreeMap<String, ContentStanding> {
        let standing = |entry: &Entry| ContentStanding {
            digest: entry.digest,
            standing: entry.standing,
            reason: if entry.standing == Standing::Live { None } else { entry.reason().map(clipped) },
        };
        self.entries().map(|entry| (entry.name(), standing(entry))).collect()
    }
    /// Path → first problem of files without an id, as `content.catalog_loaded` holds it.
    pub fn unreadable_contents(&self) -> BTreeMap<String, String> {
        let first = |problems: &Vec<Problem>| {
            problems.first().map(|p| clipped(p.message.clone())).unwrap_or_default()
        };
        self.unreadable.iter().map(|(path, problems)| (path.clone(), first(problems))).collect()
    }
}

/// Of runbooks that match by the same subsystem, code and priority only one may answer for a target.
fn place(runbook: &Runbook) -> (String, String, i32) {
    (runbook.matcher.subsystem.clone(), runbook.matcher.code.clone(), runbook.priority)
}

/// The whole reason is in `runbook show`; an entry holds its beginning.
fn clipped(mut reason: String) -> String {
    let keep = crate::base::text::clip(&reason, SUMMARY_BYTES_MAX).len();
    reason.truncate(keep);
    reason
}
