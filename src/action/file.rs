//! Step kind `file`: copy, move, truncate, prune, restore below one folder (`root`). What comes into place comes whole:
//! written beside it, synced, renamed, the folder synced. Says what it removed and what it kept aside.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid};
use rustix::io::Errno;

use super::pace::Pace;
use super::root::{Place, Root, failed, problem};
use super::run::Done;
use crate::base::glob;
use crate::base::ids::AttemptId;
use crate::base::limits::FILE_STEP_NAMES_MAX;
use crate::base::time::Span;
use crate::event::plan::{FilePlan, FileWork};
use crate::event::step::StepOutcome;

/// Copied at once; between two pieces the time is looked at.
const PIECE_BYTES: usize = 256 * 1024;

/// What was done in words, or how it ended otherwise (with what was done until then).
type Said = Result<String, (StepOutcome, String)>;

/// Does it.
pub(super) fn carry_out(plan: &FilePlan, attempt: AttemptId, pace: &Pace<'_>) -> Done {
    let work = Root::open(&plan.root).map_err(silent).and_then(|root| {
        let job = Job { root, plan, attempt, pace };
        match &plan.work {
            FileWork::Copy { from, to } => job.copy(from, to).map_err(silent),
            FileWork::Move { from, to } => job.rename(from, to).map_err(silent),
            FileWork::Truncate { path, size } => job.truncate(path, *size).map_err(silent),
            FileWork::Prune { within, name, older_than, keep_bytes } => {
                job.prune(within, name, *older_than, *keep_bytes)
            }
            FileWork::Restore { from, to } => job.restore(from, to).map_err(silent),
            FileWork::PutBack { to } => job.put_back(to).map_err(silent),
        }
    });
    match work {
        Ok(said) => Done::saying(StepOutcome::Succeeded, &said),
        Err((outcome, said)) => Done::saying(outcome, &said),
    }
}

fn silent(outcome: StepOutcome) -> (StepOutcome, String) {
    (outcome, String::new())
}

struct Job<'a> {
    root: Root,
    plan: &'a FilePlan,
    attempt: AttemptId,
    pace: &'a Pace<'a>,
}

/// A file of a folder that may be removed.
struct Candidate {
    written: SystemTime,
    name: String,
    size: u64,
    identity: (u64, u64),
}

impl Job<'_> {
    fn copy(&self, from: &str, to: &str) -> Result<String, StepOutcome> {
        let (source, about) = self.regular(from, OFlags::RDONLY)?;
        let place = self.root.place(to)?;
        if place.look(&place.name)?.is_some() {
            return Err(in_the_way(to));
        }
        let (temporary, note) = self.write_beside(source, &about, &about, &place)?;
        let moved = rename_to_free(&place, &temporary, &place, &place.name);
        if let Err(error) = moved {
            remove(&place, &temporary);
            return Err(if error == Errno::EXIST { in_the_way(to) } else { failed(to, "written", error) });
        }
        sync(&place, to)?;
        Ok(format!("copied {from} to {to} ({} bytes){note}\n", size_of(&about)))
    }

    fn rename(&self, from: &str, to: &str) -> Result<String, StepOutcome> {
        let (old, new) = (self.root.place(from)?, self.root.place(to)?);
        match rename_to_free(&old, &old.name, &new, &new.name) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(in_the_way(to)),
            Err(error) => return Err(failed(&format!("{from} to {to}"), "moved", error)),
        }
        sync(&new, to)?;
        sync(&old, from)?;
        Ok(format!("moved {from} to {to}\n"))
    }

    fn truncate(&self, path: &str, size: u64) -> Result<String, StepOutcome> {
        let (file, about) = self.regular(path, OFlags::WRONLY)?;
        if about.st_nlink > 1 {
            let why = format!("`{path}` has {} names: it may stand for a file outside", about.st_nlink);
            return Err(StepOutcome::Refused(why));
        }
        let before = size_of(&about);
        if before <= size {
            return Ok(format!("{path} has {before} bytes, nothing was removed\n"));
        }
        let removed = before - size;
        if removed > self.plan.max_bytes {
            return Err(too_many_bytes(path, removed, self.plan.max_bytes));
        }
        file.set_len(size).map_err(|error| failed(path, "truncated", error))?;
        file.sync_all().map_err(|error| problem(format!("{path} cannot be synced: {error}"), true))?;
        Ok(format!("truncated {path} from {before} to {size} bytes: removed {removed} bytes\n"))
    }

    fn restore(&self, from: &str, to: &str) -> Result<String, StepOutcome> {
        let (source, about) = self.regular(from, OFlags::RDONLY)?;
        let place = self.root.place(to)?;
        let before = place.look(&place.name)?;
        if let Some(before) = &before {
            if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile {
                return Err(StepOutcome::Refused(format!("`{to}` is no regular file: it is not replaced")));
            }
            if (before.st_dev, before.st_ino) == (about.st_dev, about.st_ino) {
                return Err(StepOutcome::Refused(format!("`{from}` and `{to}` are the same file")));
            }
        }
        let (temporary, note) =
            self.write_beside(source, &about, before.as_ref().unwrap_or(&about), &place)?;
        let kept = self.keep_aside(&place, before.is_some()).inspect_err(|_| remove(&place, &temporary))?;
        if let Err(error) = rustix::fs::renameat(&place.dir, &temporary, &place.dir, &place.name) {
            remove(&place, &temporary);
            return Err(failed(to, "replaced", error));
        }
        sync(&place, to)?;
        Ok(format!("restored {to} from {from} ({} bytes); {kept}{note}\n", size_of(&about)))
    }

    /// Keeps what is there under a name of this attempt. A second try finds it kept and leaves it so: what the first
    /// one put in place is not worth keeping.
    fn keep_aside(&self, place: &Place, exists: bool) -> Result<String, StepOutcome> {
        let (aside, absent) = (self.aside(&place.name), self.absent(&place.name));
        if place.look(&aside)?.is_none() && place.look(&absent)?.is_none() {
            if exists {
                rustix::fs::linkat(&place.dir, &place.name, &place.dir, &aside, AtFlags::empty())
                    .map_err(|error| failed(&place.name, "kept aside", error))?;
            } else {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                rustix::fs::openat(&place.dir, &absent, flags, Mode::from_raw_mode(0o600))
                    .map_err(|error| failed(&absent, "made", error))?;
            }
            rustix::fs::fsync(&place.dir).map_err(|error| failed(&place.name, "kept aside", error))?;
        }
        Ok(match place.look(&aside)? {
            Some(_) => format!("what was there is kept as {aside}"),
            None => "nothing was there before".to_owned(),
        })
    }

    fn put_back(&self, to: &str) -> Result<String, StepOutcome> {
        let place = self.root.place(to)?;
        let (aside, absent) = (self.aside(&place.name), self.absent(&place.name));
        if place.look(&aside)?.is_some() {
            rustix::fs::renameat(&place.dir, &aside, &place.dir, &place.name)
                .map_err(|error| failed(to, "put back", error))?;
            sync(&place, to)?;
            return Ok(format!("put {to} back as it was\n"));
        }
        if place.look(&absent)?.is_none() {
            return Ok(format!("{to} was not replaced by this attempt\n"));
        }
        for name in [&place.name, &absent] {
            match rustix::fs::unlinkat(&place.dir, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(problem(format!("{name} cannot be removed: {error}"), true)),
            }
        }
        sync(&place, to)?;
        Ok(format!("removed {to}: nothing was there before\n"))
    }

    fn prune(&self, within: &str, pattern: &str, older_than: Option<Span>, keep: Option<u64>) -> Said {
        let dir = self.root.open_below(within, OFlags::DIRECTORY | OFlags::RDONLY).map_err(silent)?;
        let place = Place { dir, name: within.to_owned() };
        let mut files = candidates(&place, pattern).map_err(silent)?;
        files.sort_by(|a, b| (a.written, &a.name).cmp(&(b.written, &b.name)));
        let mut total: u64 = files.iter().map(|file| file.size).sum();
        let youngest = older_than.map(|span| SystemTime::now() - span.to_std());
        let (mut said, mut removed, mut bytes) = (String::new(), 0u32, 0u64);
        for file in &files {
            if youngest.is_some_and(|limit| file.written > limit) || keep.is_some_and(|keep| total <= keep) {
                break;
            }
            if removed >= self.plan.max_files || bytes.saturating_add(file.size) > self.plan.max_bytes {
                said += "the bound of this step is reached: more are left\n";
                break;
            }
            if let Some(outcome) = self.pace.over(removed > 0) {
                return Err((outcome, said));
            }
            match remove_candidate(&place, file) {
                Ok(true) => {
                    said += &format!("removed {within}/{} ({} bytes)\n", file.name, file.size);
                    (removed, bytes) = (removed + 1, bytes + file.size);
                }
                Ok(false) => said += &format!("{within}/{} has changed and stays\n", file.name),
                Err(error) => {
                    let why = format!("{within}/{} cannot be removed: {error}", file.name);
                    return Err((problem(why, removed > 0), said));
                }
            }
            total -= file.size;
        }
        if let Err(error) = rustix::fs::fsync(&place.dir) {
            return Err((problem(format!("{within} cannot be synced: {error}"), removed > 0), said));
        }
        Ok(format!("{said}removed {removed} files with {bytes} bytes of {} that fit\n", files.len()))
    }

    /// Opens a regular file below the root that is no larger than the step may handle.
    fn regular(&self, path: &str, flags: OFlags) -> Result<(File, Stat), StepOutcome> {
        let file = self.root.open_below(path, flags)?;
        let about = rustix::fs::fstat(&file).map_err(|error| failed(path, "looked at", error))?;
        if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
            return Err(StepOutcome::Refused(format!("`{path}` is no regular file")));
        }
        Ok((File::from(file), about))
    }

    /// Writes a copy beside a place, synced, with the mode and, where we may, the owner of `like`.
    fn write_beside(
        &self,
        mut source: File,
        about: &Stat,
        like: &Stat,
        place: &Place,
    ) -> Result<(String, &'static str), StepOutcome> {
        if size_of(about) > self.plan.max_bytes {
            return Err(too_many_bytes("the file", size_of(about), self.plan.max_bytes));
        }
        let name = format!(".{}.remediator-{}", place.name, self.attempt);
        // What an interrupted try of this attempt has left.
        remove(place, &name);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let target = rustix::fs::openat(&place.dir, &name, flags, Mode::from_raw_mode(0o600))
            .map_err(|error| failed(&name, "made", error))?;
        let written = self.fill(&mut source, target, like);
        written.map(|note| (name.clone(), note)).inspect_err(|_| remove(place, &name))
    }

    fn fill(&self, source: &mut File, target: OwnedFd, like: &Stat) -> Result<&'static str, StepOutcome> {
        let mut target = File::from(target);
        let (mut piece, mut bytes) = (vec![0; PIECE_BYTES], 0u64);
        loop {
            if let Some(outcome) = self.pace.over(false) {
                return Err(outcome);
            }
            let read = source.read(&mut piece).map_err(|error| failed("the source", "read", error))?;
            bytes += read as u64;
            if bytes > self.plan.max_bytes {
                return Err(too_many_bytes("the file", bytes, self.plan.max_bytes));
            }
            if read == 0 {
                break;
            }
            target.write_all(&piece[..read]).map_err(|error| failed("the copy", "written", error))?;
        }
        let (user, group) = (Uid::from_raw(like.st_uid), Gid::from_raw(like.st_gid));
        let owned = rustix::fs::fchown(target.as_fd(), Some(user), Some(group));
        rustix::fs::fchmod(target.as_fd(), Mode::from_raw_mode(like.st_mode & 0o777))
            .map_err(|error| failed("the copy", "given its mode", error))?;
        target.sync_all().map_err(|error| failed("the copy", "synced", error))?;
        Ok(if owned.is_ok() { "" } else { "; its owner could not be kept" })
    }

    fn aside(&self, name: &str) -> String {
        format!("{name}.replaced-{}", self.attempt)
    }

    fn absent(&self, name: &str) -> String {
        format!("{name}.absent-{}", self.attempt)
    }
}

fn size_of(about: &Stat) -> u64 {
    u64::try_from(about.st_size).unwrap_or(0)
}

fn in_the_way(to: &str) -> StepOutcome {
    problem(format!("{to} exists already: nothing is overwritten"), false)
}

fn too_many_bytes(what: &str, bytes: u64, max: u64) -> StepOutcome {
    StepOutcome::Refused(format!("{what} has {bytes} bytes, the step may handle {max}"))
}

fn rename_to_free(old: &Place, from: &str, new: &Place, to: &str) -> rustix::io::Result<()> {
    rustix::fs::renameat_with(&old.dir, from, &new.dir, to, RenameFlags::NOREPLACE)
}

fn remove(place: &Place, name: &str) {
    // Only our own temporary names; when it is not there, all the better.
    let _ = rustix::fs::unlinkat(&place.dir, name, AtFlags::empty());
}

fn sync(place: &Place, what: &str) -> Result<(), StepOutcome> {
    rustix::fs::fsync(&place.dir)
        .map_err(|error| problem(format!("the folder of {what} cannot be synced: {error}"), true))
}

fn candidates(place: &Place, pattern: &str) -> Result<Vec<Candidate>, StepOutcome> {
    let dir = rustix::fs::Dir::read_from(&place.dir).map_err(|error| failed(&place.name, "read", error))?;
    let mut found = Vec::new();
    for (count, entry) in dir.enumerate() {
        if count >= FILE_STEP_NAMES_MAX {
            return Err(problem(
                format!("{} holds more than {FILE_STEP_NAMES_MAX} names", place.name),
                false,
            ));
        }
        let entry = entry.map_err(|error| failed(&place.name, "read", error))?;
        // A name that is no UTF-8 cannot be said in an entry, so it is not removed.
        let Ok(name) = entry.file_name().to_str() else { continue };
        if !glob::matches(pattern, name) {
            continue;
        }
        let Some(stat) = place.look(name)? else { continue };
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
            let written = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let (name, size) = (name.to_owned(), size_of(&stat));
            found.push(Candidate { written, name, size, identity: (stat.st_dev, stat.st_ino) });
        }
    }
    Ok(found)
}

/// False: another file has taken the name meanwhile.
fn remove_candidate(place: &Place, file: &Candidate) -> rustix::io::Result<bool> {
    match rustix::fs::statat(&place.dir, &file.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(now) if (now.st_dev, now.st_ino) != file.identity => return Ok(false),
        Ok(_) => {}
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error),
    }
    rustix::fs::unlinkat(&place.dir, &file.name, AtFlags::empty())?;
    Ok(true)
}

#[cfg(test)]
mod tests;
