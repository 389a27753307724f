//! Senders' own ids, so that a report sent twice is one entry and one receipt.
//! (source, id), for 24 h and 200,000 at most, the oldest forgotten first.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::base::ids::{Receipt, Seq};
use crate::base::limits::{SENDER_IDS_MAX, SENDER_IDS_MS_MAX};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Senders {
    known: BTreeMap<String, (Receipt, Seq)>,
    order: VecDeque<(u64, String)>,
}

impl Senders {
    /// Remembers an accepted report.
    pub fn remember(&mut self, source: &str, id: &str, receipt: Receipt, seq: Seq, now: u64) {
        let key = key(source, id);
        if self.known.insert(key.clone(), (receipt, seq)).is_none() {
            self.order.push_back((now, key));
        }
        while let Some((at, _)) = self.order.front() {
            if self.order.len() <= SENDER_IDS_MAX && at + SENDER_IDS_MS_MAX > now {
                break;
            }
            if let Some((_, key)) = self.order.pop_front() {
                self.known.remove(&key);
            }
        }
    }
    /// The receipt that this sender got for this id.
    pub fn find(&self, source: &str, id: &str) -> Option<(Receipt, Seq)> {
        self.known.get(&key(source, id)).copied()
    }
}

/// Source and id cannot run into each other: neither may hold a control character.
fn key(source: &str, id: &str) -> String {
    format!("{source}\u{0}{id}")
}
