//! The wall clock set forward and back, under the running daemon and across its restarts: cooldowns and limits follow
//! the journal's own clock and stay, deadlines do not fire, a step back is recorded.

use std::time::Duration;

use crate::attempts::{RUNBOOK, home_with};
use crate::home::{Daemon, Home};
use crate::journal::check;
use crate::run::{Run, Tally, ensure};
use crate::shim::Shim;
use crate::tail::{Entry, Tail};

const DAY: i64 = 86_400;
const PATIENCE: Duration = Duration::from_secs(20);

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    let shim = match Shim::build() {
        Ok(shim) => shim,
        Err(why) => return run.skip(why),
    };
    for _ in 0..run.count {
        let done = one(run, &shim);
        run.hold(done);
    }
    run.done()
}

struct Scene<'a> {
    home: Home,
    shim: &'a Shim,
    daemon: Daemon,
    tail: Tail,
}

fn one(run: &mut Run, shim: &Shim) -> Result<(), String> {
    let runbook = RUNBOOK.replace("cooldown: 0s", "cooldown: 2h").replace("window: 1h", "window: 24h");
    let home = home_with(&runbook)?;
    shim.tell("wall", None)?;
    let daemon = home.start_with(home.address(), &shim.environment())?;
    daemon.ready()?;
    let tail = Tail::at_the_end(&home.state());
    let mut scene = Scene { home, shim, daemon, tail };
    // A step runs while the wall jumps a day ahead: no deadline fires.
    std::fs::write(scene.home.path().join("work/hold"), "40\n").map_err(|e| e.to_string())?;
    scene.report()?;
    scene.wait("the long step runs", |e| e.kind == "step.started" && e.data["step"] == 2)?;
    shim.tell("wall", Some(&DAY.to_string()))?;
    let ended = scene.wait("the attempt ends", |e| e.kind == "attempt.ended")?;
    ensure(ended.data["outcome"] == "healthy", || {
        format!("a jump of the wall ended an attempt: {}", ended.data)
    })?;
    scene.wait("the incident is closed", |e| e.kind == "incident.closed")?;
    // The trouble comes back; the cooldown of two hours holds whatever the wall says.
    std::fs::remove_file(scene.home.path().join("work/a.pid")).map_err(|e| e.to_string())?;
    let mut steps = vec![3 * DAY, 0, -DAY, 30 * DAY, -30 * DAY];
    steps.push(run.random.below(400) as i64 * DAY - 200 * DAY);
    let mut before = DAY;
    for (n, offset) in steps.into_iter().enumerate() {
        if n % 2 == 1 {
            scene.restart(offset)?;
        }
        scene.shim.tell("wall", Some(&offset.to_string()))?;
        let back = offset < before;
        before = offset;
        scene.held(n == 0).map_err(|e| format!("wall {offset} s off: {e}"))?;
        if back {
            let mut all = Tail::new(&scene.home.state());
            all.wait("process.clock_stepped", Duration::from_secs(5), |e| e.kind == "process.clock_stepped")
                .map_err(|e| format!("wall {offset} s off: {e}"))?;
        }
        run.add("steps of the wall", 1);
    }
    let Scene { home, daemon, shim, .. } = scene;
    shim.tell("wall", None)?;
    daemon.stop()?;
    let lines = crate::journal::offline_lines(home.path())?;
    let stepped = lines.values().filter(|line| line.contains("\"process.clock_stepped\"")).count() as u64;
    run.add("steps back recorded", stepped);
    ensure(stepped >= 3, || format!("{stepped} steps back are recorded, at least 3 were made"))?;
    let planned = lines.values().filter(|line| line.contains("\"attempt.planned\"")).count();
    ensure(planned == 1, || format!("{planned} attempts within one cooldown"))?;
    check(home.path()).map(|_| ())
}

impl Scene<'_> {
    fn report(&self) -> Result<(), String> {
        let answer = self.home.report("fault", "STEPS_NEEDED", "a", "count the steps").ok_or("no answer")?;
        ensure(answer.status == 202, || format!("a report was answered {}: {}", answer.status, answer.body))
    }

    fn wait(&mut self, what: &str, right: impl FnMut(&Entry) -> bool) -> Result<Entry, String> {
        self.tail.wait(what, PATIENCE, right)
    }

    /// A further report starts nothing: the cooldown holds.
    fn held(&mut self, newly: bool) -> Result<(), String> {
        self.report()?;
        if newly {
            let held = self.wait("the incident is held", |e| {
                matches!(e.kind.as_str(), "incident.held" | "attempt.planned")
            })?;
            return ensure(held.text("reason") == "cooldown", || format!("{}: {}", held.kind, held.data));
        }
        let next = self.wait("the report is folded in", |e| {
            matches!(e.kind.as_str(), "incident.coalesced" | "attempt.planned")
        })?;
        ensure(next.kind == "incident.coalesced", || "the cooldown was forgotten".to_owned())?;
        match self.tail.wait("an attempt", Duration::from_millis(300), |e| e.kind == "attempt.planned") {
            Ok(_) => Err("the cooldown was forgotten".into()),
            Err(_) => Ok(()),
        }
    }

    /// Killed, and started again with another wall.
    fn restart(&mut self, offset: i64) -> Result<(), String> {
        self.daemon.signal(rustix::process::Signal::KILL)?;
        self.daemon.ended(PATIENCE)?;
        self.shim.tell("wall", Some(&offset.to_string()))?;
        self.daemon = self.home.start_with(self.home.address(), &self.shim.environment())?;
        self.daemon.ready()
    }
}
