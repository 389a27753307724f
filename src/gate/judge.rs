//! A change judged: the content folder after it, by the trust of its base. Whatever is wrong becomes a finding; each check
//! is one file and one line in the registry. Not for the findings' words in a report (`report`).

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::digest::FileDigest;
use crate::event::content::Standing;
use crate::runbook::trust::{TRUST_FILES, TrustError};
use crate::runbook::{Catalog, ContentFolder, Entry, LoadContext, Platform, Trust};

use super::change::{Change, ChangeError};
use super::checks::CHECKS;
use super::finding::{Finding, Level};
use super::git::Attributes;
use super::past::{self, Past};
use super::scope::Scope;

/// What the gate is told from outside of the repository.
#[derive(Debug, Clone, Copy)]
pub struct Judge {
    /// Wall time, Unix µs: for validity of keys and first adoption.
    pub now_us: i64,
    /// The sample keys of remediator's own repository count.
    pub sample_keys: bool,
    /// Also what the change does not reach is judged: it may have notes.
    pub all: bool,
}

/// A change with the catalog that it makes.
pub struct Case<'a> {
    /// The change.
    pub change: &'a Change<'a>,
    /// The trust of the base: whoever changes something cannot say who may.
    pub trust: Trust,
    /// What the change makes of the trust files, when it changes them.
    pub next: Option<Result<Trust, TrustError>>,
    /// Signed files that are versions from before the base.
    pub spent: BTreeSet<FileDigest>,
    /// What git does with files on their way to the disk, by their path from the top of the repository.
    pub attributes: BTreeMap<String, Attributes>,
    /// What the change reaches as it will be, judged by the trust of the base.
    pub catalog: Catalog,
    scope: Scope,
    past: Past,
    judge: Judge,
    before: OnceCell<Catalog>,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Judgement {
    /// What was found, by place.
    pub findings: Vec<Finding>,
    /// It introduces the trust that everything later is judged by.
    pub bootstrap: bool,
    /// Content files that were looked at.
    pub files: usize,
}

impl Judge {
    /// Judges one content folder's change.
    pub fn judge(&self, change: &Change<'_>) -> Result<Judgement, ChangeError> {
        let before = change.before.trust_files();
        if !before.contains_key("allowed_signers") {
            return Ok(self.first_trust(change));
        }
        let trust = match Trust::load(&before) {
            Ok(trust) => self.samples(trust),
            Err(error) => {
                let mend = "mend the trust files at the base first; until then nothing can be judged";
                let finding = Finding::of("trust", change.path("proposals/trust"), error.to_string(), mend);
                return Ok(Judgement { findings: vec![finding], ..Judgement::default() });
            }
        };
        let after = change.after.trust_files();
        let changed = TRUST_FILES.iter().any(|name| before.get(*name) != after.get(*name));
        let spent = change.spent()?;
        let trust = trust.with_former(spent.clone());
        let next = changed.then(|| trust.changed(&after, self.now_us).map(|(next, _)| next));
        let scope = if self.all { Scope::Everything } else { Scope::of(change, &trust) };
        let (catalog, past) = self.with_past(change, &trust, &scope)?;
        let (attributes, before) = (change.attributes()?, OnceCell::new());
        let case =
            Case { change, trust, next, spent, attributes, catalog, judge: *self, scope, past, before };
        let mut findings = Vec::new();
        for (_, check) in CHECKS {
            check(&case, &mut findings);
        }
        findings
            .sort_by(|a, b| (&a.file, a.line, a.column, a.check).cmp(&(&b.file, b.line, b.column, b.check)));
        findings.dedup();
        Ok(Judgement { findings, bootstrap: false, files: change.after.content_files().count() })
    }

    fn samples(&self, trust: Trust) -> Trust {
        if self.sample_keys { trust.allow_sample_keys() } else { trust }
    }

    /// What the change makes, judged with what was before it.
    fn with_past(
        &self,
        change: &Change<'_>,
        trust: &Trust,
        scope: &Scope,
    ) -> Result<(Catalog, Past), ChangeError> {
        let quick = Past::quick(change)?;
        let catalog = self.catalog(scope.part_of(&change.after), trust, &quick);
        if !past::asks_more(change, &catalog) {
            return Ok((catalog, quick));
        }
        let unrevoked = self.as_it_was(scope.part_of(&change.before), &trust.unrevoked());
        let earlier = || {
            let mut judged = Vec::new();
            for commit in change.before_trust_changed()? {
                let folder = change.folder_at(&commit)?;
                if let Ok(then) = Trust::load(&folder.trust_files()) {
                    judged.push(self.as_it_was(scope.part_of(&folder), &self.samples(then).unrevoked()));
                }
            }
            Ok(judged)
        };
        let past = Past::of(change, &unrevoked, &catalog, earlier)?;
        Ok((self.catalog(scope.part_of(&change.after), trust, &past), past))
    }

    /// A folder whose files have all been adopted.
    fn as_it_was(&self, folder: ContentFolder, trust: &Trust) -> Catalog {
        let adopted = folder.content_files().map(|(_, bytes)| (FileDigest::of(bytes), 0)).collect();
        self.catalog(folder, trust, &Past { adopted, ..Past::default() })
    }

    fn catalog(&self, folder: ContentFolder, trust: &Trust, past: &Past) -> Catalog {
        let context = LoadContext {
            now_us: self.now_us,
            adopted: past.adopted.clone(),
            first_live: past.first_live.clone(),
            home: "/".to_owned(),
            platform: Platform::Linux,
            credentials: BTreeSet::new(),
        };
        Catalog::load(Arc::new(folder), trust, &context)
    }

    /// The change that introduces trust brings nothing else: what it says can be judged by nobody.
    fn first_trust(&self, change: &Change<'_>) -> Judgement {
        let after = change.after.trust_files();
        let mut judgement = Judgement { files: change.after.content_files().count(), ..Judgement::default() };
        let place = change.path("proposals/trust/allowed_signers");
        if !after.contains_key("allowed_signers") {
            // Folders of that name may be somebody else's; what remediator would load is not.
            if let Some((path, _)) =
                change.after.content_files().find(|(path, _)| change.touched.contains(*path))
            {
                let message = "there is a content file, and no trust that it could be judged by";
                let mend = "write proposals/trust/ (`remediator init` does) and commit it first, by itself";
                judgement.findings.push(Finding::of("trust", change.path(path), message, mend));
            }
            return judgement;
        }
        let sound = Trust::load(&after).and_then(|trust| self.samples(trust).must_be_sound(self.now_us));
        if let Err(error) = sound {
            let mend = "mend the trust files; they are what everything later is judged by";
            judgement.findings.push(Finding::of("trust", place, error.to_string(), mend));
            return judgement;
        }
        let others = change.touched.iter().filter(|path| !path.starts_with("proposals/trust/"));
        for path in others {
            let message = "it comes in the change that introduces the trust files: nobody could judge it";
            let mend =
                "git reset -q -- runbooks proposals && git add proposals/trust && git commit, then the rest";
            judgement.findings.push(Finding::of("bootstrap", change.path(path), message, mend));
        }
        judgement.bootstrap = judgement.findings.is_empty();
        judgement
    }
}

impl Case<'_> {
    /// The same as it was, judged by the same trust.
    pub fn before(&self) -> &Catalog {
        self.before.get_or_init(|| self.judge.as_it_was(self.scope.part_of(&self.change.before), &self.trust))
    }

    /// Whether what is wrong with a file is this change's doing: its bytes are new, or it was live before.
    pub fn blames(&self, entry: &Entry) -> bool {
        let old = self.change.before.get(&entry.path);
        if old != self.change.after.get(&entry.path) {
            return true;
        }
        self.before().get(entry.kind, &entry.id).is_some_and(|before| before.standing == Standing::Live)
    }

    /// Wall time, Unix µs.
    pub fn now_us(&self) -> i64 {
        self.judge.now_us
    }

    /// The level of something that is wrong with a file.
    pub fn level_of(&self, path: &str) -> Level {
        if self.change.touched.contains(path) { Level::Error } else { Level::Note }
    }

    /// The new files judged by the trust that the change brings, when that counts.
    pub fn catalog_after(&self) -> Option<Catalog> {
        let next = self.next.as_ref()?.as_ref().ok()?;
        Some(self.judge.catalog(self.scope.part_of(&self.change.after), next, &self.past))
    }
}
