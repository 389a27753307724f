//! Forgetting a subject: that it is to be forgotten is written down, its key is destroyed, and only then an entry says so.
//! A crash in between is finished at the next start, so no entry ever claims what is not done, and nothing that was begun
//! is left half done. Not for keys (`subject`), nor for the entry's place in the world (`context`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::handle::{Handle, Rejection, ask, recorded as seq_of};
use super::intake;
use crate::audit::{self, Audit};
use crate::base::ids::{Seq, SubjectId};
use crate::event::subject::SubjectErased;
use crate::event::{Draft, Event};
use crate::journal::{self, Clock as _, IntentJournal, Options, SystemClock};
use crate::policy::{Answer, Input};
use crate::subject::{Erasing, SubjectError, Subjects};

/// A subject that was forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// The key that is gone.
    pub subject: SubjectId,
    /// The entry that says so; none when an earlier one does.
    pub seq: Option<Seq>,
    /// Further keys of the same name that are gone, each with an entry of its own.
    pub others: Vec<SubjectId>,
}

impl Forgotten {
    fn of(erasing: &[Erasing], seqs: &BTreeMap<SubjectId, Seq>) -> Result<Self, SubjectError> {
        let (last, others) = erasing.split_last().ok_or(SubjectError::Unknown)?;
        let others = others.iter().map(|one| one.id).collect();
        Ok(Self { subject: last.id, seq: seqs.get(&last.id).copied(), others })
    }
}

/// Why a subject was not forgotten without a daemon.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The key.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The journal. What was begun is finished at the next start.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// What the journal says.
    #[error(transparent)]
    Read(#[from] audit::Error),
}

/// The entry of an erasure.
pub(super) fn event(erasing: &Erasing) -> SubjectErased {
    let Erasing { id, by, reason, .. } = erasing.clone();
    SubjectErased { subject: id, by, reason }
}

/// At the start, before anybody can ask for a key: those that the journal says are gone are gone, also when they came back
/// with a copy of old files, and what was begun is done. The erasures that have no entry yet, as far as is known here.
pub(super) fn destroyed(subjects: &Subjects, erased: &VecDeque<SubjectId>) -> Vec<Erasing> {
    let gone: BTreeSet<SubjectId> = erased.iter().copied().collect();
    let back = subjects.ids().map(|ids| ids.intersection(&gone).copied().collect::<BTreeSet<_>>());
    let word = "the key of an erased subject was here again: it was destroyed";
    told(back).into_iter().for_each(|id| destroy(subjects, id, word));
    let word = "an erasure was interrupted: it is complete now";
    told(subjects.doomed()).into_iter().for_each(|id| destroy(subjects, id, word));
    finished(subjects, told(subjects.erasing()))
}

/// Those of what was begun whose key is gone now: of another one no entry may say so.
fn finished(subjects: &Subjects, mut begun: Vec<Erasing>) -> Vec<Erasing> {
    begun.retain(|erasing| match subjects.destroy(erasing.id) {
        Ok(_) => true,
        Err(error) => {
            tracing::error!(key = %erasing.id, %error, "{INCOMPLETE}");
            false
        }
    });
    begun
}

/// One that cannot be destroyed keeps none of the others.
fn destroy(subjects: &Subjects, id: SubjectId, word: &str) {
    match subjects.destroy(id) {
        Ok(_) => tracing::warn!(key = %id, "{word}"),
        Err(error) => tracing::error!(key = %id, %error, "{INCOMPLETE}"),
    }
}

/// What was found, or nothing and a word in the log.
fn told<T: Default>(found: Result<T, SubjectError>) -> T {
    found.unwrap_or_else(|error| {
        tracing::error!(%error, "{INCOMPLETE}");
        T::default()
    })
}

const INCOMPLETE: &str = "state/subjects: an erasure may be incomplete until the next start";

/// Their entries are durable.
pub(super) fn recorded(subjects: &Subjects, erasures: &[Erasing]) {
    for erasing in erasures {
        if let Err(error) = subjects.erased(erasing.id) {
            // The next start finds it again, and its entry.
            tracing::warn!(%error, "a finished erasure could not be cleared away");
        }
    }
}

impl Handle {
    /// Destroys the key of a subject; that is done and recorded when it returns. What is forgotten gives no power.
    pub async fn erase(&self, subject: String, by: String, reason: String) -> Result<Forgotten, Rejection> {
        let running = self.running()?;
        if running.journal.sealed().is_some() {
            // Nothing is destroyed that cannot be recorded.
            return Err(Rejection::Sealed(running.journal.sealed().unwrap_or_default()));
        }
        let reason = intake::clean_line(&reason);
        let subjects = running.subjects.clone();
        let (erasing, begun) = blocking(move || {
            let erasing = subjects.erase(&subject, &by, &reason);
            // With those of before that could not be recorded then.
            subjects.erasing().map(|begun| (erasing, finished(&subjects, begun)))
        })
        .await??;
        let mut seqs = BTreeMap::new();
        for one in &begun {
            match ask(running, Input::SubjectErased(event(one))).await? {
                Answer::Nothing => {}
                answer => drop(seqs.insert(one.id, seq_of(answer)?)),
            }
        }
        let subjects = running.subjects.clone();
        blocking(move || recorded(&subjects, &begun)).await?;
        match erasing.and_then(|erasing| Forgotten::of(&erasing, &seqs)) {
            Ok(forgotten) => Ok(forgotten),
            Err(error @ SubjectError::Unknown) => {
                Err(Rejection::Refused { code: "NOT_FOUND", reason: error.to_string() })
            }
            Err(other) => Err(Rejection::NotSealed(other)),
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Rejection::Refused { code: "NOT_RECORDED", reason: error.to_string() })
}

/// The same while no daemon runs, which the journal's lock makes sure of. Also finishes what was begun before.
pub fn erase_offline(
    options: Options,
    subject: &str,
    by: &str,
    reason: &str,
) -> Result<Forgotten, ErasureError> {
    let subjects = Subjects::of_state(&options.state);
    let clock = Arc::new(SystemClock);
    let known: BTreeSet<SubjectId> = Audit::offline(&options.state)?.erased();
    if subjects.erasing()?.is_empty() && !subjects.list()?.iter().any(|listed| listed.subject == subject) {
        // Nothing is to be said: the journal stays as it is.
        return Err(SubjectError::Unknown.into());
    }
    let (journal, _) = IntentJournal::open(options)?;
    let erasing = subjects.erase(subject, by, &intake::clean_line(reason));
    let begun = finished(&subjects, subjects.erasing()?);
    let news: Vec<&Erasing> = begun.iter().filter(|erasing| !known.contains(&erasing.id)).collect();
    let draft = |erasing: &&Erasing| {
        let event = Event::from(event(erasing));
        Draft { at: clock.now(), incident: None, cause: None, event }
    };
    let mut seqs = BTreeMap::new();
    if !news.is_empty() {
        let appended = journal.append_essential(news.iter().map(draft).collect())?;
        let said = appended.committed.iter().map(|entry| entry.seq());
        seqs.extend(news.iter().map(|erasing| erasing.id).zip(said));
    }
    recorded(&subjects, &begun);
    journal.clean_stop()?;
    Ok(Forgotten::of(&erasing?, &seqs)?)
}
