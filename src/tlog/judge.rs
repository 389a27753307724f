//! What is wrong with a head: a checkpoint against a journal, against the head that was seen last, against a policy and the
//! clock. Pure: everything it needs is handed in. Not for reading any of it (`offline`) nor for exit codes (`cli`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, LogKey};
use super::merkle::Hash;
use super::note::{Note, Verdict};
use super::offline::Journal;
use super::policy::Policy;
use super::proof::Proof;
use crate::base::formats::{self, Version};

/// One thing that is wrong. The order is that of how much it says: the first of several is what a check ends with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Finding {
    /// Something is not what was signed, or proves nothing.
    #[error("tampered: {0}")]
    Tampered(String),
    /// Two trees where there may be one: history was rewritten, or different people are shown different logs.
    #[error("forked: {0}")]
    Forked(String),
    /// Entries that were there are not there any more.
    #[error("truncated or rolled back: {0}")]
    Truncated(String),
    /// Nobody whom the policy believes signed it.
    #[error("unknown key: {0}")]
    UnknownKey(String),
    /// Too few witnesses cosigned it.
    #[error("quorum missing: {0}")]
    NoQuorum(String),
    /// It is older than it may be.
    #[error("stale: {0}")]
    Stale(String),
}

impl Finding {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Tampered(_) => "tampered",
            Self::Forked(_) => "forked",
            Self::Truncated(_) => "truncated",
            Self::UnknownKey(_) => "unknown_key",
            Self::NoQuorum(_) => "no_quorum",
            Self::Stale(_) => "stale",
        }
    }
}

/// The head that was seen last, as it is kept between two checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastSeen {
    /// Version of this shape.
    pub v: Version<{ formats::LAST_SEEN }>,
    /// Which log.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// The root over them, base64.
    pub root: String,
    /// The signed checkpoint of it or of a smaller one, as evidence.
    #[serde(default)]
    pub checkpoint: Option<String>,
}

/// The clock, and how old a head may be. Unix seconds.
#[derive(Debug, Clone, Copy)]
pub struct Age {
    /// Now.
    pub now: u64,
    /// The oldest that a head may be.
    pub max: Option<u64>,
}

/// What a note turned out to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// What it says, when it can be read.
    pub head: Option<Checkpoint>,
    /// When its log, or a witness of the policy, last called it the newest.
    pub time: Option<u64>,
    /// Witnesses that cosigned it, each with the time.
    pub cosigned: BTreeMap<String, u64>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Judges who signed a note, and when.
pub fn signatures(note: &Note, policy: &Policy, age: Age) -> Judged {
    let mut judged = Judged::default();
    let head = match Checkpoint::parse(&note.text) {
        Ok(head) => head,
        Err(error) => {
            judged.findings.push(Finding::Tampered(error.to_string()));
            return judged;
        }
    };
    let of_origin = policy.logs().iter().filter(|log| log.key.origin == head.origin);
    let mut known = false;
    for log in of_origin {
        match log.key.judge(note) {
            (Verdict::Holds(_), time) => {
                (known, judged.time) = (true, judged.time.max(time));
            }
            (Verdict::Wrong, _) => {
                judged.findings.push(Finding::Tampered(format!(
                    "the signature of the log {} does not hold",
                    head.origin
                )));
                known = true;
            }
            (Verdict::Absent, _) => {}
        }
    }
    if !known {
        judged
            .findings
            .push(Finding::UnknownKey(format!("no key that is believed signed the head of {}", head.origin)));
    }
    let cosigned = policy.judge(note);
    for name in &cosigned.wrong {
        judged
            .findings
            .push(Finding::Tampered(format!("the cosignature of the witness {name} does not hold")));
    }
    if !cosigned.quorum {
        let names: Vec<&str> = cosigned.cosigned.keys().map(String::as_str).collect();
        let who = if names.is_empty() { "no witness".into() } else { names.join(", ") };
        judged
            .findings
            .push(Finding::NoQuorum(format!("{who} cosigned it, which the policy does not call enough")));
    }
    judged.time = judged.time.max(cosigned.cosigned.values().copied().max());
    judged.cosigned = cosigned.cosigned;
    judged.findings.extend(too_old(judged.time, age));
    judged.head = Some(head);
    judged
}

fn too_old(time: Option<u64>, age: Age) -> Option<Finding> {
    let max = age.max?;
    match time {
        None => Some(Finding::Stale("nobody who is believed says when it was the newest head".into())),
        Some(time) if age.now.saturating_sub(time) > max => {
            let old = age.now - time;
            Some(Finding::Stale(format!("it was called the newest {old} s ago, at most {max} s are allowed")))
        }
        Some(_) => None,
    }
}

/// Whether a head is one of this journal. `what` names it for people.
pub fn against_journal(what: &str, size: u64, root: &Hash, journal: &Journal) -> Option<Finding> {
    if size > journal.size {
        let text = format!("{what} has {size} entries, this journal {}", journal.size);
        return Some(Finding::Truncated(text));
    }
    match journal.roots.get(&size) {
        Some(ours) if ours == root => None,
        None if size < journal.minimum => Some(Finding::Truncated(format!(
            "{what} has {size} entries; this journal begins with entry {}, and the hashes of what was pruned are not beside it",
            journal.minimum
        ))),
        _ => Some(Finding::Forked(format!(
            "{what} has another root over the first {size} entries than this journal"
        ))),
    }
}

/// Whether a journal, or a checkpoint alone, continues the head that was seen last.
pub fn against_last_seen(seen: &LastSeen, origin: Option<&str>, now: Now<'_>) -> Option<Finding> {
    // A journal that was no log yet had no name.
    let renamed = |origin: &&str| !seen.origin.is_empty() && **origin != *seen.origin;
    if let Some(other) = origin.filter(renamed) {
        return Some(Finding::Forked(format!(
            "the head that was seen last is of the log {}, this one is {other}",
            seen.origin
        )));
    }
    let Some(root) = Hash::parse(&seen.root) else {
        return Some(Finding::Tampered("the root in the state file is no hash".into()));
    };
    match now {
        Now::Journal(journal) => against_journal("the head that was seen last", seen.size, &root, journal),
        Now::Head(head) if head.size < seen.size => {
            let text =
                format!("the head that was seen last has {} entries, this one {}", seen.size, head.size);
            Some(Finding::Truncated(text))
        }
        Now::Head(head) if head.size == seen.size && head.root != root => Some(Finding::Forked(format!(
            "the head that was seen last has another root over {} entries",
            seen.size
        ))),
        Now::Head(_) => None,
    }
}

/// What the head that was seen last is compared with.
#[derive(Debug, Clone, Copy)]
pub enum Now<'a> {
    /// A journal with the roots at hand.
    Journal(&'a Journal),
    /// A checkpoint alone: only its size and, at the same size, its root can be compared.
    Head(&'a Checkpoint),
}

/// Judges a proof: its signatures, its path, and its head against a journal, if there is one.
pub fn proof(
    proof: &Proof,
    entry: Option<&[u8]>,
    policy: &Policy,
    age: Age,
    journal: Option<&Journal>,
) -> Judged {
    let mut judged = signatures(&proof.note, policy, age);
    match entry {
        Some(entry) if !proof.shows(entry) => {
            let text = format!(
                "the path does not lead from this entry to the root of the checkpoint (index {})",
                proof.index
            );
            judged.findings.push(Finding::Tampered(text));
        }
        Some(_) => {}
        None => {
            judged.findings.push(Finding::Truncated(format!("entry {} is not in this journal", proof.index)))
        }
    }
    if let (Some(head), Some(journal)) = (&judged.head, journal) {
        judged.findings.extend(against_journal("the proof's checkpoint", head.size, &head.root, journal));
    }
    judged
}

/// The keys that a policy believes; those that a journal names of itself when it names none.
pub fn believed(policy: Option<Policy>, named: &[LogKey]) -> Policy {
    match policy {
        Some(policy) if policy.logs().is_empty() => policy.with_logs(named),
        Some(policy) => policy,
        None => Policy::of_logs(named.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::sign::JournalKey;
    use crate::tlog::merkle::{InMemory, inclusion, root};

    fn key() -> JournalKey {
        JournalKey::from_seed(&[8; 32])
    }

    fn tree(salt: u64) -> InMemory {
        let mut tree = InMemory::default();
        (0..30_u64).for_each(|n| tree.push(Hash::of_leaf(&(n + salt).to_be_bytes())));
        tree
    }

    fn journal() -> Journal {
        let roots: BTreeMap<u64, Hash> = (0..=30).map(|n| (n, root(&tree(0), n).expect("a root"))).collect();
        Journal { size: 30, root: roots[&30], roots, entries: BTreeMap::new(), keys: Vec::new(), minimum: 0 }
    }

    fn head(size: u64, salt: u64) -> Checkpoint {
        Checkpoint { origin: "log".into(), size, root: root(&tree(salt), size).expect("a root") }
    }

    fn policy() -> Policy {
        Policy::of_logs(vec![LogKey { origin: "log".into(), key: key().public() }])
    }

    const AGE: Age = Age { now: 1_000, max: Some(120) };

    fn codes(findings: impl IntoIterator<Item = Finding>) -> Vec<&'static str> {
        findings.into_iter().map(|finding| finding.code()).collect()
    }

    #[test]
    fn each_trouble_of_a_checkpoint_has_its_own_name() {
        let judge = |note: &Note| codes(signatures(note, &policy(), AGE).findings);
        let good = head(20, 0).signed(&key(), 990);
        assert_eq!(judge(&good), Vec::<&str>::new());
        assert_eq!(judge(&head(20, 0).signed(&key(), 879)), ["stale"]);
        assert_eq!(
            judge(&head(20, 0).signed(&JournalKey::from_seed(&[9; 32]), 990)),
            ["unknown_key", "stale"]
        );
        let mut changed = good.clone();
        changed.text = changed.text.replace("\n20\n", "\n21\n");
        assert_eq!(judge(&changed)[0], "tampered");
        let mut untimed = good.clone();
        untimed.signatures.pop();
        assert_eq!(judge(&untimed), ["stale"]);
        let text = format!("log {}\nwitness w {}\nquorum w", policy().logs()[0].key.verifier(), {
            use crate::tlog::note::{Kind, Verifier};
            Verifier::new("w", Kind::Timestamped, JournalKey::from_seed(&[10; 32]).public())
        });
        let witnessed = Policy::parse(&text).expect("a policy");
        assert_eq!(codes(signatures(&good, &witnessed, AGE).findings), ["no_quorum"]);
    }

    #[test]
    fn a_head_is_one_of_the_journal_or_it_is_said_which_way_not() {
        let against = |head: Checkpoint| codes(against_journal("x", head.size, &head.root, &journal()));
        assert_eq!(against(head(20, 0)), Vec::<&str>::new());
        assert_eq!(against(head(20, 1)), ["forked"]);
        let longer = Checkpoint { size: 31, ..head(30, 0) };
        assert_eq!(against(longer), ["truncated"]);
        let seen = |head: Checkpoint| LastSeen {
            v: Version,
            origin: head.origin,
            size: head.size,
            root: head.root.to_string(),
            checkpoint: None,
        };
        let now = |seen: LastSeen, now| codes(against_last_seen(&seen, Some("log"), now));
        let (ours, alone) = (journal(), head(20, 0));
        assert_eq!(now(seen(head(20, 0)), Now::Journal(&ours)), Vec::<&str>::new());
        assert_eq!(now(seen(head(20, 1)), Now::Journal(&ours)), ["forked"]);
        assert_eq!(now(seen(Checkpoint { size: 99, ..head(20, 0) }), Now::Journal(&ours)), ["truncated"]);
        assert_eq!(
            now(seen(Checkpoint { origin: "other".into(), ..head(20, 0) }), Now::Journal(&ours)),
            ["forked"]
        );
        let nameless = Checkpoint { origin: String::new(), ..head(20, 0) };
        assert_eq!(now(seen(nameless), Now::Journal(&ours)), Vec::<&str>::new());
        assert_eq!(now(seen(head(21, 0)), Now::Head(&alone)), ["truncated"]);
        assert_eq!(now(seen(head(20, 1)), Now::Head(&alone)), ["forked"]);
        assert_eq!(now(seen(head(19, 0)), Now::Head(&alone)), Vec::<&str>::new());
    }

    #[test]
    fn a_proof_is_judged_with_its_entry_and_its_journal() {
        let path = inclusion(&tree(0), 7, 20).expect("a path");
        let good = Proof { extra: None, index: 7, path, note: head(20, 0).signed(&key(), 990) };
        let entry = 7_u64.to_be_bytes();
        let judge = |p: &Proof, entry| codes(proof(p, entry, &policy(), AGE, Some(&journal())).findings);
        assert_eq!(judge(&good, Some(&entry[..])), Vec::<&str>::new());
        assert_eq!(judge(&good, Some(&b"other"[..])), ["tampered"]);
        assert_eq!(judge(&good, None), ["truncated"]);
        let path = inclusion(&tree(1), 7, 20).expect("a path");
        let forked = Proof { path, note: head(20, 1).signed(&key(), 990), ..good };
        assert_eq!(judge(&forked, Some(&8_u64.to_be_bytes()[..])), ["forked"]);
    }

    #[test]
    fn what_says_more_comes_first() {
        let text = String::new;
        let mut all = vec![
            Finding::Stale(text()),
            Finding::NoQuorum(text()),
            Finding::UnknownKey(text()),
            Finding::Truncated(text()),
            Finding::Forked(text()),
            Finding::Tampered(text()),
        ];
        all.sort();
        assert_eq!(codes(all), ["tampered", "forked", "truncated", "unknown_key", "no_quorum", "stale"]);
    }
}
