//! A journal or an export as hindsight reads it: every entry once, in order, chained; where it ends when it is damaged.
//! Not for full verification: that is `journal::verify`, and `fsck` beside it.

use std::ops::ControlFlow;
use std::path::Path;

use crate::audit::first_world;
use crate::base::digest::Blake3;
use crate::base::ids::{IncidentId, Seq};
use crate::base::sign::PublicKey;
use crate::context::World;
use crate::event::incident::IncidentOpened;
use crate::event::journal::Genesis;
use crate::event::{Event, Kind as _, Record};
use crate::journal::{Base, Damage, Error, LineRef, Offline, read_offline};
use crate::subject::Subjects;

/// See the module.
pub struct History {
    offline: Offline,
    subjects: Subjects,
    /// The last entry that is read, where not all are.
    end: Option<Seq>,
}

/// How far a reading came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Entries that were read.
    pub entries: u64,
    /// Why it ended before the end, when the journal is damaged.
    pub damage: Option<Damage>,
}

impl History {
    /// Of a home, a state folder, a journal folder or an export.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Ok(Self { offline: read_offline(folder)?, subjects: Subjects::beside(folder), end: None })
    }

    /// The keys that are beside it: what they open is told, and never folded.
    pub fn subjects(&self) -> &Subjects {
        &self.subjects
    }

    /// As if it ended with this entry: while somebody writes, what is behind it may not be durable yet.
    pub fn upto(self, end: Option<Seq>) -> Self {
        Self { end, ..self }
    }

    /// The genesis entry.
    pub fn genesis(&self) -> &Genesis {
        self.offline.genesis()
    }
    /// Its chain hash.
    pub fn genesis_hash(&self) -> Blake3 {
        self.offline.genesis_hash()
    }

    /// The first entry there is: those below it were pruned.
    pub fn minimum(&self) -> Seq {
        self.offline.minimum()
    }
    /// The state before the first entry there is.
    pub fn first_world(&self) -> Result<World, Error> {
        first_world(&self.offline)
    }
    /// Keys in the order in which they came into force, up to the one that signs the first entry there is.
    pub fn first_keys(&self) -> Vec<(PublicKey, Seq)> {
        let mut keys = vec![(self.genesis().public_key.clone(), 0)];
        for line in self.offline.base().into_iter().flat_map(Base::kept) {
            if let Ok(Event::KeyRotated(rotated)) = line.record().map(|record| record.event) {
                keys.push((rotated.public_key, line.seq + 1));
            }
        }
        keys
    }

    /// Hands out lines behind `after`, decoded. A damaged journal is read up to the damage; an entry of a newer
    /// version is an error, for nobody could say what it changed.
    pub fn read(
        &self,
        after: Option<Seq>,
        f: &mut dyn FnMut(&LineRef<'_>, Record) -> ControlFlow<()>,
    ) -> Result<Read, Error> {
        let mut unreadable = None;
        let read = self.lines(after, &mut |line| match line.record() {
            Ok(record) => f(line, record),
            Err(source) => {
                unreadable = Some(Error::Unreadable { seq: line.seq, source });
                ControlFlow::Break(())
            }
        })?;
        unreadable.map_or(Ok(read), Err)
    }

    /// The same without decoding what the entries hold.
    pub fn lines(
        &self,
        after: Option<Seq>,
        f: &mut dyn FnMut(&LineRef<'_>) -> ControlFlow<()>,
    ) -> Result<Read, Error> {
        let mut entries = 0;
        let read = self.offline.lines(after, &mut |line| {
            if self.end.is_some_and(|end| line.seq > end) {
                return ControlFlow::Break(());
            }
            entries += 1;
            f(line)
        });
        match read {
            Ok(()) => Ok(Read { entries, damage: None }),
            Err(Error::Damaged(damage)) => Ok(Read { entries, damage: Some(damage) }),
            Err(other) => Err(other),
        }
    }

    /// What a blob holds; none when it is not there.
    pub fn blob(&self, digest: &Blake3) -> Result<Option<Vec<u8>>, Error> {
        self.offline.blob(digest)
    }
}

/// Incidents whose id begins so, oldest first.
pub fn named(history: &History, beginning: &str) -> Result<Vec<IncidentId>, Error> {
    let beginning = beginning.to_ascii_lowercase();
    let mut found = Vec::new();
    history.lines(None, &mut |line| {
        if line.kind == IncidentOpened::KIND
            && let Some(id) = line.incident.filter(|id| id.to_string().starts_with(&beginning))
        {
            found.push(id);
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
