//! Group commit: whoever finds nobody committing leads, and commits what the others queue meanwhile as one batch.
//! Nothing is handed to another thread, so a lone producer pays for signing, writing and syncing only.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::base::ids::{BootId, Seq};
use crate::base::sign::JournalKey;
use crate::event::{Draft, Event, Record};

use super::durable::Durable;
use super::encode::{Prepared, is_own};
use super::error::Error;
use super::proof::Committed;
use super::writer::{AppendClass, Failed, Space, Writer};

/// Entries that one batch takes at most: bounds the wait of the first of them.
const BATCH_ENTRIES_MAX: usize = 1024;
/// Batches that one leader commits before it lets the next waiting thread lead.
const ROUNDS_MAX: usize = 32;

/// What became of an append.
#[derive(Debug)]
pub struct Appended {
    /// The proofs, in the order of the drafts.
    pub committed: Vec<Committed<Event>>,
    /// Entries that the journal itself wrote right after them (a new segment, a rebuilt index).
    pub own: Vec<Record>,
}

struct Done {
    first: Seq,
    own: Vec<Record>,
}

enum Answer {
    Waiting,
    /// Nobody leads any more and this request is the first in the queue.
    Lead,
    Done(Result<Done, Error>),
}

/// Where a waiting thread finds its answer.
struct Slot {
    answer: Mutex<Answer>,
    there: Condvar,
}

impl Slot {
    fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        self.there.notify_one();
    }
    fn take(&self) -> Answer {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *answer, Answer::Waiting)
    }
    fn wait(&self) -> Answer {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answer = self
            .there
            .wait_while(answer, |answer| matches!(answer, Answer::Waiting))
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *answer, Answer::Waiting)
    }
}

struct Request {
    entries: Vec<Prepared>,
    class: AppendClass,
    slot: Arc<Slot>,
}

impl Request {
    fn refuse(&self, e: Error) {
        self.slot.set(Answer::Done(Err(e)));
    }
}

/// Nobody waits for ever: a request that goes away without an answer (its leader panicked) is refused.
impl Drop for Request {
    fn drop(&mut self) {
        let answer = self.slot.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*answer, Answer::Waiting | Answer::Lead) {
            drop(answer);
            self.refuse(Error::Sealed { reason: "the append was not finished".into() });
        }
    }
}

/// Held by the leading thread. If it panics nobody knows what was written: the journal is sealed.
struct Leading<'a>(&'a Appender);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.seal("an append panicked");
            let waiting = std::mem::take(&mut self.0.queue().waiting);
            drop(waiting);
            self.0.queue().leading = false;
        }
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Request>,
    leading: bool,
    /// What the journal wants to say of itself, written behind the next batch.
    own: Vec<Draft>,
}

pub(super) struct Appender {
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
    durable: Arc<Durable>,
    sealed: OnceLock<String>,
    space: Mutex<Space>,
    boot: BootId,
}

impl Appender {
    pub fn new(writer: Writer, durable: Arc<Durable>, boot: BootId) -> Self {
        let space = Mutex::new(writer.space());
        Self {
            queue: Mutex::default(),
            writer: Mutex::new(writer),
            durable,
            sealed: OnceLock::new(),
            space,
            boot,
        }
    }

    pub fn boot(&self) -> BootId {
        self.boot
    }
    pub fn sealed(&self) -> Option<&str> {
        self.sealed.get().map(String::as_str)
    }
    /// How much room there is. While only the reserve is left nobody may append for a long time, so whoever asks
    /// has the disk asked again, now and then.
    pub fn space(&self) -> Space {
        let known = *self.space.lock().unwrap_or_else(PoisonError::into_inner);
        if known == Space::ReserveOnly
            && self.sealed().is_none()
            && let Ok(mut writer) = self.writer.try_lock()
        {
            writer.look_after_space();
            let space = writer.space();
            *self.space.lock().unwrap_or_else(PoisonError::into_inner) = space;
            return space;
        }
        known
    }

    /// Has an entry of the journal's own written behind the next batch.
    pub fn say(&self, draft: Draft) {
        self.queue().own.push(draft);
    }

    /// Appends what anybody but the journal may say.
    pub fn append(&self, drafts: Vec<Draft>, class: AppendClass) -> Result<Appended, Error> {
        if let Some(draft) = drafts.iter().find(|draft| is_own(&draft.event)) {
            let kind = draft.event.kind();
            return Err(Error::Illegal(format!("`{kind}` is written by the journal only")));
        }
        self.append_any(drafts, class)
    }

    pub fn append_any(&self, drafts: Vec<Draft>, class: AppendClass) -> Result<Appended, Error> {
        self.check_sealed()?;
        if drafts.is_empty() {
            return Ok(Appended { committed: Vec::new(), own: Vec::new() });
        }
        let entries = drafts.iter().map(Prepared::from_draft).collect::<Result<Vec<_>, _>>()?;
        let slot = Arc::new(Slot { answer: Mutex::new(Answer::Waiting), there: Condvar::new() });
        let leads = {
            let mut queue = self.queue();
            queue.waiting.push_back(Request { entries, class, slot: Arc::clone(&slot) });
            !std::mem::replace(&mut queue.leading, true)
        };
        let Done { first, own } = match if leads { Answer::Lead } else { slot.wait() } {
            Answer::Done(done) => done?,
            Answer::Lead | Answer::Waiting => self.lead(&slot)?,
        };
        let committed = (first..)
            .zip(drafts)
            .map(|(seq, draft)| Committed::after_sync(seq, draft.incident, draft.event))
            .collect();
        Ok(Appended { committed, own })
    }

    /// Commits batches until the queue is empty or others have had their share, the own request among them.
    fn lead(&self, slot: &Slot) -> Result<Done, Error> {
        let _leading = Leading(self);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mine = None;
        for round in 1.. {
            let (group, own) = {
                let mut queue = self.queue();
                if queue.waiting.is_empty() {
                    queue.leading = false;
                    break;
                }
                if round > ROUNDS_MAX && mine.is_some() {
                    if let Some(next) = queue.waiting.front() {
                        next.slot.set(Answer::Lead);
                    }
                    break;
                }
                (take_group(&mut queue.waiting), std::mem::take(&mut queue.own))
            };
            self.commit(&mut writer, group, own);
            if mine.is_none()
                && let Answer::Done(done) = slot.take()
            {
                mine = Some(done);
            }
        }
        // The own request was in the queue when leading began, and the loop ends only after answering it.
        mine.unwrap_or_else(|| Err(Error::Sealed { reason: "the append was not answered".into() }))
    }

    fn commit(&self, writer: &mut Writer, group: Vec<Request>, own: Vec<Draft>) {
        if let Err(e) = self.check_sealed() {
            let Error::Sealed { reason } = e else { return };
            for request in group {
                request.refuse(Error::Sealed { reason: reason.clone() });
            }
            return;
        }
        writer.look_after_space();
        let group = refuse_late_causes(group, writer.next_seq());
        let tight = writer.space() == Space::ReserveOnly;
        let (group, class) = if tight { essential_of(group) } else { (group, AppendClass::Normal) };
        self.commit_legal(writer, group, own, class);
        *self.space.lock().unwrap_or_else(PoisonError::into_inner) = writer.space();
    }

    fn commit_legal(&self, writer: &mut Writer, group: Vec<Request>, own: Vec<Draft>, class: AppendClass) {
        let own_entries: Vec<(Draft, Prepared)> = own
            .into_iter()
            .filter_map(|draft| Prepared::from_draft(&draft).ok().map(|entry| (draft, entry)))
            .collect();
        if group.is_empty() {
            self.queue().own.extend(own_entries.into_iter().map(|(draft, _)| draft));
            return;
        }
        let first = writer.next_seq();
        let entries = group.iter().flat_map(|request| &request.entries);
        let all = entries.chain(own_entries.iter().map(|(_, entry)| entry));
        match writer.commit(all, class) {
            Ok(()) => {
                let own = own_entries.into_iter().map(|(draft, _)| draft).collect();
                self.deliver(writer, &group, first, own);
            }
            Err(Failed::NoSpace) if class == AppendClass::Normal => {
                let own = own_entries.into_iter().map(|(draft, _)| draft).collect();
                let (essential, class) = essential_of(group);
                // Places of those that are left have moved.
                let essential = refuse_late_causes(essential, first);
                self.commit_legal(writer, essential, own, class);
            }
            Err(Failed::NoSpace) => group.iter().for_each(|request| request.refuse(Error::DiskFull)),
            Err(Failed::Illegal(what)) => {
                group.iter().for_each(|request| request.refuse(Error::Illegal(what.clone())));
            }
            Err(Failed::Broken(reason)) => {
                self.seal(&reason);
                group.iter().for_each(|request| request.refuse(Error::Sealed { reason: reason.clone() }));
            }
        }
    }

    /// The batch is durable: says so to everybody who waits for it, after what has to follow it at once.
    fn deliver(&self, writer: &mut Writer, group: &[Request], first: Seq, own: Vec<Draft>) {
        let mut seq = first;
        let places: Vec<Seq> = group
            .iter()
            .map(|request| {
                let place = seq;
                seq += request.entries.len() as u64;
                place
            })
            .collect();
        let mut records: Vec<Record> =
            (seq..).zip(own).map(|(seq, draft)| writer.record(seq, draft)).collect();
        let rotated = if writer.space() == Space::ReserveOnly && !writer.is_in_spare() {
            Some(writer.rotate_into_spare())
        } else if writer.is_segment_full() {
            Some(writer.rotate())
        } else {
            None
        };
        match rotated {
            Some(Ok(record)) => records.push(record),
            Some(Err(Failed::Broken(reason))) => self.seal(&reason),
            // Without room the active segment grows on.
            Some(Err(Failed::NoSpace | Failed::Illegal(_))) | None => {}
        }
        self.durable.set(writer.head());
        let last = group.len() - 1;
        for (i, (request, first)) in group.iter().zip(places).enumerate() {
            let own = if i == last { std::mem::take(&mut records) } else { Vec::new() };
            request.slot.set(Answer::Done(Ok(Done { first, own })));
        }
    }

    /// Gives the signing over to another key.
    pub fn rotate_key(&self, new: JournalKey) -> Result<Vec<Record>, Error> {
        self.check_sealed()?;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.with_writer(&mut writer, |writer| writer.rotate_key(new))
    }

    /// The end of an orderly run.
    pub fn close(&self) -> Result<(), Error> {
        self.check_sealed()?;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.with_writer(&mut writer, Writer::close)?;
        let _ = self.sealed.set("it was closed".into());
        Ok(())
    }

    fn with_writer<T>(
        &self,
        writer: &mut Writer,
        f: impl FnOnce(&mut Writer) -> Result<T, Failed>,
    ) -> Result<T, Error> {
        self.check_sealed()?;
        let result = f(writer);
        match &result {
            Ok(_) => self.durable.set(writer.head()),
            Err(Failed::Broken(reason)) => self.seal(reason),
            Err(_) => {}
        }
        Ok(result?)
    }

    fn seal(&self, reason: &str) {
        let _ = self.sealed.set(reason.to_owned());
    }

    fn check_sealed(&self) -> Result<(), Error> {
        match self.sealed() {
            Some(reason) => Err(Error::Sealed { reason: reason.to_owned() }),
            None => Ok(()),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_group(waiting: &mut VecDeque<Request>) -> Vec<Request> {
    let mut entries = 0;
    let mut group = Vec::with_capacity(waiting.len());
    while let Some(request) = waiting.front() {
        entries += request.entries.len();
        if !group.is_empty() && entries > BATCH_ENTRIES_MAX {
            break;
        }
        group.extend(waiting.pop_front());
    }
    group
}

/// Refuses requests that name a cause which is not earlier than the entry itself.
fn refuse_late_causes(group: Vec<Request>, mut next: Seq) -> Vec<Request> {
    group
        .into_iter()
        .filter(|request| {
            let legal = (next..).zip(&request.entries).all(|(seq, entry)| entry.cause_is_earlier(seq));
            if legal {
                next += request.entries.len() as u64;
            } else {
                request.refuse(Error::Illegal("its cause is not an earlier entry".into()));
            }
            legal
        })
        .collect()
}

/// Refuses what may not use the reserve.
fn essential_of(group: Vec<Request>) -> (Vec<Request>, AppendClass) {
    let (essential, normal): (Vec<_>, Vec<_>) =
        group.into_iter().partition(|request| request.class == AppendClass::Essential);
    for request in normal {
        request.refuse(Error::DiskFull);
    }
    (essential, AppendClass::Essential)
}
