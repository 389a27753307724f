//! Reading the journal's files while the daemon writes them, as quickly as possible: the only way to act right
//! after an entry has become durable.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::journal::segments;

/// What harnesses look at.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    pub kind: String,
    pub incident: Option<String>,
    pub data: Value,
}

impl Entry {
    pub fn text(&self, name: &str) -> &str {
        self.data[name].as_str().unwrap_or_default()
    }
}

/// See the module.
pub struct Tail {
    state: PathBuf,
    file: Option<(PathBuf, File)>,
    at: u64,
    waiting: std::collections::VecDeque<Entry>,
}

impl Tail {
    /// From the first entry on.
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned(), file: None, at: 0, waiting: Default::default() }
    }

    /// Behind everything that is there now.
    pub fn at_the_end(state: &Path) -> Self {
        let mut tail = Self::new(state);
        while tail.next().is_some() {}
        tail
    }

    /// The next entry, if there is one.
    pub fn next(&mut self) -> Option<Entry> {
        loop {
            if let Some(entry) = self.waiting.pop_front() {
                return Some(entry);
            }
            if self.read() {
                continue;
            }
            // Nothing more in this file: is there a later one?
            let later = segments(&self.state)
                .into_iter()
                .find(|path| self.file.as_ref().is_none_or(|(p, _)| path > p))?;
            // What was written before the later one was begun.
            if self.file.is_some() && self.read() {
                continue;
            }
            self.file = Some((later.clone(), File::open(later).ok()?));
            self.at = 0;
        }
    }

    fn read(&mut self) -> bool {
        let Some((_, file)) = &self.file else { return false };
        let mut bytes = vec![0; 256 * 1024];
        let read = file.read_at(&mut bytes, self.at).unwrap_or(0);
        let mut start = 0;
        while let Some(length) = bytes[start..read].iter().position(|b| *b == b'\n').filter(|n| *n > 0) {
            let Ok(entry) = serde_json::from_slice(&bytes[start..start + length]) else { break };
            self.waiting.push_back(entry);
            start += length + 1;
        }
        self.at += start as u64;
        start > 0
    }

    /// Waits for an entry that is right.
    pub fn wait(
        &mut self,
        what: &str,
        at_most: Duration,
        mut right: impl FnMut(&Entry) -> bool,
    ) -> Result<Entry, String> {
        let deadline = Instant::now() + at_most;
        loop {
            match self.next() {
                Some(entry) if right(&entry) => return Ok(entry),
                Some(_) => {}
                None if Instant::now() >= deadline => {
                    return Err(format!("not within {} ms: {what}", at_most.as_millis()));
                }
                None => std::thread::sleep(Duration::from_micros(100)),
            }
        }
    }
}
