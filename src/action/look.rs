//! Programs that eyes look with (probe kind `run`): only so many at once, and what they print is data.
//! Not for: what the words mean (`sentinel::run`), running and ending them (`program`).

use std::time::Duration;

use super::program::{Call, End, Output, Programs, Ran};
use crate::base::limits::{PROBE_PROGRAMS_MAX, PROGRAM_OUTPUT_BYTES_MAX};
use crate::base::text::{clean, clip};
use crate::event::plan::RunPlan;

/// What is told of a program's standard error.
const COMPLAINT_BYTES_MAX: usize = 300;

/// One of those that may look at once; gives its place back when dropped.
struct Place<'a>(&'a Programs);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().looks -= 1;
    }
}

impl Programs {
    /// Looks with a program, at most for `timeout` and then some. Blocks. Gives what it printed when it exited as it
    /// should; otherwise why that can tell nothing.
    pub fn look(&self, plan: &RunPlan, timeout: Duration) -> Result<Vec<u8>, String> {
        let _place = self.place()?;
        let ran =
            self.run(&Call { plan, stdin: "", timeout, grace: Duration::ZERO, output: Output::Answer })?;
        printed(ran, &plan.ok_exit, timeout)
    }

    fn place(&self) -> Result<Place<'_>, String> {
        let mut running = self.lock();
        if running.looks >= PROBE_PROGRAMS_MAX {
            return Err(format!("was not started: {PROBE_PROGRAMS_MAX} programs of looks run already"));
        }
        running.looks += 1;
        Ok(Place(self))
    }
}

/// What a program printed that ended as it should; otherwise why that can tell nothing.
pub(super) fn printed(ran: Ran, ok_exit: &[i32], timeout: Duration) -> Result<Vec<u8>, String> {
    let complaint = complaint(&ran.err);
    match ran.end {
        End::Exited(code) if ok_exit.contains(&code) => Ok(ran.out),
        End::Exited(code) => Err(format!("exited with {code}{complaint}")),
        End::Signalled(signal) => Err(format!("was ended by signal {signal}{complaint}")),
        End::OutOfTime => Err(format!("was ended after {} ms{complaint}", timeout.as_millis())),
        End::TooLong => Err(format!("printed more than {PROGRAM_OUTPUT_BYTES_MAX} bytes{complaint}")),
    }
}

fn complaint(bytes: &[u8]) -> String {
    let text = clean(&String::from_utf8_lossy(bytes));
    let text = text.trim();
    if text.is_empty() { String::new() } else { format!(": {}", clip(text, COMPLAINT_BYTES_MAX)) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, HARNESS, orphan, sh, step_program, until};
    use super::super::{PROGRAM_MARK, table};
    use super::*;

    fn programs(bench: &Bench) -> Programs {
        Programs::new(step_program(), bench.node)
    }

    fn said(bench: &Bench, script: &str, ms: u64) -> Result<String, String> {
        let said = programs(bench).look(&sh(script), Duration::from_millis(ms));
        said.map(|bytes| String::from_utf8(bytes).unwrap().replacen(HARNESS, "", 1))
    }

    fn lives(pid: i32) -> bool {
        matches!(table::see(pid), table::Seen::Alive(_))
    }

    #[test]
    fn what_it_prints_counts_only_when_it_ended_well() {
        let bench = Bench::new();
        assert_eq!(said(&bench, "echo a; echo b >&2; printf c", 20_000).as_deref(), Ok("a\nc"));
        let failed = said(&bench, "echo a; echo 'no such table' >&2; exit 3", 20_000).unwrap_err();
        assert_eq!(failed, "exited with 3: no such table");
        assert!(said(&bench, "kill -9 $$", 20_000).unwrap_err().starts_with("was ended by signal 9"));
        let flood = said(&bench, "yes", 20_000).unwrap_err();
        assert!(flood.contains("printed more than"), "{flood}");
        let none = programs(&bench)
            .look(&RunPlan { argv: vec!["/nowhere/x".into()], ..sh("") }, Duration::from_secs(9));
        assert!(none.unwrap_err().contains("was not started"));
    }

    #[test]
    fn at_its_time_the_whole_group_is_ended() {
        let bench = Bench::new();
        let pids = bench.dir.path().join("pids");
        let script = format!("sleep 300 & echo $$ $! > {}; trap '' TERM; wait; sleep 300", pids.display());
        let why = said(&bench, &script, 6_000).unwrap_err();
        assert!(why.starts_with("was ended after 6000 ms"), "{why}");
        let text = std::fs::read_to_string(&pids).unwrap();
        let pids: Vec<i32> = text.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        assert!(pids.len() == 2 && pids.iter().all(|pid| !lives(*pid)), "{text}");
    }

    #[test]
    fn stopping_ends_those_that_run_and_a_new_daemon_ends_what_was_left_over() {
        let bench = Bench::new();
        let programs = programs(&bench);
        let file = bench.dir.path().join("pid");
        let plan = sh(&format!("echo $$ > {}; exec sleep 300", file.display()));
        let runs = |file: &std::path::Path| {
            let mut pid = 0;
            until("the program runs", || {
                pid = std::fs::read_to_string(file).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0);
                pid > 0
            });
            pid
        };
        let looking = std::thread::spawn({
            let (programs, plan) = (programs.clone(), plan.clone());
            move || programs.look(&plan, Duration::from_secs(60))
        });
        let pid = runs(&file);
        // Another daemon of the same node finds it by its mark.
        let next = Programs::new(step_program(), bench.node);
        until("the mark is seen", || next.end_left_over() > 0);
        assert!(looking.join().unwrap().unwrap_err().contains("signal 9"));
        assert!(!lives(pid));
        std::fs::remove_file(&file).unwrap();
        let looking = std::thread::spawn({
            let programs = programs.clone();
            move || programs.look(&plan, Duration::from_secs(60))
        });
        let pid = runs(&file);
        programs.stop();
        assert!(looking.join().unwrap().is_err() && !lives(pid));
        assert_eq!(
            programs.look(&sh("true"), Duration::from_secs(1)).unwrap_err(),
            "was not started: the daemon stops"
        );
    }

    #[test]
    fn what_a_crashed_daemon_left_is_ended_as_a_group_and_nobody_elses() {
        let bench = Bench::new();
        let (node, other) = (bench.node.to_string(), Bench::new().node.to_string());
        let file = bench.dir.path().join("child");
        let script = format!("sleep 300 & echo $! > {}; wait", file.display());
        let left = orphan(&[(PROGRAM_MARK, &node)], &script).pid.cast_signed();
        let foreign = orphan(&[(PROGRAM_MARK, &other)], "exec sleep 300").pid.cast_signed();
        let mut child = 0;
        until("its child runs", || {
            child = std::fs::read_to_string(&file).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0);
            child > 0
        });
        assert_eq!(programs(&bench).end_left_over(), 1);
        until("both have ended", || !lives(left) && !lives(child));
        assert!(lives(foreign));
        super::super::group::kill(rustix::process::Pid::from_raw(foreign).unwrap());
    }
}
