//! SIGKILL of `journal archive`, `journal prune`, `journal restore --from-archive`, `journal refold`, `backup` and `restore`,
//! right behind what each of them leaves on the disk and at random moments, also of the second run. Nothing acknowledged
//! may be lost, every archive that there is verifies, the journal verifies and opens, and the next run finishes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use remediator::base::ids::{BootId, Seq};
use remediator::context::FOLD_VERSION;
use remediator::journal::{IntentJournal, Options, PrunedHistory, read_offline, verify_archive};

use crate::home::Home;
use crate::journal::{check, copy, offline_lines, segments};
use crate::run::{Run, Tally, ensure, until};

const PATIENCE: Duration = Duration::from_secs(60);
/// Reports in the journal that is kept small.
const REPORTS: u32 = 12;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Archive,
    Prune,
    Restore,
    Refold,
    Backup,
}

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    let made = Made::new();
    match made {
        Err(why) => run.violation(format!("no home to begin with: {why}")),
        Ok(made) => {
            for round in 0..run.count {
                let kinds = [What::Prune, What::Restore, What::Archive, What::Refold, What::Backup];
                let what = kinds[round as usize % kinds.len()];
                let done = made.one(run, what, round);
                run.hold(done.map_err(|e| format!("round {round}, {what:?}: {e}")));
                if run.hopeless() {
                    break;
                }
            }
        }
    }
    run.done()
}

/// A home that was served twice, its archive, and the same home as it is once pruned, and as an older version of the
/// program would have pruned it.
struct Made {
    home: Home,
    folder: tempfile::TempDir,
    archive: PathBuf,
    minimum: Seq,
    /// Every line that was acknowledged.
    lines: BTreeMap<Seq, String>,
}

impl Made {
    fn new() -> Result<Self, String> {
        let home = Home::new()?;
        for part in 0..2 {
            let daemon = home.start()?;
            daemon.ready()?;
            for n in 0..REPORTS / 2 {
                let target = format!("t{part}-{n}");
                let answer = home.report("keeping", "KEPT", &target, "kept").ok_or("no answer")?;
                ensure(answer.status == 202, || format!("{}: {}", answer.status, answer.body))?;
            }
            daemon.stop()?;
        }
        // What is open is not cut: nobody has a runbook for it.
        let daemon = home.start()?;
        daemon.ready()?;
        close_all(&home)?;
        daemon.stop()?;
        let daemon = home.start()?;
        daemon.ready()?;
        daemon.stop()?;
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let archive = folder.path().join("archive");
        home.command(&["journal", "archive", "--into", &text(&archive)])?;
        let last = verify_archive(&archive).map_err(|e| e.to_string())?.manifest.last;
        let lines = offline_lines(home.path())?;
        let made = Self { home, folder, archive, minimum: last + 1, lines };
        let whole = made.folder.path().join("whole");
        copy(made.home.path(), &whole).map_err(|e| e.to_string())?;
        for pruned in ["pruned", "older"] {
            let pruned = made.copied("whole", pruned)?;
            made.command(&pruned, &["journal", "prune", "--archive", &text(&made.archive)])?;
        }
        made.as_an_older_version_left_it(&made.folder.path().join("older"))?;
        Ok(made)
    }

    fn as_an_older_version_left_it(&self, root: &Path) -> Result<(), String> {
        let state = root.join("state");
        let offline = read_offline(&state).map_err(|e| e.to_string())?;
        let archives = [self.archive.clone()];
        let history = PrunedHistory::gather(&offline, &archives).map_err(|e| e.to_string())?;
        let key = remediator::remediator::read_journal_key(&state).map_err(|e| e.to_string())?;
        let options = Options::new(&state, BootId::fresh(), key);
        IntentJournal::refold(options, &history, b"{}", FOLD_VERSION - 1, &mut |_| ControlFlow::Continue(()))
            .map(|_| ())
            .map_err(|e| e.to_string())
    }

    /// A home of its own like one of those.
    fn copied(&self, from: &str, to: &str) -> Result<PathBuf, String> {
        let to = self.folder.path().join(to);
        let _ = std::fs::remove_dir_all(&to);
        copy(&self.folder.path().join(from), &to).map_err(|e| e.to_string())?;
        Ok(to)
    }

    fn command(&self, root: &Path, args: &[&str]) -> Result<String, String> {
        self.home.command(&[args, &["--home", &text(root)]].concat())
    }

    fn one(&self, run: &mut Run, what: What, round: u64) -> Result<(), String> {
        let from = match what {
            What::Archive | What::Prune | What::Backup => "whole",
            What::Restore => "pruned",
            What::Refold => "older",
        };
        let root = self.copied(from, &format!("round-{round}"))?;
        let to = self.folder.path().join(format!("to-{round}"));
        let (archive, target, own) = (text(&self.archive), text(&to), text(&root));
        let args: Vec<&str> = match what {
            What::Archive => vec!["journal", "archive", "--into", &target, "--home", &own],
            What::Prune => vec!["journal", "prune", "--archive", &archive, "--home", &own],
            What::Restore => vec!["journal", "restore", "--from-archive", &archive, "--home", &own],
            What::Refold => vec!["journal", "refold", "--archive", &archive, "--home", &own],
            What::Backup => vec!["backup", &target, "--with-keys", "--home", &own],
        };
        let kills = 1 + u64::from(run.random.percent(30));
        for _ in 0..kills {
            if matches!(what, What::Archive | What::Backup) {
                let _ = std::fs::remove_dir_all(&to);
            }
            let place = if matches!(what, What::Archive | What::Backup) { &to } else { &root };
            self.kill(run, &args, place)?;
            self.holds(&root).map_err(|e| format!("after a kill: {e}"))?;
        }
        match what {
            What::Archive => half_an_archive(&to, &self.archive)?,
            What::Backup => self.half_a_backup(run, &to)?,
            What::Prune | What::Restore | What::Refold => {}
        }
        // Sometimes a daemon comes in between; an older version's state is none that it can begin with.
        if what != What::Refold && run.random.percent(30) {
            self.command(&root, &["journal", "fsck"])?;
            run.add("looked at in between", 1);
        }
        self.finish(&root, what, &to, &args)?;
        self.holds(&root)?;
        run.add(
            match what {
                What::Archive => "archived",
                What::Prune => "pruned",
                What::Restore => "put back",
                What::Refold => "folded anew",
                What::Backup => "backed up",
            },
            1,
        );
        let _ = std::fs::remove_dir_all(&root);
        let _ = std::fs::remove_dir_all(&to);
        Ok(())
    }

    /// Runs it and kills it: behind the n-th change of what is on the disk, or at a random moment.
    fn kill(&self, run: &mut Run, args: &[&str], place: &Path) -> Result<(), String> {
        let changes = run.random.percent(70).then(|| 1 + run.random.below(12));
        let span = run.random.span(Duration::from_millis(400));
        let began = Instant::now();
        let mut child = self.home.spawn(args)?;
        let (mut seen, mut left) = (print_of(place), changes.unwrap_or(0));
        let ended = until("the command ends or is killed", PATIENCE, || {
            let now = print_of(place);
            if now != seen {
                (seen, left) = (now, left.saturating_sub(1));
            }
            let due = if changes.is_some() { left == 0 } else { began.elapsed() >= span };
            match child.try_wait() {
                Ok(Some(_)) => Some(true),
                _ if due => Some(false),
                _ => None,
            }
        });
        let word = match ended? {
            true => "were over before the kill",
            false if changes.is_some() => "killed behind a change on the disk",
            false => "killed at any time",
        };
        run.add(word, 1);
        end(&mut child)
    }

    /// What holds at any moment: the journal verifies, and every line is in it or in the archive, which verifies.
    fn holds(&self, root: &Path) -> Result<(), String> {
        let report = check(root)?;
        verify_archive(&self.archive).map_err(|e| format!("the archive does not verify any more: {e}"))?;
        ensure([0, self.minimum].contains(&report.minimum), || format!("it begins with {}", report.minimum))?;
        let now = offline_lines(root)?;
        let lost = self.lines.range(report.minimum..).find(|(seq, line)| now.get(seq) != Some(line));
        ensure(lost.is_none(), || format!("an acknowledged entry is gone: {lost:?}"))
    }

    /// The next run finishes, and what came of it is what it would have been.
    fn finish(&self, root: &Path, what: What, to: &Path, args: &[&str]) -> Result<(), String> {
        match what {
            What::Archive | What::Backup => {
                let _ = std::fs::remove_dir_all(to);
                self.home.command(args)?;
                if what == What::Archive {
                    return verify_archive(to).map(|_| ()).map_err(|e| e.to_string());
                }
                return self.restored(to);
            }
            // Put back already: that is said, and nothing is done.
            What::Restore if !root.join("state/journal/base").exists() => {}
            What::Prune | What::Restore | What::Refold => drop(self.home.command(args)?),
        }
        let minimum = check(root)?.minimum;
        let wanted = if what == What::Restore { 0 } else { self.minimum };
        ensure(minimum == wanted, || format!("it begins with {minimum}, not with {wanted}"))?;
        let names = |root: &Path| {
            let files = segments(&root.join("state"));
            files.into_iter().filter_map(|path| {
                let name = path.file_name()?.to_str()?.to_owned();
                Some((name, std::fs::read(&path).ok()?))
            })
        };
        let now: BTreeMap<String, Vec<u8>> = names(root).collect();
        let below = format!("{:020}.ndjson", self.minimum);
        if what == What::Restore {
            let mut whole = names(&self.folder.path().join("whole")).filter(|(name, _)| *name < below);
            let other = whole.find(|(name, bytes)| now.get(name) != Some(bytes));
            ensure(other.is_none(), || "a segment did not come back byte for byte".to_owned())?;
        } else {
            ensure(now.keys().all(|name| *name >= below), || "pruned segments are still there".to_owned())?;
        }
        // It is opened, folded and shown.
        self.command(root, &["status"]).map(|_| ())
    }

    /// What is left of a backup that was killed is none, or a whole one.
    fn half_a_backup(&self, run: &mut Run, to: &Path) -> Result<(), String> {
        let home = self.folder.path().join("half");
        if self.home.command(&["restore", &text(to), "--home", &text(&home)]).is_ok() {
            check(&home).map_err(|e| format!("half a backup was taken for one: {e}"))?;
            run.add("backups that were whole", 1);
        }
        std::fs::remove_dir_all(&home).or(Ok(()))
    }

    /// A backup becomes a home, also where that was killed before.
    fn restored(&self, backup: &Path) -> Result<(), String> {
        let home = self.folder.path().join("restored");
        let (from, own) = (text(backup), text(&home));
        let args = ["restore", &from, "--home", &own];
        let mut child = self.home.spawn(&args)?;
        let before = print_of(self.folder.path());
        let _ = until("the first trace of the home", PATIENCE, || {
            let over = matches!(child.try_wait(), Ok(Some(_)));
            (over || print_of(self.folder.path()) != before).then_some(())
        });
        end(&mut child)?;
        if home.exists() {
            check(&home).map_err(|e| format!("half a home was restored: {e}"))?;
        } else {
            self.home.command(&args)?;
        }
        check(&home)?;
        std::fs::remove_dir_all(&home).map_err(|e| e.to_string())
    }
}

/// What an archive that was killed left is not taken for one, unless it is whole.
fn half_an_archive(to: &Path, whole: &Path) -> Result<(), String> {
    let (Ok(half), Ok(whole)) = (verify_archive(to), verify_archive(whole)) else { return Ok(()) };
    ensure(half.manifest.hash == whole.manifest.hash, || "half an archive verifies".to_owned())
}

fn close_all(home: &Home) -> Result<(), String> {
    let list: serde_json::Value =
        serde_json::from_str(&home.command(&["incidents", "--limit", "100", "--output", "json"])?)
            .map_err(|e| e.to_string())?;
    for incident in list["incidents"].as_array().ok_or("no list")? {
        if let (true, Some(id)) = (incident["closure"].is_null(), incident["id"].as_str()) {
            home.command(&["incident", "close", id, "--reason", "seen to"])?;
        }
    }
    Ok(())
}

/// Names and sizes of every file below a folder.
fn print_of(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => waiting.push(entry.path()),
                Ok(data) => found.push((entry.path(), data.len())),
                Err(_) => {}
            }
        }
    }
    found.sort();
    found
}

fn end(child: &mut Child) -> Result<(), String> {
    let _ = child.kill();
    child.wait().map(|_| ()).map_err(|e| e.to_string())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
