//! Step kind `run`: a program, its output, its time. TERM at the timeout, KILL at 1.5 times of it, the end
//! confirmed; nobody of its group is left behind (RM-16).

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::group::{self, Ended};
use super::output::Capture;
use super::sandbox::{Apart, Extra, SpawnError, Spawned, spawn};
use super::table::{STEP_MARK, StepMark};
use super::{Cancel, Context};
use crate::base::limits::{EXIT_CONFIRM_MS_MAX, KILL_AT_TIMEOUT_PERCENT, OUTPUT_DRAIN_MS_MAX};
use crate::base::time::Span;
use crate::event::plan::RunPlan;
use crate::event::step::StepOutcome;

/// How it went, as far as the hand can tell.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: StepOutcome,
    pub(super) output: Capture,
    /// Whoever would not die.
    pub(super) undead: Option<Undead>,
}

/// A group of which somebody lives even after KILL.
#[derive(Debug)]
pub(super) struct Undead(Spawned);

impl Undead {
    /// Waits until nobody lives after all.
    pub(super) fn wait(mut self) {
        let _ = self.0.child.wait();
        while !group::is_empty(self.0.pid) {
            group::pause(Duration::from_secs(1));
        }
    }
}

impl Done {
    pub(super) fn new(outcome: StepOutcome) -> Self {
        Self { outcome, output: Capture::default(), undead: None }
    }

    pub(super) fn saying(outcome: StepOutcome, words: &str) -> Self {
        let mut done = Self::new(outcome);
        done.output.push(words.as_bytes());
        done
    }
}

/// Runs it to its end. `started` is told pid and start time once the program runs.
pub(super) fn carry_out(
    context: &Context<'_>,
    plan: &RunPlan,
    mark: StepMark,
    timeout: Span,
    started: impl FnOnce(u32, u64),
) -> Done {
    let clock = Clock::new(timeout, Instant::now());
    // One pipe for both, so that the order of arrival is kept.
    let pipes = std::io::pipe().and_then(|(reader, writer)| Ok((reader, writer.try_clone()?, writer)));
    let (reader, stdout, stderr) = match pipes {
        Ok(pipes) => pipes,
        Err(e) => return Done::new(StepOutcome::NotStarted(format!("cannot make a pipe: {e}"))),
    };
    let marks = [(STEP_MARK, mark.to_string())];
    match spawn(context.program, plan, &marks, Apart::Group, Extra::default(), (stdout.into(), stderr.into()))
    {
        Ok(spawned) => {
            started(spawned.child.id(), spawned.start_ticks);
            watch(spawned, reader, plan, context.cancel, clock)
        }
        Err(SpawnError::NotStarted(why)) => Done::new(StepOutcome::NotStarted(why)),
        Err(SpawnError::Stuck) => {
            Done::saying(StepOutcome::TimedOut, "the process did not say that it had become the program\n")
        }
    }
}

/// The times of a step.
#[derive(Debug, Clone, Copy)]
struct Clock {
    term_at: Instant,
    kill_at: Instant,
}

impl Clock {
    fn new(timeout: Span, now: Instant) -> Self {
        let kill_ms = timeout.ms().saturating_mul(KILL_AT_TIMEOUT_PERCENT) / 100;
        Self { term_at: now + timeout.to_std(), kill_at: now + Duration::from_millis(kill_ms) }
    }
}

/// How far the ending of a step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    Asked { by_time: bool },
    Killed { by_time: bool },
}

fn watch(
    spawned: Spawned,
    reader: std::io::PipeReader,
    plan: &RunPlan,
    cancel: &Cancel,
    mut clock: Clock,
) -> Done {
    let mut output = Capture::default();
    let mut reader = Some(reader);
    let mut ending = Ending::No;
    loop {
        let until = match ending {
            Ending::No => clock.term_at,
            Ending::Asked { .. } => clock.kill_at,
            Ending::Killed { .. } => clock.kill_at + Duration::from_millis(EXIT_CONFIRM_MS_MAX),
        };
        let fds = [Some(spawned.pidfd.as_fd()), reader.as_ref().map(AsFd::as_fd), Some(cancel.fd())];
        let [exited, readable, _] = group::wait_readable(fds, Some(until));
        if readable {
            read_some(&mut reader, &mut output);
        }
        if exited {
            break;
        }
        let now = Instant::now();
        // It may be asked for after the look at its descriptor, and is then taken here too: not what was seen counts,
        // but what was taken.
        let asked = cancel.take();
        if let Some(grace) = asked {
            clock.kill_at = clock.kill_at.min(now + grace);
        }
        let cancelled = asked.is_some() && ending == Ending::No;
        if now < until && !cancelled {
            continue;
        }
        ending = match ending {
            Ending::No => {
                group::terminate(spawned.pid);
                Ending::Asked { by_time: !cancelled }
            }
            Ending::Asked { by_time } => {
                group::kill(spawned.pid);
                Ending::Killed { by_time }
            }
            Ending::Killed { .. } => {
                let undead = Some(Undead(spawned));
                return Done { outcome: StepOutcome::WouldNotDie, output, undead };
            }
        };
    }
    conclude(spawned, reader, output, plan, ending, clock.kill_at)
}

/// The leader has ended: see to the rest of its group, then to what the pipe still holds.
fn conclude(
    mut spawned: Spawned,
    mut reader: Option<std::io::PipeReader>,
    mut output: Capture,
    plan: &RunPlan,
    ending: Ending,
    kill_at: Instant,
) -> Done {
    if let Ending::Asked { .. } = ending {
        // The others were asked too and have until the same moment; the unwaited leader keeps the number.
        let others = |pid: i32| move |stat: &super::table::Stat| stat.pid != pid;
        let pid = spawned.pid.as_raw_nonzero().get();
        while Instant::now() < kill_at
            && super::table::members(pid).is_ok_and(|members| members.iter().any(others(pid)))
        {
            group::pause(Duration::from_millis(5));
        }
    }
    group::kill(spawned.pid);
    let status = spawned.child.wait();
    let ended = group::kill_until_empty(spawned.pid, Duration::from_millis(EXIT_CONFIRM_MS_MAX));
    drain(&mut reader, &mut output);
    let outcome = match (ended, status) {
        (Ended::WouldNotDie, _) => {
            let undead = Some(Undead(spawned));
            return Done { outcome: StepOutcome::WouldNotDie, output, undead };
        }
        (Ended::Confirmed, Ok(status)) => outcome(status, plan, ending),
        // The exit is certain (the pidfd said so), its code is not known: never a success.
        (Ended::Confirmed, Err(_)) => StepOutcome::Exited(-1),
    };
    Done { outcome, output, undead: None }
}

fn outcome(status: ExitStatus, plan: &RunPlan, ending: Ending) -> StepOutcome {
    match (ending, status.code(), status.signal()) {
        (Ending::Asked { by_time: true } | Ending::Killed { by_time: true }, ..) => StepOutcome::TimedOut,
        // Cancelled steps never count as done, whatever they say.
        (Ending::No, Some(code), _) if plan.ok_exit.contains(&code) => StepOutcome::Succeeded,
        (_, Some(code), _) => StepOutcome::Exited(code),
        (_, None, Some(signal)) => StepOutcome::Signalled(signal),
        (_, None, None) => StepOutcome::Exited(-1),
    }
}

fn read_some(reader: &mut Option<std::io::PipeReader>, output: &mut Capture) {
    let mut bytes = [0; 64 * 1024];
    match reader.as_mut().map(|reader| reader.read(&mut bytes)) {
        Some(Ok(read)) if read > 0 => output.push(&bytes[..read]),
        Some(Err(e)) if e.kind() == std::io::ErrorKind::Interrupted => {}
        _ => *reader = None,
    }
}

/// Reads to the end, or for a short time: someone who left the group may hold the pipe open for ever.
fn drain(reader: &mut Option<std::io::PipeReader>, output: &mut Capture) {
    let until = Instant::now() + Duration::from_millis(OUTPUT_DRAIN_MS_MAX);
    while let Some(open) = reader.as_ref() {
        if Instant::now() >= until || group::wait_readable([Some(open.as_fd())], Some(until)) == [false] {
            return;
        }
        read_some(reader, output);
    }
}

#[cfg(test)]
mod tests {
    use crate::action::testing::{Bench, run_plan, sh, until};
    use crate::action::{HandReport, Hands, Permit};
    use crate::base::limits::STEP_OUTPUT_BYTES_MAX;
    use crate::base::time::Span;
    use crate::coordination::LockProof;
    use crate::event::plan::{ActionPlan, RunPlan};
    use crate::event::step::{StepOutcome, StepStarted};
    use crate::journal::proof::Committed;

    use super::super::table::{self, Seen};

    fn run(bench: &Bench, plan: RunPlan) -> super::super::Finished {
        bench.finish(ActionPlan::Run(plan), 20_000)
    }

    fn started(bench: &Bench) -> StepStarted {
        bench.wait("the step starts", |report| match report {
            HandReport::StepStarted(started) => Some(started.clone()),
            _ => None,
        })
    }

    /// Pids that a step has written into a file, one per line.
    fn pids(path: &std::path::Path, count: usize) -> Vec<i32> {
        let mut pids = Vec::new();
        until("the step has written its pids", || {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            pids = text.lines().filter_map(|line| line.parse().ok()).collect();
            text.ends_with('\n') && pids.len() == count
        });
        pids
    }

    #[test]
    fn a_step_tells_its_start_and_its_end_with_both_outputs_in_order() {
        let bench = Bench::new();
        let done = run(&bench, sh("echo one; echo two >&2; echo three"));
        assert_eq!(done.outcome, StepOutcome::Succeeded);
        assert_eq!((done.output.as_str(), done.output_dropped), ("one\ntwo\nthree\n", 0));
        assert_eq!((done.attempt, done.step, done.intent), (bench.attempt, 0, 9));
        let started = started(&bench);
        assert!(started.pid > 1 && started.start_ticks > 0 && started.intent == 9);
    }

    #[test]
    fn steps_under_one_lock_run_beside_each_other() {
        let bench = Bench::new();
        let dir = bench.dir.path().to_str().unwrap();
        for (seq, own, other) in [(9, "a", "b"), (10, "b", "a")] {
            // Each ends only when the other has begun.
            let action = ActionPlan::Run(sh(&format!(
                "cd {dir}; : > {own}; until [ -e {other} ]; do sleep 0.01; done"
            )));
            let intent = Committed::for_tests(seq, bench.intent(&action));
            bench.hands.run(Permit::for_tests(intent, action, Span::from_secs(20), &bench.lock));
        }
        until("both have ended", || {
            let told = bench.told.lock().unwrap();
            let ended = told.iter().filter_map(|report| match report {
                HandReport::StepFinished(finished) => Some(&finished.outcome),
                _ => None,
            });
            ended.filter(|outcome| **outcome == StepOutcome::Succeeded).count() == 2
        });
    }

    #[test]
    fn exit_codes_and_signals_are_told_as_they_were() {
        let bench = Bench::new();
        assert_eq!(run(&bench, sh("exit 3")).outcome, StepOutcome::Exited(3));
        let plan = RunPlan { ok_exit: vec![3], ..sh("exit 3") };
        assert_eq!(run(&bench, plan).outcome, StepOutcome::Succeeded);
        assert_eq!(run(&bench, sh("kill -9 $$")).outcome, StepOutcome::Signalled(9));
    }

    #[test]
    fn the_environment_is_exactly_the_allow_list() {
        let bench = Bench::new();
        let mut plan = run_plan(&["/usr/bin/env"]);
        plan.env.insert("WORD".into(), "a b\nc".into());
        plan.env.remove("PATH");
        plan.env_pass = vec!["PATH".into(), "SURELY_NOT_SET".into()];
        let done = run(&bench, plan);
        let mut lines: Vec<&str> = done.output.lines().collect();
        lines.sort_unstable();
        let passed = format!("PATH={}", std::env::var("PATH").unwrap());
        let mark = format!("REMEDIATOR_STEP={}/{}/0/41", bench.node, bench.attempt);
        assert_eq!(lines, [passed.as_str(), mark.as_str(), "WORD=a b", "c"]);
    }

    #[test]
    fn a_step_sees_its_folder_no_input_no_other_files_and_gains_no_privileges() {
        let bench = Bench::new();
        let dir = bench.dir.path().canonicalize().unwrap();
        let script = "pwd; cat; cd /proc/$$/fd; echo *; grep NoNewPrivs /proc/$$/status; \
                      set -- $(cat /proc/$$/stat); [ \"$5\" = $$ ] && echo leads";
        let plan = RunPlan { cwd: dir.to_string_lossy().into_owned(), ..sh(script) };
        let done = run(&bench, plan);
        // What whoever started these tests gave to everybody is not ours to close.
        let list = "cd /proc/$$/fd; echo *";
        let plain = std::process::Command::new("/bin/sh").args(["-c", list]).output().unwrap();
        let files = String::from_utf8(plain.stdout).unwrap();
        assert_eq!(done.output, format!("{}\n{files}NoNewPrivs:\t1\nleads\n", dir.display()));
    }

    #[test]
    fn limits_are_kept_by_the_kernel() {
        let bench = Bench::new();
        let mut plan = sh("ulimit -n; ulimit -t; ulimit -v; ulimit -f");
        plan.rlimits.open_files = Some(17);
        plan.rlimits.cpu_secs = Some(3);
        plan.rlimits.memory_mib = Some(100);
        plan.rlimits.file_mib = Some(1);
        assert_eq!(run(&bench, plan.clone()).output, "17\n3\n102400\n2048\n");
        plan.argv[2] = format!("head -c 3000000 /dev/zero > {}/big", bench.dir.path().display());
        assert_ne!(run(&bench, plan).outcome, StepOutcome::Succeeded);
        assert_eq!(std::fs::metadata(bench.dir.path().join("big")).unwrap().len(), 1024 * 1024);
    }

    #[test]
    fn what_cannot_be_started_says_why_and_names_it() {
        let bench = Bench::new();
        let not_started = |plan: RunPlan, words: &str| {
            let StepOutcome::NotStarted(why) = run(&bench, plan).outcome else { panic!("it was started") };
            assert!(why.contains(words), "{why}");
        };
        not_started(run_plan(&["/nowhere/tool"]), "/nowhere/tool: No such file");
        not_started(run_plan(&["/etc/passwd"]), "/etc/passwd: Permission denied");
        not_started(RunPlan { cwd: "/nowhere".into(), ..sh("true") }, "working directory /nowhere");
        not_started(run_plan(&["sh"]), "`sh` is not an absolute path");
        not_started(run_plan(&[]), "argv is empty");
        assert!(!bench.told.lock().unwrap().iter().any(|r| matches!(r, HandReport::StepStarted(_))));
    }

    #[test]
    fn a_step_that_ignores_term_is_killed_at_one_and_a_half_times() {
        let bench = Bench::new();
        let done = bench.finish(ActionPlan::Run(sh("trap '' TERM; while :; do sleep 0.05; done")), 400);
        assert_eq!(done.outcome, StepOutcome::TimedOut);
        assert!((600..5_000).contains(&done.took_ms), "{}", done.took_ms);
    }

    #[test]
    fn a_step_may_clean_up_after_term_and_a_stopped_one_hears_it() {
        let bench = Bench::new();
        let script = "trap 'echo bye; exit 0' TERM; echo here; while :; do sleep 0.05; done";
        let done = bench.finish(ActionPlan::Run(sh(script)), 700);
        assert_eq!(done.outcome, StepOutcome::TimedOut);
        assert!(done.output.starts_with("here\n") && done.output.ends_with("bye\n"), "{}", done.output);
        let script = "trap 'echo bye; exit 0' TERM; kill -STOP $$; while :; do sleep 0.05; done";
        let done = bench.finish(ActionPlan::Run(sh(script)), 700);
        assert_eq!(done.outcome, StepOutcome::TimedOut);
        assert!(done.output.ends_with("bye\n"), "{}", done.output);
    }

    #[test]
    fn nobody_of_the_group_outlives_the_step() {
        let bench = Bench::new();
        let file = bench.dir.path().join("pids");
        let children = |rest: &str| {
            let ignoring = "trap '' TERM; echo $$ >> \"$1\"; while :; do sleep 0.05; done";
            let script = format!(
                "for i in 1 2; do sh -c \"$0\" x {0} & done; until [ $(wc -l < {0}) = 2 ]; do :; done; {rest}",
                file.display()
            );
            std::fs::write(&file, "").unwrap();
            run_plan(&["/bin/sh", "-c", &script, ignoring])
        };
        // Its leader ends well and leaves them behind, holding the pipe.
        let done = run(&bench, children("exit 0"));
        assert_eq!(done.outcome, StepOutcome::Succeeded);
        for pid in pids(&file, 2) {
            assert_eq!(table::see(pid), Seen::Dead);
        }
        let done = bench.finish(ActionPlan::Run(children("wait")), 2_000);
        assert_eq!(done.outcome, StepOutcome::TimedOut);
        for pid in pids(&file, 2) {
            assert_eq!(table::see(pid), Seen::Dead);
        }
    }

    #[test]
    fn someone_who_left_the_group_and_holds_the_pipe_does_not_hold_up_the_step() {
        let bench = Bench::new();
        let file = bench.dir.path().join("pids");
        let script = format!(
            "setsid sh -c 'echo $$ > {0}; exec sleep 300' & until [ -s {0} ]; do :; done",
            file.display()
        );
        let done = run(&bench, sh(&script));
        assert_eq!(done.outcome, StepOutcome::Succeeded);
        assert!(done.took_ms < 10_000);
        let left = rustix::process::Pid::from_raw(pids(&file, 1)[0]).unwrap();
        rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
    }

    #[test]
    fn much_output_is_bounded_and_counted() {
        let bench = Bench::new();
        let done = run(&bench, sh("seq 1 1000000"));
        assert_eq!(done.outcome, StepOutcome::Succeeded);
        assert!(done.output.starts_with("1\n2\n") && done.output.ends_with("999999\n1000000\n"));
        assert!(done.output_dropped > 5_000_000 && done.output.len() <= STEP_OUTPUT_BYTES_MAX);
    }

    #[test]
    fn a_cancelled_step_is_never_a_success_and_one_not_begun_is_refused() {
        let bench = Bench::new();
        let script = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";
        bench.begin(ActionPlan::Run(sh(script)), 20_000);
        started(&bench);
        bench.hands.cancel(bench.attempt, 1, std::time::Duration::ZERO);
        assert_eq!(bench.hands.busy(), 1, "another step was meant");
        bench.hands.cancel_all(std::time::Duration::from_secs(5));
        let done = bench.wait_finished();
        // TERM may come before the shell has set its trap.
        assert!(matches!(done.outcome, StepOutcome::Exited(0) | StepOutcome::Signalled(15)), "{done:?}");
        assert!(bench.hands.wait_quiet(std::time::Duration::from_secs(5)));
    }

    #[test]
    fn cancelling_kills_after_its_grace_whatever_the_timeout() {
        let bench = Bench::new();
        bench.begin(ActionPlan::Run(sh("trap '' TERM; echo $$; while :; do sleep 0.05; done")), 3_600_000);
        started(&bench);
        bench.hands.cancel(bench.attempt, 0, std::time::Duration::from_millis(200));
        let done = bench.wait_finished();
        assert!(matches!(done.outcome, StepOutcome::Signalled(9 | 15)), "{done:?}");
    }

    #[test]
    fn a_lost_lock_refuses_and_nothing_is_started() {
        let bench = Bench::new();
        bench.steal_lock();
        let file = bench.dir.path().join("made");
        let done = run(&bench, run_plan(&["/usr/bin/touch", &file.to_string_lossy()]));
        assert!(matches!(&done.outcome, StepOutcome::Refused(why) if why.contains("token 42")), "{done:?}");
        assert!(!file.exists());
    }

    #[test]
    fn the_lock_is_let_go_when_the_end_is_told_and_not_before() {
        let Bench { hands, lock, dir, told, node, attempt } = Bench::new();
        let (weak, hands): (_, Hands) = (std::sync::Arc::downgrade(&lock), hands);
        let bench = Bench { hands, lock, dir, told, node, attempt };
        let file = bench.dir.path().join("go");
        bench.begin(
            ActionPlan::Run(sh(&format!("until [ -e {} ]; do sleep 0.01; done", file.display()))),
            20_000,
        );
        started(&bench);
        let alone = |weak: &std::sync::Weak<LockProof>| weak.strong_count() == 1;
        assert!(!alone(&weak), "the running step keeps it");
        std::fs::write(file, "").unwrap();
        bench.wait_finished();
        assert!(alone(&weak));
    }
}
