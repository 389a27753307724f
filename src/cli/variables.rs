//! Variables of the environment that bear our name and that nothing reads: a misspelt one would silently mean nothing.
//! Not for their values (`remediator::overrides`, and whoever reads one).

use crate::base::limits::SHOWN_BYTES_MAX;
use crate::base::text::shown;
use crate::remediator::overrides::KEYS;
use crate::runbook::problem::likely;

const PREFIX: &str = "REMEDIATOR_";

/// Those besides the values of `remediator.yaml`: what commands read, and what processes of ours are marked with.
const KNOWN: [&str; 10] = [
    "REMEDIATOR_HOME",
    "REMEDIATOR_LISTEN",
    "REMEDIATOR_LOCK_DIR",
    "REMEDIATOR_LOG",
    "REMEDIATOR_LOG_FORMAT",
    "REMEDIATOR_SAMPLE_PORT",
    "REMEDIATOR_NOTICE",
    "REMEDIATOR_PROGRAM",
    "REMEDIATOR_SERVICE",
    "REMEDIATOR_STEP",
];

/// One that nothing reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Unread {
    /// What is set.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// Every one in this process's environment.
pub fn unread() -> Vec<Unread> {
    of(std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()))
}

fn of(names: impl Iterator<Item = String>) -> Vec<Unread> {
    let known: Vec<String> =
        KNOWN.iter().map(|k| (*k).to_owned()).chain(KEYS.iter().map(|k| k.variable())).collect();
    let mut unread: Vec<String> =
        names.filter(|name| name.starts_with(PREFIX) && !known.contains(name)).collect();
    unread.sort();
    let said = unread.into_iter().map(|name| {
        let fix = match likely(&name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "unset it; `remediator config show` lists the values that a variable can say".to_owned(),
        };
        Unread { what: format!("`{}` is set, and nothing reads it", shown(&name, SHOWN_BYTES_MAX)), fix }
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_variable_is_named_with_the_likely_one_and_others_are_left_alone() {
        let set = [
            "REMEDIATOR_LIMIT_LOCK_TIMEOUT",
            "REMEDIATOR_LIMITS_FROZEN_FOR",
            "REMEDIATOR_HOME",
            "REMEDIATOR_WHATEVER_ELSE_THERE_IS",
            "PATH",
        ];
        let unread = of(set.iter().map(|name| (*name).to_owned()));
        assert_eq!(unread.len(), 2, "{unread:?}");
        assert!(unread[0].what.contains("`REMEDIATOR_LIMIT_LOCK_TIMEOUT`"));
        assert_eq!(unread[0].fix, "did you mean `REMEDIATOR_LIMITS_LOCK_TIMEOUT`?");
        assert!(unread[1].fix.contains("config show"));
    }

    #[test]
    fn every_variable_that_the_source_reads_is_known() {
        let mut names = Vec::new();
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                // Tests set what they like.
                let text = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                let quoted = text.split('"').skip(1).step_by(2);
                names.extend(quoted.filter(|word| is_name(word)).map(str::to_owned));
            }
        }
        assert!(names.iter().any(|name| name == "REMEDIATOR_LOG_FORMAT"), "{names:?}");
        assert_eq!(of(names.into_iter()), []);
    }

    fn is_name(word: &str) -> bool {
        let rest = word.strip_prefix(PREFIX).unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    }
}
