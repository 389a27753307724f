//! Entries of a home without its daemon: read straight from the segments, folded once. No lock, no sled.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::entries::{Entries, Error, Head, Health};
use super::live::{failed, kept_records};
use super::projection::Audit;
use crate::base::digest::Blake3;
use crate::base::ids::{IncidentId, Seq};
use crate::context::{FOLD_VERSION, World};
use crate::event::Record;
use crate::journal::{self, AnyOf, Following, Listed, Selection, Theirs, Word, intersect, read_offline};
use crate::subject::Subjects;

/// See the module.
struct Offline {
    journal: journal::Offline,
    head: Option<Head>,
    /// Wall time of each entry, by seq.
    times: Vec<i64>,
    incidents: BTreeMap<IncidentId, Vec<Seq>>,
    kinds: BTreeMap<String, Vec<Seq>>,
    words: BTreeMap<Word, Vec<Seq>>,
}

/// The state that folding a journal from its first entry on begins with: nothing, or in a pruned one what was kept.
pub fn first_world(journal: &journal::Offline) -> Result<World, journal::Error> {
    let Some(bytes) = journal.first_state(FOLD_VERSION)? else {
        return Ok(World::new(journal.genesis_hash()));
    };
    World::from_snapshot(&bytes).map_err(|e| match journal.base() {
        Some(base) => base.no_state(format!("cannot be read ({e})")),
        None => journal::Error::Illegal(format!("a state cannot be read: {e}")),
    })
}

impl Audit {
    /// The read model of a journal that no daemon serves: a home, its state folder, or an export.
    pub fn offline(folder: &Path) -> Result<Self, Error> {
        Self::read(folder, Newer::Refused)
    }

    /// Its entries only, as they are stored: also those that a newer version wrote. Views of the state stand before the
    /// first of these; whoever wants them takes [`Audit::offline`], which refuses.
    pub fn offline_entries(folder: &Path) -> Result<Self, Error> {
        Self::read(folder, Newer::Listed)
    }

    fn read(folder: &Path, newer: Newer) -> Result<Self, Error> {
        let journal = read_offline(folder).map_err(failed("the segments"))?;
        let mut world = first_world(&journal).map_err(failed("the state that it begins with"))?;
        let mut offline = Offline {
            journal,
            head: None,
            times: Vec::new(),
            incidents: BTreeMap::new(),
            kinds: BTreeMap::new(),
            words: BTreeMap::new(),
        };
        offline.fold(&mut world, newer)?;
        let audit = Self::still(Arc::new(offline), world);
        audit.open_with(Subjects::beside(folder));
        Ok(audit)
    }
}

/// What is done with an entry that a newer version wrote.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Newer {
    Refused,
    Listed,
}

impl Offline {
    fn fold(&mut self, world: &mut World, newer: Newer) -> Result<(), Error> {
        let Self { journal, times, incidents, kinds, words, .. } = self;
        let mut following = Following::default();
        let mut unreadable = None;
        let mut known = true;
        let read = journal.lines(None, &mut |line| {
            times.push(line.at.time_us);
            kinds.entry(line.kind.to_owned()).or_default().push(line.seq);
            if let Some(id) = line.incident {
                incidents.entry(id).or_default().push(line.seq);
            }
            let record = match line.record() {
                Ok(record) => record,
                Err(_) if newer == Newer::Listed => {
                    known = false;
                    return ControlFlow::Continue(());
                }
                Err(error) => {
                    unreadable = Some((line.seq, error));
                    return ControlFlow::Break(());
                }
            };
            // Everything is followed from the start, so there is nothing earlier to look up.
            for word in following.words(line, &mut |_| Theirs::default()) {
                words.entry(word).or_default().push(record.seq);
            }
            if known {
                world.apply(&record);
            }
            ControlFlow::Continue(())
        });
        read.map_err(failed("the segments"))?;
        if let Some((seq, error)) = unreadable {
            return Err(Error::Journal { what: format!("entry {seq}"), source: Box::new(error) });
        }
        self.head = match (self.times.len() as Seq).checked_sub(1) {
            Some(behind) => {
                let seq = self.journal.minimum() + behind;
                self.one(seq, |line| Head { seq, hash: line.chain_hash() })?
            }
            None => None,
        };
        Ok(())
    }

    /// What `f` makes of one line.
    fn one<T>(&self, seq: Seq, f: impl Fn(&journal::LineRef<'_>) -> T) -> Result<Option<T>, Error> {
        if self.head.is_some_and(|head| seq > head.seq) {
            return Ok(None);
        }
        let minimum = self.journal.minimum();
        if seq < minimum {
            return Err(Error::Pruned { seq, minimum });
        }
        let mut found = None;
        let read = self.journal.lines(seq.checked_sub(1), &mut |line| {
            found = (line.seq == seq).then(|| f(line));
            ControlFlow::Break(())
        });
        read.map_err(failed("an entry"))?;
        Ok(found)
    }
}

fn listed(seqs: Option<&Vec<Seq>>) -> Listed<'_> {
    Listed::new(seqs.map_or(&[][..], Vec::as_slice))
}

impl Entries for Offline {
    fn head(&self) -> Result<Option<Head>, Error> {
        Ok(self.head)
    }
    fn record(&self, seq: Seq) -> Result<Option<Record>, Error> {
        let record = self.one(seq, |line| line.record())?.transpose();
        record.map_err(|e| Error::Journal { what: format!("entry {seq}"), source: Box::new(e) })
    }
    fn line(&self, seq: Seq) -> Result<Option<String>, Error> {
        self.one(seq, |line| line.as_str().to_owned())
    }
    fn lines(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, String)>, Error> {
        let mut lines = Vec::new();
        // What was appended since the fold belongs to the next command.
        let last = match self.head {
            Some(head) if limit > 0 && after.is_none_or(|after| after < head.seq) => head.seq,
            _ => return Ok(lines),
        };
        let read = self.journal.lines(after, &mut |line| {
            lines.push((line.seq, line.as_str().to_owned()));
            if lines.len() >= limit || line.seq >= last {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        read.map_err(failed("a page of entries"))?;
        Ok(lines)
    }
    fn minimum(&self) -> Seq {
        self.journal.minimum()
    }
    fn below(&self) -> Vec<Record> {
        self.journal.base().map(kept_records).unwrap_or_default()
    }
    fn by_incident(&self, id: IncidentId) -> Result<Vec<Seq>, Error> {
        Ok(self.incidents.get(&id).cloned().unwrap_or_default())
    }
    fn by_kind(&self, kind: &str) -> Result<Vec<Seq>, Error> {
        Ok(self.kinds.get(kind).cloned().unwrap_or_default())
    }
    fn select(&self, selection: &Selection, from: Seq, upto: Seq, limit: usize) -> Result<Vec<Seq>, Error> {
        let mut lists = Vec::new();
        if let Some(kinds) = &selection.kinds {
            lists.push(AnyOf::new(kinds.iter().map(|kind| listed(self.kinds.get(kind.as_str()))).collect()));
        }
        if let Some(id) = &selection.incident {
            lists.push(AnyOf::new(vec![listed(self.incidents.get(id))]));
        }
        lists.extend(selection.words.iter().map(|word| AnyOf::new(vec![listed(self.words.get(word))])));
        let upto = self.head.map_or(0, |head| head.seq).min(upto);
        let Ok(found) = intersect(&mut lists, from, upto, limit);
        Ok(found)
    }
    fn by_time(&self, from_us: i64, to_us: i64) -> Result<Vec<Seq>, Error> {
        let within = |(_, time): &(Seq, &i64)| (from_us..=to_us).contains(*time);
        Ok((self.journal.minimum()..).zip(&self.times).filter(within).map(|(seq, _)| seq).collect())
    }
    fn blob(&self, digest: &Blake3) -> Result<Option<Vec<u8>>, Error> {
        self.journal.blob(digest).map_err(failed("a blob"))
    }
    fn health(&self) -> Health {
        Health::default()
    }
    fn follow(&self, _: Option<Seq>, _: Duration) -> Result<Option<Vec<Record>>, Error> {
        Ok(None)
    }
}
