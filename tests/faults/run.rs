//! What every harness has: a seeded generator, a tally of what was done and of what did not hold, patience.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// After so many a harness gives up: the first ones tell the story.
const VIOLATIONS_MAX: usize = 10;

/// One run of one harness.
pub struct Run {
    pub count: u64,
    pub random: Random,
    pub tally: Tally,
}

/// What came of it.
#[derive(Default)]
pub struct Tally {
    /// What was done, by name.
    pub figures: BTreeMap<&'static str, u64>,
    pub violations: Vec<String>,
    /// Why nothing was done, if so.
    pub skipped: Option<String>,
}

impl Run {
    pub fn new(seed: u64, count: u64) -> Self {
        Self { count, random: Random(seed), tally: Tally::default() }
    }
    /// Counts something.
    pub fn add(&mut self, figure: &'static str, n: u64) {
        *self.tally.figures.entry(figure).or_default() += n;
    }
    /// Records what did not hold.
    pub fn violation(&mut self, what: impl Into<String>) {
        self.tally.violations.push(what.into());
    }
    /// Records what did not hold, if it did not.
    pub fn hold(&mut self, result: Result<(), String>) {
        if let Err(what) = result {
            self.violation(what);
        }
    }
    /// Enough is known.
    pub fn hopeless(&self) -> bool {
        self.tally.violations.len() >= VIOLATIONS_MAX
    }
    pub fn done(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }
    pub fn skip(&mut self, why: impl Into<String>) -> Tally {
        self.tally.skipped = Some(why.into());
        self.done()
    }
}

/// splitmix64: small, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// 0 … n−1.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.next() % n }
    }
    pub fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
    /// A random span below `most`.
    pub fn span(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.below(most.as_micros() as u64))
    }
    /// Flips one bit of one of the bytes; where.
    pub fn flip(&mut self, bytes: &mut [u8]) -> usize {
        let at = self.index(bytes.len());
        bytes[at] ^= 1 << self.below(8);
        at
    }
}

/// Asks until there is an answer; what was waited for, when there is none in time.
pub fn until<T>(what: &str, at_most: Duration, mut ask: impl FnMut() -> Option<T>) -> Result<T, String> {
    let deadline = Instant::now() + at_most;
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            return Err(format!("not within {} ms: {what}", at_most.as_millis()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Fails with words.
pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// A folder in memory where there is one: for what is about bytes, not about the disk.
pub fn scratch() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).map_err(|e| e.to_string())
}
