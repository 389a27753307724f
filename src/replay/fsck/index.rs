//! The index beside the segments: every line byte for byte the same, every entry found by its incident and its kind.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::report::{Check, Findings};
use crate::base::ids::{IncidentId, Seq};
use crate::journal::{Error, IndexCopy, IndexSeen, copy_index};

/// Lines that are compared at a time.
const PIECE: usize = 2_048;
/// Bytes of a line's digest that are kept until it is compared.
type Short = [u8; 16];

#[derive(Deserialize)]
struct Members<'a> {
    seq: Seq,
    kind: &'a str,
    incident: Option<IncidentId>,
}

/// What the segments hold, as far as it is compared.
#[derive(Default)]
pub(super) struct Index {
    /// The first entry there is.
    minimum: Seq,
    lines: Vec<Short>,
    incidents: BTreeMap<IncidentId, Vec<Seq>>,
    kinds: BTreeMap<String, Vec<Seq>>,
}

fn short(line: &[u8]) -> Short {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(line).as_bytes()[..16]);
    short
}

impl Index {
    /// Of a journal that begins there.
    pub fn above(minimum: Seq) -> Self {
        Self { minimum, ..Self::default() }
    }

    /// One good line.
    pub fn take(&mut self, text: &str, line: &[u8]) {
        self.lines.push(short(line));
        let Ok(m) = serde_json::from_str::<Members<'_>>(text) else { return };
        if let Some(id) = m.incident {
            self.incidents.entry(id).or_default().push(m.seq);
        }
        match self.kinds.get_mut(m.kind) {
            Some(seqs) => seqs.push(m.seq),
            None => drop(self.kinds.insert(m.kind.to_owned(), vec![m.seq])),
        }
    }

    /// Compared with a copy of the index.
    pub fn check(self, state: Option<&Path>, entries: u64) -> Result<Check, Error> {
        let mut findings =
            Findings::new("sled", "each line is the same as in the segments, each index finds what is there");
        match state.map(copy_index).transpose()? {
            None => findings.note("an export has no index"),
            Some(IndexSeen::Absent) => findings.note("there is none: it is built anew at the next start"),
            Some(IndexSeen::InUse) => findings.note("a daemon has it open: stop it to have it checked"),
            Some(IndexSeen::Broken(why)) => {
                findings.problem(
                    None,
                    format!("it cannot be opened ({why}); it is built anew at the next start"),
                );
            }
            Some(IndexSeen::Copied(copy)) => self.compare(&copy, entries, &mut findings),
        }
        Ok(findings.check())
    }

    fn compare(&self, copy: &IndexCopy, entries: u64, findings: &mut Findings) {
        if let Err(why) = copy.check_rows() {
            findings.problem(None, format!("an index row does not check: {why}"));
        }
        let upto = copy.head().map_or(0, |head| head.seq + 1);
        if upto > entries {
            findings.problem(Some(entries), format!("it has {upto} entries, the segments {entries}"));
        }
        let mut from = self.minimum;
        while from < upto {
            let lines = match copy.lines(from, PIECE) {
                Ok(lines) => lines,
                Err(why) => return findings.problem(Some(from), format!("its lines cannot be read: {why}")),
            };
            if lines.is_empty() {
                return findings.problem(Some(from), "its lines end here, before its head".into());
            }
            for line in lines {
                findings.looked();
                let there = usize::try_from(from - self.minimum).ok().and_then(|at| self.lines.get(at));
                if there.is_none_or(|there| *there != short(&line)) {
                    findings.problem(Some(from), "its line is not the one in the segments".into());
                }
                from += 1;
            }
        }
        let known = |seqs: &[Seq]| seqs.iter().copied().filter(|seq| *seq < upto).collect::<Vec<Seq>>();
        let mut differ = |what: String, found: Result<Vec<Seq>, String>, there: &[Seq]| match found {
            Ok(found) if known(&found) == known(there) => {}
            Ok(_) => findings.problem(there.first().copied(), format!("it finds other entries by {what}")),
            Err(why) => findings.problem(None, format!("it cannot be asked by {what}: {why}")),
        };
        for (id, seqs) in &self.incidents {
            differ(format!("incident {id}"), copy.by_incident(id), seqs);
        }
        for (kind, seqs) in &self.kinds {
            differ(format!("kind {kind}"), copy.by_kind(kind), seqs);
        }
    }
}
