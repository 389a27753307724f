//! A daemon that takes connections and does not answer: which process it is, how it is, and what to do about it.
//! Not for what is read meanwhile (`reader`).

use super::reader::Reader;
use crate::audit::{Audit, EntryFilter};
use crate::event::Kind as _;
use crate::event::process::ProcessStarted;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hung {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// The daemon of a home, if it hangs. From here on the reader asks it nothing more.
pub fn look(reader: &Reader) -> Option<Hung> {
    if reader.home().is_imported() || !reader.client().gives_no_sign() {
        return None;
    }
    let pid = reader.offline().ok().as_ref().and_then(started);
    Some(said(reader.client().address(), pid, pid.and_then(state)))
}

/// The process that the journal knows to have started last.
fn started(audit: &Audit) -> Option<i32> {
    let filter = EntryFilter { kind: Some(ProcessStarted::KIND.into()), ..EntryFilter::default() };
    let page = audit.page_of(&filter, None, Some(1), 1).ok()?;
    let entry: serde_json::Value = serde_json::from_str(page.lines.first()?).ok()?;
    i32::try_from(entry["data"]["pid"].as_i64()?).ok()
}

/// The letter that the kernel has for what a process does; none when there is no such process.
fn state(pid: i32) -> Option<char> {
    procfs::process::Process::new(pid).and_then(|process| process.stat()).map(|stat| stat.state).ok()
}

fn said(address: &str, pid: Option<i32>, state: Option<char>) -> Hung {
    let silent = format!("the daemon at {address} takes connections and does not answer");
    let (what, fix) = match (pid, state) {
        (Some(pid), Some('T' | 't')) => {
            (format!("{silent}: process {pid} is stopped"), format!("`kill -CONT {pid}` lets it go on"))
        }
        (Some(pid), Some('D')) => (
            format!("{silent}: process {pid} waits for a disk"),
            "look at the disk under the home (`dmesg`); it goes on once that answers".to_owned(),
        ),
        (Some(pid), Some(_)) => (
            format!("{silent}: process {pid} lives"),
            format!(
                "look at its log; end it with `kill {pid}` and start it again when it does not come back: what it was \
                 at is taken up again"
            ),
        ),
        (_, None) | (None, _) => {
            (silent, "look at its log, and at what listens there: `ss -ltnp`".to_owned())
        }
    };
    Hung { what, fix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_depends_on_what_the_process_does() {
        let fix = |pid, state| said("127.0.0.1:1", pid, state).fix;
        assert!(fix(Some(7), Some('T')).contains("kill -CONT 7"));
        assert!(fix(Some(7), Some('D')).contains("dmesg"));
        assert!(fix(Some(7), Some('S')).contains("`kill 7`"));
        assert!(fix(Some(7), None).contains("ss -ltnp"), "that process is gone: somebody else listens");
        assert!(said("127.0.0.1:1", Some(7), Some('R')).what.contains("process 7"));
    }
}
