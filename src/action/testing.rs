//! What the tests of the hands share: real processes, started through `__step` as the daemon does it, and
//! permits. The test program itself plays `__step`, so that these tests need no other program.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{Finished, HandReport, Hands, Options, Permit, Running, StepMark, StepProgram};
use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, NodeId};
use crate::base::time::Span;
use crate::coordination::{Holder, LockProof, MachineLock};
use crate::event::lock::LockGranted;
use crate::event::plan::{ActionPlan, Rlimits, RunPlan, ServicePlan, ServiceVerb, StepPlan};
use crate::event::step::StepIntended;
use crate::journal::proof::Committed;

/// Plays `__step` when started by a test, else does nothing.
#[test]
fn play_step() {
    let marks = [super::STEP_MARK, super::PROGRAM_MARK];
    if marks.iter().any(|mark| std::env::var_os(mark).is_some()) {
        let _ = super::step_main();
        std::process::exit(125);
    }
}

/// What the test harness prints before it plays `__step`.
pub(crate) const HARNESS: &str = "\nrunning 1 test\n";

pub(crate) fn step_program() -> StepProgram {
    let args = ["--exact", "action::testing::play_step", "--nocapture"];
    StepProgram { path: std::env::current_exe().unwrap(), args: args.map(str::to_owned).to_vec() }
}

/// Waits for a condition; fails the test when it does not come.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        super::group::pause(Duration::from_millis(5));
    }
}

pub(crate) fn run_plan(argv: &[&str]) -> RunPlan {
    RunPlan {
        argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
        env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        env_pass: vec![],
        cwd: "/".to_owned(),
        rlimits: Rlimits::default(),
        ok_exit: vec![0],
    }
}

pub(crate) fn sh(script: &str) -> RunPlan {
    run_plan(&["/bin/sh", "-c", script])
}

pub(crate) fn service_plan(verb: ServiceVerb, service: &str, script: &str) -> ActionPlan {
    let (service, start) = (service.to_owned(), sh(script));
    let stop_timeout = Span::from_ms(400);
    ActionPlan::Service(ServicePlan {
        verb,
        service,
        digest: FileDigest::of(b"service"),
        start,
        stop_timeout,
    })
}

pub(crate) fn step_plan(action: ActionPlan) -> StepPlan {
    StepPlan {
        id: "it".to_owned(),
        action,
        timeout: Span::from_secs(30),
        retries: 0,
        retry_delay: Span::from_ms(0),
        retry: None,
        idempotent: true,
        undo: None,
        undo_when_unknown: false,
        irreversible: None,
    }
}

/// Hands, a held lock and everything they have told.
pub(crate) struct Bench {
    pub(crate) hands: Hands,
    pub(crate) lock: Arc<LockProof>,
    pub(crate) node: NodeId,
    pub(crate) attempt: AttemptId,
    pub(crate) told: Arc<Mutex<Vec<HandReport>>>,
    pub(crate) dir: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::looking(Arc::new(|_| panic!("no look was expected")))
    }

    /// With hands that look so.
    pub(crate) fn looking(look: super::Look) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let node = NodeId::fresh().unwrap();
        let attempt = AttemptId(Uuid::from_u128(7));
        let locks = MachineLock::at(&dir.path().join("locks")).unwrap();
        let holder = Holder { pid: std::process::id(), node, attempt, since: 0 };
        let held = locks.try_acquire("service:x", 40, &holder).unwrap();
        let tokens = BTreeMap::from([("service:x".to_owned(), 41)]);
        let granted = Committed::for_tests(5, LockGranted { attempt, tokens });
        let lock = Arc::new(LockProof::new(vec![held], &granted).unwrap());
        let told = Arc::new(Mutex::new(Vec::new()));
        let hands = Self::hands(node, dir.path().join("services"), &told, look);
        Self { hands, lock, node, attempt, told, dir }
    }

    fn hands(
        node: NodeId,
        services_dir: PathBuf,
        told: &Arc<Mutex<Vec<HandReport>>>,
        look: super::Look,
    ) -> Hands {
        let step_program = step_program();
        let redact = |text: &str| text.replace(HARNESS, "");
        let told = Arc::clone(told);
        let tell = Arc::new(move |report| told.lock().unwrap().push(report));
        Hands::new(Options { step_program, node, services_dir, redact, look }, tell).unwrap()
    }

    pub(crate) fn intent(&self, action: &ActionPlan) -> StepIntended {
        StepIntended {
            attempt: self.attempt,
            step: 0,
            undo: false,
            try_no: 1,
            action: action.digest(),
            lock: 5,
            token: 41,
            deadline_elapsed_ms: 60_000,
        }
    }

    pub(crate) fn steal_lock(&self) {
        let path = self.dir.path().join("locks/service%3Ax.lock");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace("\"token\":41", "\"token\":42")).unwrap();
    }

    /// Begins an action with a given timeout.
    pub(crate) fn begin(&self, action: ActionPlan, timeout_ms: u64) {
        let intent = Committed::for_tests(9, self.intent(&action));
        self.hands.run(Permit::for_tests(intent, action, Span::from_ms(timeout_ms), &self.lock));
    }

    /// Does it and waits for its end.
    pub(crate) fn finish(&self, action: ActionPlan, timeout_ms: u64) -> Finished {
        self.told.lock().unwrap().retain(|report| !matches!(report, HandReport::StepFinished(_)));
        self.begin(action, timeout_ms);
        self.wait_finished()
    }

    pub(crate) fn wait_finished(&self) -> Finished {
        self.wait("the step finishes", |report| match report {
            HandReport::StepFinished(finished) => Some(finished.clone()),
            _ => None,
        })
    }

    /// Waits for a report.
    pub(crate) fn wait<T>(&self, what: &str, pick: impl Fn(&HandReport) -> Option<T>) -> T {
        let mut found = None;
        until(what, || {
            found = self.told.lock().unwrap().iter().find_map(&pick);
            found.is_some()
        });
        found.unwrap()
    }
}

impl Bench {
    /// The mark of a step of this bench.
    pub(crate) fn mark(&self, step: u32) -> StepMark {
        StepMark { node: self.node, attempt: self.attempt, step, undo: false, token: 41 }
    }
}

/// A process in a session of its own whose parent has ended, as after a crash of the daemon.
pub(crate) fn orphan(env: &[(&str, &str)], script: &str) -> Running {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "setsid sh -c \"$0\" > /dev/null 2>&1 & echo $!", script]);
    command.env_clear().env("PATH", "/usr/bin:/bin").envs(env.iter().copied());
    let out = command.output().unwrap();
    let pid: i32 = match String::from_utf8_lossy(&out.stdout).trim().parse() {
        Ok(pid) => pid,
        Err(e) => panic!("no orphan was started: {e}: {out:?}"),
    };
    // By what /proc says: getsid(2) answers 0 for the session of before where that began outside this PID namespace.
    until("the orphan leads its session", || match super::table::see(pid) {
        super::table::Seen::Alive(stat) => stat.group == pid,
        seen => panic!("the orphan lives: {seen:?}"),
    });
    Running { pid: pid.unsigned_abs(), start_ticks: super::table::start_ticks(pid).unwrap() }
}
