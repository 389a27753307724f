//! The clock as the journal needs it: one stamp for the entries that it writes of itself.
//! Not for deciding anything: decisions get time as data.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::time::Stamp;

/// Where stamps come from. Tests hand in one that stands still.
pub trait Clock: Send + Sync {
    /// The moment now.
    fn now(&self) -> Stamp;
}

/// The machine's clocks: wall time, and CLOCK_BOOTTIME, which goes on while the machine sleeps.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Stamp {
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let mono_ms = u64::try_from(boot.tv_sec).unwrap_or(0) * 1000
            + u64::try_from(boot.tv_nsec).unwrap_or(0) / 1_000_000;
        let time_us = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us),
        };
        Stamp { time_us, mono_ms }
    }
}

/// A clock that stands where it was put.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Stamp);

impl Clock for FixedClock {
    fn now(&self) -> Stamp {
        self.0
    }
}
