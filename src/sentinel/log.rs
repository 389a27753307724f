//! Look kind `log`: follows a file across rotation and truncation and counts the lines that hold certain words.
//! What it says is free text: it is shown, and nothing acts on it (`LookPlan::is_free_text`).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::blocking::Blocking;
use super::kept::Kept;
use super::{saw, with};
use crate::base::limits::{LOG_HITS_MAX, LOG_LINE_BYTES_MAX, LOG_READ_BYTES_MAX, PATTERN_BYTES_MAX};
use crate::base::text::clip;
use crate::event::plan::{LogLook, LogWords};
use crate::event::verification::{Observation, Verdict};

/// Of a line that is shown.
const SHOWN_BYTES_MAX: usize = 200;

/// How far a log has been read, and what was found.
#[derive(Debug, Default)]
pub(super) struct Follow {
    /// The file that is being read, under whatever name it goes by now.
    open: Option<Open>,
    looked: bool,
    pattern: Option<regex::bytes::Regex>,
    hits: VecDeque<(Instant, u64)>,
    last_hit: String,
}

#[derive(Debug)]
struct Open {
    file: File,
    inode: u64,
    offset: u64,
    /// The beginning of a line whose end is not yet there.
    partial: Vec<u8>,
    /// The rest of a line that was too long to be kept.
    skipping: bool,
}

pub(super) async fn look(
    blocking: &Blocking,
    kept: &Kept<Follow>,
    look: &LogLook,
    timeout: Duration,
) -> Observation {
    let (what, plan) = (look.path.clone(), look.clone());
    let follow = kept.of(look);
    blocking
        .look(&what, timeout, move || {
            let mut follow = follow.lock().unwrap_or_else(PoisonError::into_inner);
            see(&plan, &mut follow, Instant::now())
        })
        .await
}

fn see(look: &LogLook, follow: &mut Follow, now: Instant) -> Observation {
    let words = match words(&look.words, &mut follow.pattern) {
        Ok(words) => words,
        Err(why) => return saw(Verdict::Unknown, format!("{}: {why}", look.path)),
    };
    let mut found = Found { lines: 0, hits: 0, last: None, left: LOG_READ_BYTES_MAX };
    let read = read(Path::new(&look.path), &mut follow.open, follow.looked, &words, &mut found);
    follow.looked = true;
    if found.hits > 0 {
        follow.hits.push_back((now, found.hits));
    }
    follow.last_hit = found.last.take().unwrap_or_else(|| std::mem::take(&mut follow.last_hit));
    forget(&mut follow.hits, look.within.to_std(), now);
    let total: u64 = follow.hits.iter().map(|(_, hits)| *hits).sum();
    let state = format!("{}: {total} such lines in {}", look.path, look.within);
    let seen = match (total >= look.count, read) {
        // What was found is proven, whatever could not be read.
        (true, _) => saw(Verdict::Failed, format!("{state}, the last: {}", follow.last_hit)),
        (false, Err(why)) => saw(Verdict::Unknown, format!("{state}; {why}")),
        (false, Ok(())) if found.left == 0 => {
            saw(Verdict::Unknown, format!("{state}; more is still to be read"))
        }
        (false, Ok(())) => saw(Verdict::Healthy, state),
    };
    with(seen, &[("matching_lines", total), ("new_lines", found.lines)])
}

/// Hits that are too old; many are taken together, as late as the later.
fn forget(hits: &mut VecDeque<(Instant, u64)>, within: Duration, now: Instant) {
    while hits.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > within) {
        hits.pop_front();
    }
    while hits.len() > LOG_HITS_MAX {
        let (_, first) = hits.pop_front().unwrap_or((now, 0));
        if let Some((_, next)) = hits.front_mut() {
            *next = next.saturating_add(first);
        }
    }
}

/// What a line is searched for.
enum Words<'a> {
    Text(&'a [u8]),
    Pattern(&'a regex::bytes::Regex),
}

impl Words<'_> {
    fn are_in(&self, line: &[u8]) -> bool {
        match self {
            Self::Text(text) => memchr::memmem::find(line, text).is_some(),
            Self::Pattern(pattern) => pattern.is_match(line),
        }
    }
}

fn words<'a>(words: &'a LogWords, kept: &'a mut Option<regex::bytes::Regex>) -> Result<Words<'a>, String> {
    match words {
        LogWords::Contains(text) => Ok(Words::Text(text.as_bytes())),
        LogWords::Matches(text) => {
            if kept.is_none() {
                let mut builder = regex::bytes::RegexBuilder::new(text);
                let builder = builder.size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
                *kept = Some(builder.build().map_err(|error| format!("not a pattern: {error}"))?);
            }
            kept.as_ref().map(Words::Pattern).ok_or_else(|| "no pattern".to_owned())
        }
    }
}

/// What one look found, and how much it may still read.
struct Found {
    lines: u64,
    hits: u64,
    last: Option<String>,
    left: usize,
}

/// Reads what is new: the rest of the file that was open, then the one that has its name now.
fn read(
    path: &Path,
    open: &mut Option<Open>,
    looked: bool,
    words: &Words<'_>,
    found: &mut Found,
) -> Result<(), String> {
    let fail = |what: &str, error: std::io::Error| format!("{what}: {error}");
    if let Some(old) = open {
        old.read(words, found).map_err(|error| fail("cannot be read", error))?;
    }
    let named = match std::fs::metadata(path) {
        Ok(named) => named,
        Err(error) => return Err(fail("cannot be looked at", error)),
    };
    if !named.is_file() {
        return Err("is not a file".to_owned());
    }
    if open.as_ref().is_some_and(|old| old.inode == named.ino() || found.left == 0) {
        return Ok(());
    }
    let mut new = Open::at(path).map_err(|error| fail("cannot be opened", error))?;
    if !looked {
        // The past is not news.
        new.offset = named.len();
    }
    let new = open.insert(new);
    new.read(words, found).map_err(|error| fail("cannot be read", error))
}

impl Open {
    fn at(path: &Path) -> std::io::Result<Self> {
        // NONBLOCK: somebody may put a pipe there between two questions.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self { file, inode, offset: 0, partial: Vec::new(), skipping: false })
    }

    fn read(&mut self, words: &Words<'_>, found: &mut Found) -> std::io::Result<()> {
        if self.file.metadata()?.len() < self.offset {
            // Truncated: what is there now is new.
            (self.offset, self.skipping) = (0, false);
            self.partial.clear();
        }
        self.file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = vec![0; 64 * 1024];
        while found.left > 0 {
            let room = bytes.len().min(found.left);
            let read = self.file.read(&mut bytes[..room])?;
            if read == 0 {
                return Ok(());
            }
            found.left -= read;
            self.offset += read as u64;
            self.take(&bytes[..read], words, found);
        }
        Ok(())
    }

    /// Cuts into lines. One that is too long is searched as far as it is kept.
    fn take(&mut self, mut bytes: &[u8], words: &Words<'_>, found: &mut Found) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if !std::mem::take(&mut self.skipping) {
                self.partial.extend_from_slice(line);
                found.line(&self.partial, words);
            }
            self.partial.clear();
            bytes = rest;
        }
        if self.skipping {
            return;
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > LOG_LINE_BYTES_MAX {
            found.line(&self.partial, words);
            self.partial.clear();
            self.skipping = true;
        }
    }
}

impl Found {
    fn line(&mut self, line: &[u8], words: &Words<'_>) {
        self.lines += 1;
        if words.are_in(line) {
            self.hits += 1;
            let text = String::from_utf8_lossy(&line[..line.len().min(4 * SHOWN_BYTES_MAX)]).into_owned();
            self.last = Some(clip(text.trim(), SHOWN_BYTES_MAX).to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::base::time::Span;

    struct Log {
        dir: tempfile::TempDir,
        follow: Follow,
        look: LogLook,
        now: Instant,
    }

    impl Log {
        fn new(words: LogWords) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("app.log").to_string_lossy().into_owned();
            let look = LogLook { path, words, count: 2, within: Span::from_secs(60) };
            Self { dir, follow: Follow::default(), look, now: Instant::now() }
        }
        fn say(&self, text: &str) {
            let mut file = File::options().create(true).append(true).open(&self.look.path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        fn see(&mut self) -> (Verdict, i64) {
            let seen = see(&self.look, &mut self.follow, self.now);
            (seen.verdict, seen.values.get("matching_lines").copied().unwrap_or(-1))
        }
    }

    fn panics() -> LogWords {
        LogWords::Contains("panic".into())
    }

    #[test]
    fn only_what_is_new_counts_and_only_for_its_time() {
        let mut log = Log::new(panics());
        log.say("panic: long ago\npanic: again\n");
        assert_eq!(log.see(), (Verdict::Healthy, 0));
        log.say("fine\npanic one\npan");
        assert_eq!(log.see(), (Verdict::Healthy, 1));
        log.say("ic two\n");
        let seen = see(&log.look, &mut log.follow, log.now);
        assert!(
            seen.verdict == Verdict::Failed && seen.evidence.ends_with("the last: panic two"),
            "{seen:?}"
        );
        log.now += Duration::from_secs(61);
        assert_eq!(log.see(), (Verdict::Healthy, 0));
    }

    #[test]
    fn it_is_followed_across_rotation_and_truncation() {
        let mut log = Log::new(panics());
        log.say("start\n");
        log.see();
        // Moved away with a line that nobody has read yet, and begun anew.
        log.say("panic in the old one\n");
        std::fs::rename(&log.look.path, log.dir.path().join("app.log.1")).unwrap();
        log.say("panic in the new one\n");
        assert_eq!(log.see(), (Verdict::Failed, 2));
        log.now += Duration::from_secs(61);
        // Cut off in place (copytruncate), and longer lines than before after it.
        File::options().write(true).open(&log.look.path).unwrap().set_len(0).unwrap();
        log.say("panic\n");
        assert_eq!(log.see(), (Verdict::Healthy, 1));
        std::fs::rename(&log.look.path, log.dir.path().join("app.log.2")).unwrap();
        assert_eq!(log.see(), (Verdict::Unknown, 1), "there is no log now");
        log.say("panic\n");
        assert_eq!(log.see(), (Verdict::Failed, 2));
    }

    #[test]
    fn a_log_that_comes_later_is_read_from_its_beginning() {
        let mut log = Log::new(panics());
        assert_eq!(log.see(), (Verdict::Unknown, 0));
        log.say("panic\npanic\n");
        assert_eq!(log.see(), (Verdict::Failed, 2));
    }

    #[test]
    fn patterns_match_lines_and_bad_ones_are_unknown() {
        let mut log = Log::new(LogWords::Matches(r"^E[0-9]{3} ".into()));
        log.say("");
        log.see();
        log.say("E123 a\nx E123 b\nE9 c\n\u{ff}\nE999 d\n");
        assert_eq!(log.see(), (Verdict::Failed, 2));
        let mut bad = Log::new(LogWords::Matches("(".into()));
        bad.say("x\n");
        assert_eq!(bad.see(), (Verdict::Unknown, -1));
        let mut huge = Log::new(LogWords::Matches("(a{1000}){1000}".into()));
        huge.say("x\n");
        assert_eq!(huge.see(), (Verdict::Unknown, -1));
    }

    #[test]
    fn long_lines_and_floods_are_bounded_and_lose_nothing_in_between() {
        let mut log = Log::new(panics());
        log.say("");
        log.see();
        log.say(&format!("panic {}\nfine\n", "x".repeat(3 * LOG_LINE_BYTES_MAX)));
        assert_eq!(log.see(), (Verdict::Healthy, 1));
        log.now += Duration::from_secs(61);
        let line = format!("{}\n", "y".repeat(1023));
        log.say(&line.repeat(LOG_READ_BYTES_MAX / line.len()));
        log.say("panic at the end\n");
        assert_eq!(log.see(), (Verdict::Unknown, 0), "more is to be read");
        assert_eq!(log.see(), (Verdict::Healthy, 1));
        for n in 0..10_000 {
            log.follow.hits.push_back((log.now, n));
        }
        forget(&mut log.follow.hits, Duration::from_secs(60), log.now);
        assert!(log.follow.hits.len() <= LOG_HITS_MAX);
        assert_eq!(log.follow.hits.iter().map(|(_, n)| n).sum::<u64>(), 10_000 * 9_999 / 2 + 1);
    }
}
