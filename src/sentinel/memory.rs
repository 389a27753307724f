//! Look kind `memory`: has the machine memory available, or does a process with its children hold too much? A
//! process that is not there, or may not be read, is unknown here: `process` tells whether it lives.

use std::time::Duration;

use procfs::Current;

use super::blocking::{Blocking, PROC};
use super::process::{find, with_children};
use super::{Services, saw, with};
use crate::event::plan::MemoryLook;
use crate::event::verification::{Observation, Verdict};

pub(super) async fn look(
    blocking: &Blocking,
    look: &MemoryLook,
    services: &Services,
    timeout: Duration,
) -> Observation {
    let (look, services) = (look.clone(), Services::clone(services));
    blocking.look(PROC, timeout, move || see(&look, &services)).await
}

fn see(look: &MemoryLook, services: &Services) -> Observation {
    match look {
        MemoryLook::System { min_available_bytes, min_available_percent } => {
            match procfs::Meminfo::current() {
                Ok(procfs::Meminfo { mem_total, mem_available: Some(available), .. }) => {
                    machine(mem_total, available, *min_available_bytes, *min_available_percent)
                }
                Ok(_) => saw(Verdict::Unknown, "this kernel does not say what is available"),
                Err(error) => saw(Verdict::Unknown, format!("cannot read /proc/meminfo: {error}")),
            }
        }
        MemoryLook::Process { of, max_rss_bytes } => match find(of, services) {
            Ok(found) => held(with_children(found), *max_rss_bytes),
            Err(observation) => observation,
        },
    }
}

fn machine(total: u64, available: u64, min_bytes: Option<u64>, min_percent: Option<u8>) -> Observation {
    let percent = available.saturating_mul(100).checked_div(total).unwrap_or(0);
    let few = min_bytes.is_some_and(|min| available < min)
        || min_percent.is_some_and(|min| percent < u64::from(min));
    let verdict = if few { Verdict::Failed } else { Verdict::Healthy };
    let words = format!("{available} of {total} bytes of memory are available ({percent} %)");
    let values = [("total_bytes", total), ("available_bytes", available), ("available_percent", percent)];
    with(saw(verdict, words), &values)
}

fn held(processes: Vec<procfs::process::Process>, max: u64) -> Observation {
    let page = procfs::page_size();
    let (mut rss, mut counted, mut unread) = (0_u64, 0_u64, 0_u64);
    for process in processes {
        match process.stat() {
            Ok(stat) => {
                rss = rss.saturating_add(stat.rss.saturating_mul(page));
                counted += 1;
            }
            // A child that has ended since holds nothing; one that may not be read could hold anything.
            Err(procfs::ProcError::NotFound(_)) => {}
            Err(_) => unread += 1,
        }
    }
    let words = format!("{counted} processes hold {rss} bytes, at most {max}");
    // Too much is proven by what was read; little is not, while somebody could not be read.
    let verdict = match (rss > max, counted, unread) {
        (true, ..) => Verdict::Failed,
        (false, 0, _) => Verdict::Unknown,
        (false, _, 0) => Verdict::Healthy,
        (false, ..) => Verdict::Unknown,
    };
    let words = if unread > 0 { format!("{words}; {unread} more cannot be read") } else { words };
    with(saw(verdict, words), &[("rss_bytes", rss), ("processes", counted)])
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};
    use std::sync::Arc;

    use super::*;
    use crate::event::plan::ProcessLook;
    use crate::sentinel::ServiceSeen;

    fn no_services() -> Services {
        Arc::new(|_: &str| ServiceSeen::DoesNotRun)
    }

    #[test]
    fn the_machine_is_judged_in_bytes_and_percent() {
        assert_eq!(machine(1_000, 99, None, Some(10)).verdict, Verdict::Failed);
        assert_eq!(machine(1_000, 100, None, Some(10)).verdict, Verdict::Healthy);
        assert_eq!(machine(1_000, 100, Some(101), None).verdict, Verdict::Failed);
        let real = see(
            &MemoryLook::System { min_available_bytes: Some(1), min_available_percent: None },
            &no_services(),
        );
        assert_eq!(real.verdict, Verdict::Healthy, "{real:?}");
        assert!(real.values["available_bytes"] <= real.values["total_bytes"]);
    }

    #[test]
    fn a_process_and_its_children_are_counted_together() {
        // The child holds 40 MB, the parent next to nothing; it must not make way for `sleep`.
        let script = "(x=$(head -c 40000000 /dev/zero | tr '\\0' x); echo ready; sleep 300; :) & wait";
        let mut parent = Command::new("/bin/sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(parent.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        let (pid, start_ticks) = {
            let process = procfs::process::Process::new(i32::try_from(parent.id()).unwrap()).unwrap();
            (parent.id(), process.stat().unwrap().starttime)
        };
        let services: Services = Arc::new(move |_: &str| ServiceSeen::Runs { pid, start_ticks });
        let of = ProcessLook::Service("web".into());
        let held = |max_rss_bytes| see(&MemoryLook::Process { of: of.clone(), max_rss_bytes }, &services);
        let much = held(40_000_000);
        assert!(much.verdict == Verdict::Failed && much.values["rss_bytes"] > 40_000_000, "{much:?}");
        assert!(much.values["processes"] >= 2, "{much:?}");
        assert_eq!(held(400_000_000).verdict, Verdict::Healthy);
        let group = rustix::process::Pid::from_child(&parent);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        parent.wait().unwrap();
        assert_eq!(held(1).verdict, Verdict::Unknown, "who is not there holds nothing that could be told");
    }

    #[test]
    fn a_process_that_is_not_there_is_unknown() {
        let look = |of| MemoryLook::Process { of, max_rss_bytes: 1 };
        for of in [ProcessLook::Service("web".into()), ProcessLook::PidFile("/no/such.pid".into())] {
            assert_eq!(see(&look(of), &no_services()).verdict, Verdict::Unknown);
        }
    }
}
