//! A full disk: the state folder on a small tmpfs, filled up while an attempt runs. Reports get 503, outcomes and
//! controls are still recorded, it goes on when there is room again, and nothing acknowledged is lost.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::attempts::{RUNBOOK, home_with, nothing_left};
use crate::home::Home;
use crate::journal::{all_there, check, copy, offline_lines};
use crate::run::{Run, Tally, ensure, until};
use crate::tail::Tail;

const PATIENCE: Duration = Duration::from_secs(45);
/// Reports that surely fill what is left.
const REPORTS_MAX: u32 = 3_000;

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    for round in 0..run.count {
        let home = match home_with(RUNBOOK) {
            Ok(home) => home,
            Err(e) => {
                run.violation(e);
                return run.done();
            }
        };
        let small = match Small::mount(&home) {
            Ok(small) => small,
            Err(why) => {
                return run.skip(format!("a small tmpfs cannot be mounted here ({why}); it takes root"));
            }
        };
        let done = one(run, &home, &small);
        run.hold(done.map_err(|e| format!("round {round}: {e}")));
    }
    run.done()
}

/// The state folder on a small disk.
struct Small {
    state: PathBuf,
}

impl Small {
    fn mount(home: &Home) -> Result<Self, String> {
        let state = home.state();
        let aside = state.with_file_name("aside");
        std::fs::rename(&state, &aside)
            .and_then(|()| std::fs::create_dir(&state))
            .map_err(|e| e.to_string())?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=32m,mode=0700", "tmpfs"])
            .arg(&state)
            .output()
            .map_err(|e| e.to_string())?;
        if !mounted.status.success() {
            return Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned());
        }
        let small = Self { state };
        copy(&aside, &small.state).map_err(|e| e.to_string())?;
        for name in ["journal", "blobs", "keys"] {
            let private = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(small.state.join(name), private).map_err(|e| e.to_string())?;
        }
        Ok(small)
    }

    fn ballast(&self) -> PathBuf {
        self.state.join("ballast")
    }

    /// Fills it up but for so many bytes.
    fn fill(&self, leave: u64) -> Result<(), String> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.ballast())
            .map_err(|e| e.to_string())?;
        while free(&self.state)? > leave {
            let piece = (free(&self.state)? - leave).clamp(1, 65_536) as usize;
            if file.write_all(&vec![1; piece]).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), String> {
        std::fs::remove_file(self.ballast()).map_err(|e| e.to_string())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: a reader may still be there for a moment.
        let _ = Command::new("umount").arg("-l").arg(&self.state).output();
    }
}

fn free(folder: &Path) -> Result<u64, String> {
    rustix::fs::statvfs(folder).map(|s| s.f_bavail * s.f_frsize).map_err(|e| e.to_string())
}

fn one(run: &mut Run, home: &Home, small: &Small) -> Result<(), String> {
    std::fs::write(home.path().join("work/hold"), "200\n").map_err(|e| e.to_string())?;
    let daemon = home.start()?;
    daemon.ready()?;
    let mut tail = Tail::at_the_end(&home.state());
    let mut acknowledged = BTreeMap::new();
    let mut report = |code: &str, target: &str| -> Option<u16> {
        let answer = home.report("fault", code, target, &"filling up ".repeat(40))?;
        if answer.status == 202 {
            let json = answer.json();
            let receipt = json["receipt"].as_str().unwrap_or_default().to_owned();
            acknowledged.insert(json["seq"].as_u64().unwrap_or(u64::MAX), receipt);
        }
        Some(answer.status)
    };
    ensure(report("STEPS_NEEDED", "a") == Some(202), || "the first report was not taken".into())?;
    tail.wait("the long step runs", PATIENCE, |e| e.kind == "step.started" && e.data["step"] == 2)?;
    small.fill(run.random.below(600_000))?;
    let mut taken = 0;
    let refused = loop {
        match report("FILLING_UP", &format!("t{}", taken % 50)) {
            Some(202) if taken < REPORTS_MAX => taken += 1,
            other => break other,
        }
        // sled gives pages back now and then.
        small.fill(run.random.below(200_000))?;
    };
    run.add("reports until full", u64::from(taken));
    ensure(refused == Some(503), || {
        format!("on a full disk a report was answered {refused:?}: {}", daemon.last_words())
    })?;
    small.fill(0)?;
    let pause = home.post("/v1/control/pause", r#"{"reason":"the disk is full"}"#);
    let pause = pause.ok_or_else(|| format!("no answer to a pause: {}", daemon.last_words()))?;
    ensure(pause.status == 200, || format!("a pause was answered {}: {}", pause.status, pause.body))?;
    let ended =
        tail.wait("the outcome of the attempt is recorded", PATIENCE, |e| e.kind == "attempt.ended")?;
    ensure(ended.data["outcome"] == "healthy", || format!("the attempt ended {}", ended.data))?;
    ensure(report("FILLING_UP", "again") == Some(503), || "a report was taken on a full disk".into())?;
    small.clear()?;
    let again =
        until("reports are taken again", PATIENCE, || (report("FILLING_UP", "after")? == 202).then_some(()));
    again.map_err(|e| format!("{e}: {}", daemon.last_words()))?;
    match run.random.percent(50) {
        true => daemon.stop()?,
        false => daemon.kill()?,
    }
    let daemon = home.start()?;
    daemon.ready()?;
    let lines = offline_lines(home.path())?;
    all_there(&acknowledged, |seq| lines.get(&seq))?;
    ensure(lines.values().any(|line| line.contains("\"control.paused\"")), || {
        "the pause is not recorded".into()
    })?;
    run.add("acknowledged", acknowledged.len() as u64);
    daemon.stop()?;
    nothing_left(home)?;
    check(home.path()).map(|report| run.add("entries verified", report.entries))
}
