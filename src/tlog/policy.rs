//! Whom to believe: policies as c2sp.org/tlog-policy has them (logs, witnesses, groups, one quorum), and their judgement
//! of a note. Text in, judgement out. Not for whether a checkpoint fits a journal (`judge`).

use std::collections::{BTreeMap, BTreeSet};

use super::checkpoint::LogKey;
use super::note::{Kind, Note, Verdict, Verifier};
use crate::base::limits::{POLICY_BYTES_MAX, POLICY_LINES_MAX, SHOWN_BYTES_MAX};
use crate::base::text::shown;

/// A line that is not as the format has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {what}")]
pub struct PolicyError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// A log of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its name and key.
    pub key: LogKey,
    /// Where it is served, when the policy says so.
    pub url: Option<String>,
}

/// A witness of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its key.
    pub verifier: Verifier,
    /// Where it takes checkpoints, when the policy says so.
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    Witness(Box<Witness>),
    Group { least: usize, of: Vec<String> },
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    members: BTreeMap<String, Member>,
    /// None: `quorum none`.
    quorum: Option<String>,
}

/// What a policy says of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Names of the witnesses whose cosignature holds, each with its time (Unix seconds).
    pub cosigned: BTreeMap<String, u64>,
    /// Names of those whose line does not hold.
    pub wrong: BTreeSet<String>,
    /// Whether those that hold are enough.
    pub quorum: bool,
}

/// Words that no witness or group may be called.
const NONE: &str = "none";

impl Policy {
    /// Of these logs, asking for no cosignature: what one has who knows a log and nothing else.
    pub fn of_logs(logs: Vec<LogKey>) -> Self {
        Self { logs: Vec::new(), members: BTreeMap::new(), quorum: None }.with_logs(&logs)
    }

    /// Reads a policy file.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut policy = Self { logs: Vec::new(), members: BTreeMap::new(), quorum: None };
        let (mut quorum, mut grouped, mut lines) = (None, BTreeSet::new(), 0);
        if text.len() > POLICY_BYTES_MAX {
            return Err(PolicyError { line: 1, what: "the policy is longer than 1 MiB".into() });
        }
        for (number, line) in (1..).zip(text.split('\n')) {
            let wrong = |what: String| PolicyError { line: number, what };
            if line.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
                return Err(wrong("control characters".into()));
            }
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            let Some((what, rest)) = words.split_first().filter(|(word, _)| !word.starts_with('#')) else {
                continue;
            };
            lines += 1;
            if lines > POLICY_LINES_MAX {
                return Err(wrong(format!("more than {POLICY_LINES_MAX} lines that say something")));
            }
            match *what {
                "log" => policy.add_log(rest).map_err(wrong)?,
                "witness" => policy.add_witness(rest).map_err(wrong)?,
                "group" => policy.add_group(rest, &mut grouped).map_err(wrong)?,
                "quorum" if quorum.is_some() => return Err(wrong("a second quorum".into())),
                "quorum" => quorum = Some(policy.read_quorum(rest).map_err(wrong)?),
                other => return Err(wrong(format!("`{}` begins no line", shown(other, SHOWN_BYTES_MAX)))),
            }
        }
        let missing = PolicyError { line: text.lines().count(), what: "there is no `quorum` line".into() };
        policy.quorum = quorum.ok_or(missing)?;
        Ok(policy)
    }

    fn add_log(&mut self, words: &[&str]) -> Result<(), String> {
        let (vkey, url) = one_and_url(words).ok_or("a log is `log VKEY [URL]`")?;
        let key = Verifier::parse(vkey).map_err(|e| e.to_string())?;
        let key = LogKey::of(&key).ok_or("the key of a log is one of Ed25519 (1)")?;
        if self.logs.iter().any(|log| log.key.key == key.key) {
            return Err("a second log with that key".into());
        }
        self.logs.push(Log { key, url });
        Ok(())
    }

    fn add_witness(&mut self, words: &[&str]) -> Result<(), String> {
        let (name, rest) = words.split_first().ok_or("a witness is `witness NAME VKEY [URL]`")?;
        let (vkey, url) = one_and_url(rest).ok_or("a witness is `witness NAME VKEY [URL]`")?;
        let verifier = Verifier::parse(vkey).map_err(|e| e.to_string())?;
        if verifier.kind != Kind::Timestamped {
            return Err("the key of a witness is one of cosignature/v1 (4)".into());
        }
        if self.witnesses().any(|(_, known)| known.verifier.key == verifier.key) {
            return Err("a second witness with that key".into());
        }
        self.add(name, Member::Witness(Box::new(Witness { verifier, url })))
    }

    fn add_group(&mut self, words: &[&str], grouped: &mut BTreeSet<String>) -> Result<(), String> {
        let [name, least, of @ ..] = words else {
            return Err("a group is `group NAME all|any|K NAME…`".into());
        };
        if of.is_empty() {
            return Err("a group has members".into());
        }
        for member in of {
            if !self.members.contains_key(*member) {
                return Err(format!("`{}` is not defined above", shown(member, SHOWN_BYTES_MAX)));
            }
            if !grouped.insert((*member).to_owned()) {
                return Err(format!("`{}` is a member already", shown(member, SHOWN_BYTES_MAX)));
            }
        }
        let least = match *least {
            "all" => of.len(),
            "any" => 1,
            digits => super::checkpoint::decimal(digits)
                .and_then(|k| usize::try_from(k).ok())
                .filter(|k| (1..=of.len()).contains(k))
                .ok_or_else(|| format!("a group's threshold is all, any or 1 to {}", of.len()))?,
        };
        self.add(name, Member::Group { least, of: of.iter().map(|name| (*name).to_owned()).collect() })
    }

    fn add(&mut self, name: &str, member: Member) -> Result<(), String> {
        if name == NONE || self.members.contains_key(name) {
            return Err(format!("`{}` is taken", shown(name, SHOWN_BYTES_MAX)));
        }
        self.members.insert(name.to_owned(), member);
        Ok(())
    }

    fn read_quorum(&self, words: &[&str]) -> Result<Option<String>, String> {
        match words {
            [NONE] => Ok(None),
            [name] if self.members.contains_key(*name) => Ok(Some((*name).to_owned())),
            [name] => Err(format!("`{}` is not defined above", shown(name, SHOWN_BYTES_MAX))),
            _ => Err("a quorum is `quorum NAME` or `quorum none`".into()),
        }
    }

    /// The same witnesses and quorum over other logs: those that are known from elsewhere.
    pub fn with_logs(mut self, logs: &[LogKey]) -> Self {
        self.logs = logs.iter().map(|key| Log { key: key.clone(), url: None }).collect();
        self
    }

    /// The logs that are believed.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// Every witness with its name in this policy.
    pub fn witnesses(&self) -> impl Iterator<Item = (&str, &Witness)> {
        self.members.iter().filter_map(|(name, member)| match member {
            Member::Witness(witness) => Some((name.as_str(), &**witness)),
            Member::Group { .. } => None,
        })
    }

    /// What it says of the cosignatures on a note.
    pub fn judge(&self, note: &Note) -> Judged {
        let (mut cosigned, mut wrong) = (BTreeMap::new(), BTreeSet::new());
        for (name, witness) in self.witnesses() {
            match witness.verifier.verify(note) {
                Verdict::Holds(time) => {
                    cosigned.insert(name.to_owned(), time.unwrap_or(0));
                }
                Verdict::Wrong => {
                    wrong.insert(name.to_owned());
                }
                Verdict::Absent => {}
            }
        }
        let quorum = self.quorum.as_ref().is_none_or(|name| self.has_witnessed(name, &cosigned));
        Judged { cosigned, wrong, quorum }
    }

    /// Members are defined above those who name them, so this ends; each is named once, so it is as long as the file.
    fn has_witnessed(&self, name: &str, cosigned: &BTreeMap<String, u64>) -> bool {
        match self.members.get(name) {
            Some(Member::Witness(_)) => cosigned.contains_key(name),
            Some(Member::Group { least, of }) => {
                of.iter().filter(|member| self.has_witnessed(member, cosigned)).count() >= *least
            }
            None => false,
        }
    }
}

fn one_and_url<'w>(words: &[&'w str]) -> Option<(&'w str, Option<String>)> {
    match words {
        [one] => Some((one, None)),
        [one, url] => Some((one, Some((*url).to_owned()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::sign::JournalKey;
    use crate::tlog::note::cosign;

    const TEXT: &str = "log\n1\nx\n";

    fn key(n: u8) -> JournalKey {
        JournalKey::from_seed(&[n; 32])
    }

    fn log() -> String {
        format!("log {}", Verifier::new("log", Kind::Plain, key(1).public()))
    }

    /// `witness NAME` with the n-th key.
    fn witness(name: &str, n: u8) -> String {
        format!(
            "witness {name} {}",
            Verifier::new(&format!("w.example/{name}"), Kind::Timestamped, key(n).public())
        )
    }

    /// The example of the format: two of the X and one of the Y.
    fn example() -> String {
        let mut lines = vec![log(), "# who".into(), String::new()];
        lines.extend((1..=3).map(|n| witness(&format!("X{n}"), 10 + n)));
        lines.push("\tgroup X-witnesses 2  X1 X2 X3 ".into());
        lines.extend((1..=3).map(|n| witness(&format!("Y{n}"), 20 + n) + " https://y.example/"));
        lines.push("group Y-witnesses any Y1 Y2 Y3".into());
        lines.push("group X-and-Y all X-witnesses Y-witnesses".into());
        lines.push("quorum X-and-Y\n".into());
        lines.join("\n")
    }

    fn signed_by(names: &[(&str, u8)]) -> Note {
        let sign = |(name, n): &(&str, u8)| cosign(&format!("w.example/{name}"), &key(*n), TEXT, 40);
        Note { text: TEXT.into(), signatures: names.iter().map(sign).collect() }
    }

    #[test]
    fn a_quorum_is_counted_over_groups_of_groups() {
        let policy = Policy::parse(&example()).expect("the example");
        assert_eq!((policy.logs().len(), policy.witnesses().count()), (1, 6));
        let (x1, x3, y2) = (("X1", 11), ("X3", 13), ("Y2", 22));
        for (names, enough) in [
            (vec![x1, x3, y2], true),
            (vec![x1, x3], false),
            (vec![x1, y2], false),
            (vec![], false),
            // X1 twice is one witness; a foreign key under X3's name is none.
            (vec![x1, x1, y2], false),
            (vec![x1, ("X3", 99), y2], false),
        ] {
            assert_eq!(policy.judge(&signed_by(&names)).quorum, enough, "{names:?}");
        }
        assert_eq!(policy.judge(&signed_by(&[x1])).cosigned, [("X1".to_owned(), 40)].into());
        let mut note = signed_by(&[x1, x3, y2]);
        note.signatures[0].bytes[9] ^= 1;
        let judged = policy.judge(&note);
        assert_eq!((judged.wrong, judged.quorum), (["X1".to_owned()].into(), false));
        let none = Policy::parse(&format!("{}\nquorum none", log())).expect("no witnesses");
        assert!(none.judge(&signed_by(&[])).quorum);
    }

    #[test]
    fn what_the_format_does_not_have_is_refused_with_its_line() {
        let w = |n| witness(&format!("w{n}"), n);
        for (text, line) in [
            (String::new(), 0),
            (log(), 1),
            (format!("{}\n{}\nquorum none", log(), log()), 2),
            (format!("quorum none\n{}\nquorum none", log()), 3),
            (format!("{}\nquorum w2", w(1)), 2),
            (format!("quorum w1\n{}", w(1)), 1),
            (format!("{}\n{}\nquorum none", w(1), w(1).replace("witness w1", "witness w2")), 2),
            (format!("{}\n{}\nquorum none", w(1), witness("w1", 2)), 2),
            (format!("{}\ngroup none any w1\nquorum none", w(1)), 2),
            (format!("{}\ngroup g 2 w1\nquorum g", w(1)), 2),
            (format!("{}\ngroup g 01 w1\nquorum g", w(1)), 2),
            (format!("{}\ngroup g 0 w1\nquorum g", w(1)), 2),
            (format!("{}\ngroup g any\nquorum g", w(1)), 2),
            (format!("{}\ngroup g any w1 w1\nquorum g", w(1)), 2),
            (format!("{}\ngroup g any w1\ngroup h any w1\nquorum h", w(1)), 3),
            (format!("{}\ngroup g any none\nquorum g", w(1)), 2),
            (format!("{}\nquorum none", log().replace("log ", "logs ")), 1),
            (log().replace("log ", "witness x ") + "\nquorum none", 1),
            (w(1).replace("witness w1", "log") + "\nquorum none", 1),
            ("quorum none\u{7}".into(), 1),
            ("quorum none\r\n".into(), 1),
        ] {
            let error = Policy::parse(&text).expect_err(&text);
            assert_eq!(error.line, line, "{text}: {error}");
        }
    }
}
