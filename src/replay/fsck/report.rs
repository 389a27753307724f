//! What an independent check found.

use serde::Serialize;

use crate::base::ids::Seq;

/// Version of the JSON.
const V: u32 = 1;
/// Problems that are listed of one check; all are counted.
const PROBLEMS_MAX: usize = 20;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Version of this shape.
    pub v: u32,
    /// Entries that are chained to genesis.
    pub entries: u64,
    /// Chain hash of the last of them.
    pub head: Option<String>,
    /// Whether nothing is wrong.
    pub good: bool,
    /// Each check.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `chain`, `signatures`, `segments`, `end`, `blobs`, `sled`, `tree`, `legality`, `derived`, `snapshots`.
    pub name: String,
    /// What must hold.
    pub what: String,
    /// How many things were looked at; 0 with a note = it could not be checked.
    pub looked: u64,
    /// Why it was not checked.
    pub note: Option<String>,
    /// How many problems there are.
    pub wrong: u64,
    /// The first of them.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The entry.
    pub seq: Option<Seq>,
    /// What is wrong.
    pub what: String,
}

impl Report {
    /// Of the checks that were made.
    pub(super) fn of(entries: u64, head: Option<String>, checks: Vec<Check>) -> Self {
        let good = checks.iter().all(|check| check.wrong == 0);
        Self { v: V, entries, head, good, checks }
    }
}

/// A check under way.
pub(super) struct Findings(Check);

impl Findings {
    pub fn new(name: &str, what: &str) -> Self {
        let (name, what) = (name.to_owned(), what.to_owned());
        Self(Check { name, what, looked: 0, note: None, wrong: 0, problems: Vec::new() })
    }
    pub fn looked(&mut self) {
        self.0.looked += 1;
    }
    pub fn problem(&mut self, seq: Option<Seq>, what: String) {
        self.0.wrong += 1;
        if self.0.problems.len() < PROBLEMS_MAX {
            self.0.problems.push(Problem { seq, what });
        }
    }
    pub fn note(&mut self, why: impl Into<String>) {
        self.0.note = Some(why.into());
    }
    pub fn check(self) -> Check {
        self.0
    }
}
