//! What looks remember between looks (sizes of a growing file, the place in a log), by what is looked at.
//! Bounded: what was not asked for longest goes first. Not for edges (`hysteresis`), nor across restarts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::limits::LOOKS_KEPT_MAX;

/// Something remembered per look.
#[derive(Debug)]
pub(super) struct Kept<T>(Arc<Mutex<Table<T>>>);

#[derive(Debug)]
struct Table<T> {
    /// Counts uses: the order in which things were asked for.
    uses: u64,
    rows: BTreeMap<String, (u64, Arc<Mutex<T>>)>,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Table { uses: 0, rows: BTreeMap::new() })))
    }
}

impl<T: Default> Kept<T> {
    /// What is remembered for this look; something fresh when it is new.
    pub(super) fn of(&self, look: &impl serde::Serialize) -> Arc<Mutex<T>> {
        let key = serde_json::to_string(look).unwrap_or_default();
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.uses += 1;
        let now = table.uses;
        if let Some((used, row)) = table.rows.get_mut(&key) {
            *used = now;
            return Arc::clone(row);
        }
        if table.rows.len() >= LOOKS_KEPT_MAX {
            let oldest = table.rows.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
            oldest.and_then(|key| table.rows.remove(&key));
        }
        let row = Arc::default();
        table.rows.insert(key, (now, Arc::clone(&row)));
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_look_finds_its_row_and_the_oldest_goes_first() {
        let kept = Kept::<u64>::default();
        *kept.of(&0_usize).lock().unwrap() = 7;
        *kept.of(&1_usize).lock().unwrap() = 8;
        for look in 2..LOOKS_KEPT_MAX {
            kept.of(&look);
        }
        assert_eq!(*kept.of(&0_usize).lock().unwrap(), 7);
        kept.of(&LOOKS_KEPT_MAX);
        assert_eq!(*kept.of(&0_usize).lock().unwrap(), 7, "used lately");
        assert_eq!(*kept.of(&1_usize).lock().unwrap(), 0, "the oldest was forgotten");
    }
}
