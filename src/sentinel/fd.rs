//! Look kind `fd`: how many file descriptors a process or one of its children has open, against its limit. Who
//! cannot be read is unknown.

use std::time::Duration;

use procfs::process::{LimitValue, Process};

use super::blocking::{Blocking, PROC};
use super::process::{find, with_children};
use super::{Services, saw, with};
use crate::event::plan::FdLook;
use crate::event::verification::{Observation, Verdict};

pub(super) async fn look(
    blocking: &Blocking,
    look: &FdLook,
    services: &Services,
    timeout: Duration,
) -> Observation {
    let (look, services) = (look.clone(), Services::clone(services));
    blocking
        .look(PROC, timeout, move || match find(&look.of, &services) {
            Ok(found) => judge(&look, with_children(found)),
            Err(observation) => observation,
        })
        .await
}

/// What one process has open, and what it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    pid: i32,
    open: u64,
    limit: Option<u64>,
}

impl Open {
    /// Rounded up: 100 only when there is nothing left.
    fn percent(self) -> u64 {
        self.limit.filter(|limit| *limit > 0).map_or(0, |limit| self.open.saturating_mul(100) / limit)
    }
}

fn count(process: &Process) -> Result<Open, procfs::ProcError> {
    let open = u64::try_from(process.fd_count()?).unwrap_or(u64::MAX);
    let limit = match process.limits()?.max_open_files.soft_limit {
        LimitValue::Value(limit) => Some(limit),
        LimitValue::Unlimited => None,
    };
    Ok(Open { pid: process.pid, open, limit })
}

fn judge(look: &FdLook, processes: Vec<Process>) -> Observation {
    let (mut counted, mut unread) = (Vec::new(), None);
    for process in processes {
        match count(&process) {
            Ok(open) => counted.push(open),
            Err(procfs::ProcError::NotFound(_)) => {}
            Err(error) => unread = Some(format!("process {} cannot be read: {error}", process.pid)),
        }
    }
    // The one closest to its limit, and of those the one with most.
    let worst = counted.iter().copied().max_by_key(|open| (open.percent(), open.open));
    let Some(worst) = worst else {
        return saw(Verdict::Unknown, unread.unwrap_or_else(|| "the process has ended".to_owned()));
    };
    let most = counted.iter().map(|open| open.open).max().unwrap_or(0);
    let too_many = look.max_open.is_some_and(|max| most > max)
        || look.max_percent.is_some_and(|max| worst.percent() > u64::from(max));
    let limit = worst.limit.map_or("no limit".to_owned(), |limit| format!("at most {limit}"));
    let words =
        format!("process {} has {} files open of {limit} ({} %)", worst.pid, worst.open, worst.percent());
    let (verdict, words) = match (too_many, unread) {
        (true, _) => (Verdict::Failed, words),
        (false, None) => (Verdict::Healthy, words),
        (false, Some(why)) => (Verdict::Unknown, format!("{words}; {why}")),
    };
    let mut values = vec![("open_files", most), ("used_percent", worst.percent())];
    values.extend(worst.limit.map(|limit| ("limit_files", limit)));
    with(saw(verdict, words), &values)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::sync::Arc;

    use super::*;
    use crate::event::plan::ProcessLook;
    use crate::sentinel::ServiceSeen;

    #[test]
    fn open_files_are_counted_against_the_limit_of_the_process() {
        // Twenty more than a shell has, of a limit of forty.
        let script = "ulimit -n 40; for n in 3 4 5 6 7 8 9; do eval \"exec $n</dev/null\"; done; \
                      echo ready; read _";
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        let process = || Process::new(i32::try_from(child.id()).unwrap()).unwrap();
        let real = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count();
        let look = |max_percent, max_open| {
            let of = ProcessLook::Name(String::new());
            judge(&FdLook { of, max_percent, max_open }, vec![process()])
        };
        let seen = look(Some(99), None);
        assert_eq!(seen.verdict, Verdict::Healthy, "{seen:?}");
        assert_eq!(
            (seen.values["open_files"], seen.values["limit_files"]),
            (i64::try_from(real).unwrap(), 40)
        );
        assert_eq!(look(Some(10), None).verdict, Verdict::Failed);
        assert_eq!(look(None, Some(9)).verdict, Verdict::Failed);
        assert_eq!(look(None, Some(100)).verdict, Verdict::Healthy);
        child.kill().unwrap();
        child.wait().unwrap();
        let services: Services = Arc::new(|_: &str| ServiceSeen::DoesNotRun);
        assert!(
            find(&ProcessLook::Service("x".into()), &services).is_err_and(|o| o.verdict == Verdict::Unknown)
        );
    }
}
