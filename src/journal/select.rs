//! Entries that fit several conditions at once: the lists of seqs behind each condition are walked together, each
//! skipping to where another one stands (leapfrog join), so that a page costs what it holds and not what the journal holds.
//! Pure: a list says where its next seq is, and whether it lies in sled or in memory is its own business.

use super::words::Word;
use crate::base::ids::{IncidentId, Seq};

/// Which entries: all of what is asked has to fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of one of these kinds.
    pub kinds: Option<Vec<String>>,
    /// Of this incident.
    pub incident: Option<IncidentId>,
    /// Found by each of these.
    pub words: Vec<Word>,
}

/// Seqs in rising order.
pub trait Postings {
    /// Why it cannot be read.
    type Error;
    /// The first seq that is `from` or later. Asked with rising `from` only.
    fn seek(&mut self, from: Seq) -> Result<Option<Seq>, Self::Error>;
}

/// A list in memory.
pub struct Listed<'a>(&'a [Seq]);

impl<'a> Listed<'a> {
    /// Sorted seqs.
    pub fn new(seqs: &'a [Seq]) -> Self {
        Self(seqs)
    }
}

impl Postings for Listed<'_> {
    type Error = std::convert::Infallible;
    fn seek(&mut self, from: Seq) -> Result<Option<Seq>, Self::Error> {
        let skip = self.0.partition_point(|seq| *seq < from);
        self.0 = &self.0[skip..];
        Ok(self.0.first().copied())
    }
}

/// One of several lists is enough.
pub struct AnyOf<P>(Vec<P>);

impl<P> AnyOf<P> {
    /// Of none there is nothing.
    pub fn new(lists: Vec<P>) -> Self {
        Self(lists)
    }
}

impl<P: Postings> Postings for AnyOf<P> {
    type Error = P::Error;
    fn seek(&mut self, from: Seq) -> Result<Option<Seq>, P::Error> {
        let mut least: Option<Seq> = None;
        for list in &mut self.0 {
            if let Some(seq) = list.seek(from)? {
                least = Some(least.map_or(seq, |least| least.min(seq)));
            }
        }
        Ok(least)
    }
}

/// Seqs from `from` to `upto` that are on every list, at most `limit`; without lists all of them.
pub fn intersect<P: Postings>(
    lists: &mut [P],
    from: Seq,
    upto: Seq,
    limit: usize,
) -> Result<Vec<Seq>, P::Error> {
    let mut found = Vec::new();
    let mut at = from;
    'next: while found.len() < limit && at <= upto {
        for list in lists.iter_mut() {
            match list.seek(at)? {
                None => return Ok(found),
                Some(seq) if seq > at => {
                    at = seq;
                    continue 'next;
                }
                Some(_) => {}
            }
        }
        found.push(at);
        at += 1;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn sets() -> impl Strategy<Value = Vec<BTreeSet<Seq>>> {
        prop::collection::vec(prop::collection::btree_set(0u64..60, 0..40), 0..4)
    }

    proptest! {
        #[test]
        fn it_finds_what_is_in_every_set(sets in sets(), from in 0u64..60, upto in 0u64..70, limit in 0usize..50) {
            let lists: Vec<Vec<Seq>> = sets.iter().map(|set| set.iter().copied().collect()).collect();
            let mut walked: Vec<_> = lists.iter().map(|list| Listed::new(list)).collect();
            let Ok(found) = intersect(&mut walked, from, upto, limit);
            let wanted: Vec<Seq> = (from..=upto).filter(|seq| sets.iter().all(|set| set.contains(seq))).take(limit).collect();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn any_of_several_is_their_union(sets in sets(), from in 0u64..60) {
            let lists: Vec<Vec<Seq>> = sets.iter().map(|set| set.iter().copied().collect()).collect();
            let mut any = [AnyOf::new(lists.iter().map(|list| Listed::new(list)).collect())];
            let Ok(found) = intersect(&mut any, from, 99, 99);
            let wanted: Vec<Seq> = (from..=99).filter(|seq| sets.iter().any(|set| set.contains(seq))).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
