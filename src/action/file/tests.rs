//! Real files: what is done, what is kept, and that no name, link or swap leads out of the root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::action::Finished;
use crate::action::testing::Bench;
use crate::event::plan::ActionPlan;
use crate::event::step::Failure;

struct Yard {
    bench: Bench,
    dir: tempfile::TempDir,
}

impl Yard {
    fn new() -> Self {
        let yard = Self { bench: Bench::new(), dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(yard.path("sub")).unwrap();
        fs::write(yard.outside(), "outside").unwrap();
        yard
    }
    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }
    fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }
    fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }
    fn names(&self, folder: &str) -> Vec<String> {
        let read = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> =
            read.map(|e| e.unwrap().file_name().into_string().unwrap()).filter(|n| n != "sub").collect();
        names.sort();
        names
    }
    fn aged(&self, name: &str, text: &str, hours: u64) {
        self.write(name, text);
        let then = SystemTime::now() - Duration::from_secs(hours * 3600);
        fs::File::options().write(true).open(self.path(name)).unwrap().set_modified(then).unwrap();
    }
    fn plan(&self, work: FileWork) -> FilePlan {
        FilePlan { root: self.root().to_str().unwrap().to_owned(), work, max_bytes: 1 << 20, max_files: 10 }
    }
    fn do_plan(&self, plan: FilePlan) -> Finished {
        self.bench.finish(ActionPlan::File(plan), 10_000)
    }
    fn act(&self, work: FileWork) -> Finished {
        self.do_plan(self.plan(work))
    }
    fn succeeds(&self, work: FileWork) -> String {
        let done = self.act(work);
        assert_eq!(done.outcome, StepOutcome::Succeeded, "{}", done.output);
        done.output
    }
    /// It failed and it is certain that nothing was changed.
    fn fails(&self, work: FileWork, words: &str) {
        match self.act(work).outcome {
            StepOutcome::Failed { failure: Failure::File, why, began: false } | StepOutcome::Refused(why) => {
                assert!(why.contains(words), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
}

fn copy(from: &str, to: &str) -> FileWork {
    FileWork::Copy { from: from.into(), to: to.into() }
}
fn rename(from: &str, to: &str) -> FileWork {
    FileWork::Move { from: from.into(), to: to.into() }
}
fn restore(from: &str, to: &str) -> FileWork {
    FileWork::Restore { from: from.into(), to: to.into() }
}
fn truncate(path: &str) -> FileWork {
    FileWork::Truncate { path: path.into(), size: 3 }
}
fn prune(older_than: Option<Span>, keep_bytes: Option<u64>) -> FileWork {
    FileWork::Prune { within: "sub".into(), name: "*.log".into(), older_than, keep_bytes }
}

#[test]
fn a_copy_is_whole_keeps_its_mode_and_overwrites_nothing() {
    let yard = Yard::new();
    yard.write("a", &"x".repeat(600_000));
    fs::set_permissions(yard.path("a"), fs::Permissions::from_mode(0o640)).unwrap();
    yard.succeeds(copy("a", "sub/b"));
    assert_eq!(yard.read("sub/b").unwrap().len(), 600_000);
    assert_eq!(fs::metadata(yard.path("sub/b")).unwrap().permissions().mode() & 0o777, 0o640);
    yard.write("c", "other");
    yard.fails(copy("c", "sub/b"), "exists already");
    yard.fails(copy("none", "sub/d"), "No such file");
    assert_eq!((yard.names("sub"), yard.read("sub/b").unwrap().len()), (vec!["b".to_owned()], 600_000));
}

#[test]
fn a_move_overwrites_nothing_and_its_natural_undo_moves_back() {
    let yard = Yard::new();
    yard.write("a", "a");
    yard.write("b", "b");
    yard.fails(rename("a", "b"), "exists already");
    let there = rename("a", "sub/a");
    yard.succeeds(there.clone());
    assert_eq!((yard.read("a"), yard.read("sub/a").as_deref()), (None, Some("a")));
    yard.succeeds(there.natural_undo().unwrap());
    assert_eq!((yard.read("a").as_deref(), yard.read("sub/a")), (Some("a"), None));
}

#[test]
fn a_restore_replaces_at_once_keeps_the_file_before_and_can_be_taken_back() {
    let yard = Yard::new();
    yard.write("good", "good");
    yard.write("data", "broken");
    let work = restore("good", "data");
    let aside = format!("data.replaced-{}", yard.bench.attempt);
    // Done twice, as after a crash between act and outcome: what is kept is still the file of before.
    for _ in 0..2 {
        let said = yard.succeeds(work.clone());
        assert!(said.contains(&format!("kept as {aside}")), "{said}");
        assert_eq!(
            (yard.read("data").as_deref(), yard.read(&aside).as_deref()),
            (Some("good"), Some("broken"))
        );
    }
    yard.succeeds(work.natural_undo().unwrap());
    assert_eq!((yard.read("data").as_deref(), yard.read(&aside)), (Some("broken"), None));
    let said = yard.succeeds(work.natural_undo().unwrap());
    assert!(said.contains("was not replaced"), "{said}");
    assert_eq!(yard.read("data").as_deref(), Some("broken"));
}

#[test]
fn a_restore_of_what_was_not_there_is_taken_back_by_removing_it() {
    let yard = Yard::new();
    yard.write("good", "good");
    let work = restore("good", "data");
    for _ in 0..2 {
        yard.succeeds(work.clone());
    }
    yard.succeeds(work.natural_undo().unwrap());
    assert_eq!(yard.names("."), ["good"]);
}

#[test]
fn truncating_says_what_it_removed_and_touches_no_file_with_two_names() {
    let yard = Yard::new();
    yard.write("log", "123456");
    assert_eq!(yard.succeeds(truncate("log")), "truncated log from 6 to 3 bytes: removed 3 bytes\n");
    assert_eq!(yard.read("log").as_deref(), Some("123"));
    yard.succeeds(truncate("log"));
    fs::hard_link(yard.outside(), yard.path("sly")).unwrap();
    yard.fails(truncate("sly"), "2 names");
    assert_eq!(fs::read_to_string(yard.outside()).unwrap(), "outside");
}

#[test]
fn pruning_takes_the_oldest_of_that_name_by_age_and_size_and_says_which() {
    let yard = Yard::new();
    for (name, hours) in [("sub/a.log", 50), ("sub/b.log", 40), ("sub/c.log", 1), ("sub/a.txt", 90)] {
        yard.aged(name, "12345", hours);
    }
    fs::create_dir(yard.path("sub/d.log")).unwrap();
    symlink(yard.outside(), yard.path("sub/e.log")).unwrap();
    let said = yard.succeeds(prune(Some(Span::from_secs(45 * 3600)), None));
    assert_eq!(said, "removed sub/a.log (5 bytes)\nremoved 1 files with 5 bytes of 3 that fit\n");
    let said = yard.succeeds(prune(None, Some(5)));
    assert!(said.starts_with("removed sub/b.log (5 bytes)\n"), "{said}");
    assert_eq!(yard.names("sub"), ["a.txt", "c.log", "d.log", "e.log"]);
    yard.aged("sub/f.log", "12345", 99);
    yard.succeeds(prune(Some(Span::from_secs(3600 * 200)), Some(0)));
    assert!(yard.read("sub/f.log").is_some(), "both must say so");
}

#[test]
fn pruning_stops_at_its_bounds() {
    let yard = Yard::new();
    for n in 0..9 {
        yard.aged(&format!("sub/{n}.log"), "12345", 100 - n);
    }
    let said = yard.do_plan(FilePlan { max_files: 3, ..yard.plan(prune(None, Some(0))) });
    assert_eq!(said.outcome, StepOutcome::Succeeded);
    assert!(
        said.output.contains("more are left") && said.output.contains("removed 3 files"),
        "{}",
        said.output
    );
    yard.do_plan(FilePlan { max_bytes: 11, ..yard.plan(prune(None, Some(0))) });
    assert_eq!(yard.names("sub"), ["5.log", "6.log", "7.log", "8.log"]);
    yard.write("big", &"x".repeat(100));
    let too_large = yard.do_plan(FilePlan { max_bytes: 99, ..yard.plan(copy("big", "big2")) });
    assert!(matches!(too_large.outcome, StepOutcome::Refused(_)));
    assert_eq!(yard.read("big2"), None);
}

#[test]
fn no_name_and_no_link_leads_out_of_the_root() {
    let yard = Yard::new();
    yard.write("a", "inside");
    symlink(yard.dir.path(), yard.path("way-out")).unwrap();
    symlink(yard.outside(), yard.path("link")).unwrap();
    symlink("a", yard.path("inner-link")).unwrap();
    for way in
        ["../outside", "sub/../../outside", "/etc/passwd", "way-out/outside", "link", "inner-link", "sub//a"]
    {
        yard.fails(copy(way, "got"), "");
        yard.fails(restore(way, "a"), "");
        yard.fails(truncate(way), "");
        if !way.ends_with("link") {
            yard.fails(copy("a", way), "");
            yard.fails(rename("a", way), "");
            yard.fails(restore("a", way), "");
        }
    }
    // A link in the place of what is written is not followed.
    yard.fails(copy("a", "link"), "exists already");
    yard.fails(restore("a", "link"), "no regular file");
    let mut plan = yard.plan(copy("a", "b"));
    plan.root = yard.path("way-out").to_str().unwrap().to_owned();
    assert_ne!(yard.do_plan(plan).outcome, StepOutcome::Succeeded, "the root itself is a link");
    assert_eq!(fs::read_to_string(yard.outside()).unwrap(), "outside");
    assert_eq!(yard.read("a").as_deref(), Some("inside"));
    assert_eq!((yard.read("got"), yard.read("b")), (None, None));
}

#[test]
fn a_pipe_or_folder_in_place_of_a_file_does_not_hold_the_step_up() {
    let yard = Yard::new();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let pipe = yard.path("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
    yard.fails(copy("pipe", "got"), "no regular file");
    yard.fails(copy("sub", "got"), "no regular file");
    yard.fails(truncate("pipe"), "");
}

/// Swaps a folder and a link to a folder outside for each other as fast as it can.
fn swap_until(stop: &AtomicBool, inside: &Path, link: &Path) {
    while !stop.load(Ordering::SeqCst) {
        let cwd = rustix::fs::CWD;
        rustix::fs::renameat_with(cwd, inside, cwd, link, RenameFlags::EXCHANGE).unwrap();
    }
}

#[test]
fn a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere() {
    let yard = Yard::new();
    let victim = yard.dir.path().join("victim");
    fs::create_dir(&victim).unwrap();
    symlink(&victim, yard.path("link")).unwrap();
    yard.write("good", "inside");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| swap_until(&stop, &yard.path("sub"), &yard.path("link")));
        for round in 0..200 {
            yard.act(copy("good", &format!("sub/{round}")));
            yard.act(restore("good", "sub/data"));
            yard.act(prune(None, Some(0)));
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0, "nothing was written outside");
}
