//! `elapsed_ms`: the journal's own clock, a fold (every window, cooldown, cap and deadline is measured in it).
//! Within one boot of the operating system it advances by `mono`, across boots by the wall difference,
//! clamped to 0…24 h. Entries that a new process writes before its `process.started` do not move it.

use serde::{Deserialize, Serialize};

use crate::base::ids::BootId;
use crate::base::limits::BOOT_GAP_MS_MAX;
use crate::base::time::Stamp;
use crate::event::{Event, Record};

/// The clock as it stands after the last entry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ElapsedClock {
    elapsed_ms: u64,
    system_boot: Option<String>,
    boot: Option<BootId>,
    last_mono_ms: u64,
    last_time_us: i64,
    started: bool,
}

impl ElapsedClock {
    /// Folds one entry's times.
    pub fn apply(&mut self, record: &Record) {
        if self.boot != Some(record.boot) {
            self.boot = Some(record.boot);
            self.started = false;
        }
        match &record.event {
            Event::ProcessStarted(started) => {
                let same_boot = self.system_boot.as_deref() == Some(started.system_boot.as_str());
                self.elapsed_ms += match (&self.system_boot, same_boot) {
                    (None, _) => 0,
                    (Some(_), true) => record.at.mono_ms.saturating_sub(self.last_mono_ms),
                    (Some(_), false) => wall_gap_ms(self.last_time_us, record.at.time_us),
                };
                self.system_boot = Some(started.system_boot.clone());
                self.started = true;
            }
            _ if self.started => {
                self.elapsed_ms += record.at.mono_ms.saturating_sub(self.last_mono_ms);
            }
            // Before `process.started` of this process it is not known which boot `mono` belongs to.
            _ => return,
        }
        self.last_mono_ms = self.last_mono_ms.max(record.at.mono_ms);
        if matches!(record.event, Event::ProcessStarted(_)) {
            self.last_mono_ms = record.at.mono_ms;
        }
        self.last_time_us = record.at.time_us;
    }

    /// Elapsed time after the last entry.
    pub fn elapsed_ms(&self) -> u64 {
        self.elapsed_ms
    }
    /// What it will be for an entry stamped `at` by the running process.
    pub fn elapsed_at(&self, at: Stamp) -> u64 {
        if self.started {
            self.elapsed_ms + at.mono_ms.saturating_sub(self.last_mono_ms)
        } else {
            self.elapsed_ms
        }
    }
    /// Boot id of the operating system as last recorded.
    pub fn system_boot(&self) -> Option<&str> {
        self.system_boot.as_deref()
    }
    /// Wall time of the last entry, Unix µs.
    pub fn last_time_us(&self) -> i64 {
        self.last_time_us
    }
}

fn wall_gap_ms(from_us: i64, to_us: i64) -> u64 {
    u64::try_from(to_us.saturating_sub(from_us) / 1000).unwrap_or(0).min(BOOT_GAP_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::process::{ClockStepped, ProcessStarted};
    use uuid::Uuid;

    fn record(boot: u128, time_us: i64, mono_ms: u64, event: Event) -> Record {
        let at = Stamp { time_us, mono_ms };
        let (boot, node) = (BootId(Uuid::from_u128(boot)), crate::base::ids::NodeId(Uuid::nil()));
        Record { seq: 0, at, boot, node, incident: None, cause: None, event }
    }
    fn started(system_boot: &str) -> Event {
        let event = ProcessStarted {
            version: "0".into(),
            pid: 1,
            system_boot: system_boot.into(),
            clean: true,
            observe_only: None,
        };
        event.into()
    }
    fn other() -> Event {
        ClockStepped { last_us: 0, now_us: 0 }.into()
    }

    #[test]
    fn it_follows_mono_within_a_boot_and_the_wall_across_boots() {
        let mut clock = ElapsedClock::default();
        clock.apply(&record(1, 1_000_000, 500, started("A")));
        clock.apply(&record(1, 0, 700, other()));
        assert_eq!(clock.elapsed_ms(), 200, "a wall that steps back does not matter");
        // Same boot of the system, new process: mono goes on.
        clock.apply(&record(2, 2_000_000, 800, other()));
        assert_eq!(clock.elapsed_ms(), 200, "before process.started nothing moves");
        clock.apply(&record(2, 2_000_000, 900, started("A")));
        assert_eq!(clock.elapsed_ms(), 400);
        // Another boot: wall difference, clamped.
        clock.apply(&record(3, 5_000_000, 10, started("B")));
        assert_eq!(clock.elapsed_ms(), 400 + 3_000);
        clock.apply(&record(4, i64::MAX, 10, started("C")));
        assert_eq!(clock.elapsed_ms(), 3_400 + BOOT_GAP_MS_MAX);
        clock.apply(&record(5, 0, 10, started("D")));
        assert_eq!(clock.elapsed_ms(), 3_400 + BOOT_GAP_MS_MAX, "a wall that stepped back adds nothing");
        assert_eq!(clock.elapsed_at(Stamp { time_us: 0, mono_ms: 60 }), 3_450 + BOOT_GAP_MS_MAX);
    }
}
