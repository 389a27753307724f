//! What no runbook is for: which one comes nearest, and the command that writes a new one. Reads the content folder's
//! text only; what the daemon decides stands in the incident (`explain`).

use serde::Serialize;

use super::Global;
use super::runbook::folder;
use crate::base::glob;
use crate::event::content::Standing;
use crate::event::degradation::DegradationReport;
use crate::runbook::{Kind, Runbook};

/// A report that nothing matches.
#[derive(Debug, Serialize)]
pub struct Unmatched {
    /// The runbook that comes nearest by subsystem and code.
    pub nearest: Option<Nearest>,
    /// The command that writes one for this report.
    pub write: String,
}

/// A runbook that is for something similar.
#[derive(Debug, Serialize)]
pub struct Nearest {
    /// Its id.
    pub runbook: String,
    /// Its subsystem.
    pub subsystem: String,
    /// Its code.
    pub code: String,
    /// Targets that it is for, where it says so.
    pub target: Option<String>,
    /// In what it differs.
    pub differs: &'static str,
}

/// What to say about a report that no runbook of the home is for; none when there is one, or when nobody can tell.
pub fn look(global: &Global, report: &DegradationReport) -> Option<Unmatched> {
    let root = folder::root(global).ok()?;
    let content = folder::read(&root).ok()?;
    let catalog = folder::catalog(&root, content, &Default::default());
    let runbooks: Vec<&Runbook> = catalog
        .entries()
        .filter(|e| e.kind == Kind::Runbook && e.standing != Standing::Refused)
        .filter_map(|e| e.runbook())
        .collect();
    among(&runbooks, report)
}

fn among(runbooks: &[&Runbook], report: &DegradationReport) -> Option<Unmatched> {
    if runbooks.iter().any(|runbook| differs(runbook, report).is_none()) {
        return None;
    }
    let distance = |runbook: &&&Runbook| {
        let m = &runbook.matcher;
        // A code of another subsystem is something else, however alike it looks.
        let away = strsim::damerau_levenshtein(&m.subsystem, &report.subsystem);
        (strsim::damerau_levenshtein(&m.code, &report.code) + 4 * away, runbook.id.clone())
    };
    let nearest = runbooks.iter().min_by_key(distance).and_then(|runbook| {
        let (id, m) = (runbook.id.clone(), runbook.matcher.clone());
        let differs = differs(runbook, report)?;
        Some(Nearest { runbook: id, subsystem: m.subsystem, code: m.code, target: m.target, differs })
    });
    Some(Unmatched { nearest, write: command(report) })
}

/// The first thing in which a matcher's literal part differs from a report.
fn differs(runbook: &Runbook, report: &DegradationReport) -> Option<&'static str> {
    let m = &runbook.matcher;
    if m.subsystem != report.subsystem {
        Some("subsystem")
    } else if m.code != report.code {
        Some("code")
    } else if m.target.as_deref().is_some_and(|glob| !glob::matches(glob, &report.target)) {
        Some("target")
    } else if m.severity.as_ref().is_some_and(|list| !list.contains(&report.severity)) {
        Some("severity")
    } else {
        None
    }
}

/// `remediator runbook new …`, ready to be pasted: every word was checked, so none needs quotes but the subsystem's.
fn command(report: &DegradationReport) -> String {
    let id: String = report.code.to_lowercase().replace('_', "-").chars().take(63).collect();
    let plain = report.subsystem.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c));
    let subsystem = match plain {
        true => report.subsystem.clone(),
        false => format!("'{}'", report.subsystem.replace('\'', r"'\''")),
    };
    format!("remediator runbook new {id} --subsystem {subsystem} --code {}", report.code)
}

impl Unmatched {
    /// For people, two lines.
    pub fn lines(&self, report: &DegradationReport) -> [String; 2] {
        let what = super::out::line(&format!("{}/{}", report.subsystem, report.code));
        let said = match &self.nearest {
            Some(n) => {
                let of = super::out::line(&format!("{}/{}", n.subsystem, n.code));
                let differs = n.differs;
                format!(
                    "no runbook is for {what}: it is recorded and announced; nearest is {}, for {of} (another {differs})",
                    n.runbook
                )
            }
            None => {
                format!("no runbook is for {what}, and there is none at all: it is recorded and announced")
            }
        };
        [said, format!("write one: {}", self.write)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{Content, checks, shipped};

    fn report(subsystem: &str, code: &str) -> DegradationReport {
        let text = format!(
            r#"{{"subsystem":"{subsystem}","code":"{code}","target":"web","severity":"error","summary":"s"}}"#
        );
        serde_json::from_str(&text).expect("a report")
    }

    #[test]
    fn the_nearest_is_named_with_what_differs_and_a_command() {
        let shipped: Vec<Content> = shipped::FILES
            .iter()
            .filter(|(path, _)| path.starts_with("runbooks/"))
            .filter_map(|(path, bytes)| checks::read(path, bytes).ok())
            .collect();
        let runbooks: Vec<&Runbook> = shipped
            .iter()
            .filter_map(|c| match c {
                Content::Runbook(runbook) => Some(runbook.as_ref()),
                _ => None,
            })
            .collect();
        assert!(among(&runbooks, &report("service", "PROCESS_DEAD")).is_none());
        let unmatched = among(&runbooks, &report("service", "PROCES_DEAD")).expect("nothing fits");
        let nearest = unmatched.nearest.expect("one is there");
        assert_eq!((nearest.runbook.as_str(), nearest.differs), ("process-dead", "code"));
        assert_eq!(
            unmatched.write,
            "remediator runbook new proces-dead --subsystem service --code PROCES_DEAD"
        );
        assert!(among(&[], &report("it's", "X_Y_Z")).expect("none").write.contains(r"'it'\''s'"));
    }
}
