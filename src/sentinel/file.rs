//! Look kind `file`: is it there, and of the right age, size and growth? Absence that is certain is proof; a path
//! that cannot be read is unknown. Not for what stands in it (`log`).

use std::collections::VecDeque;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use super::blocking::Blocking;
use super::kept::Kept;
use super::{saw, with};
use crate::base::limits::GROWTH_SAMPLES_MAX;
use crate::event::plan::{FileLook, GrowthLook};
use crate::event::verification::{Observation, Verdict};

/// Sizes of one file over time.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    inode: u64,
    samples: VecDeque<(Instant, u64)>,
}

pub(super) async fn look(
    blocking: &Blocking,
    kept: &Kept<Sizes>,
    look: &FileLook,
    timeout: Duration,
) -> Observation {
    let (what, plan) = (look.path.clone(), look.clone());
    let sizes = kept.of(look);
    blocking
        .look(&what, timeout, move || {
            let stat = rustix::fs::stat(Path::new(&plan.path));
            let mut sizes = sizes.lock().unwrap_or_else(PoisonError::into_inner);
            judge(&plan, stat, &mut sizes, SystemTime::now(), Instant::now())
        })
        .await
}

fn judge(
    look: &FileLook,
    stat: rustix::io::Result<rustix::fs::Stat>,
    sizes: &mut Sizes,
    now: SystemTime,
    clock: Instant,
) -> Observation {
    let path = &look.path;
    let stat = match stat {
        Ok(stat) => stat,
        // The last part, or one before it, is certainly not there.
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {
            let verdict = if look.exists { Verdict::Failed } else { Verdict::Healthy };
            return with(saw(verdict, format!("{path} is not there")), &[("exists", 0)]);
        }
        Err(error) => return saw(Verdict::Unknown, format!("{path} cannot be looked at: {error}")),
    };
    if !look.exists {
        return with(saw(Verdict::Failed, format!("{path} is there")), &[("exists", 1)]);
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    let age_ms = age_ms(&stat, now);
    let mut values = vec![("exists", 1), ("size_bytes", size), ("age_ms", age_ms)];
    let mut bad = Vec::new();
    let mut open = None;
    if let Some(max) = look.max_age.filter(|max| age_ms > max.ms()) {
        bad.push(format!("not written for {max}"));
    }
    if let Some(min) = look.min_size_bytes.filter(|min| size < *min) {
        bad.push(format!("smaller than {min} bytes"));
    }
    if let Some(max) = look.max_size_bytes.filter(|max| size > *max) {
        bad.push(format!("larger than {max} bytes"));
    }
    let mut grown = None;
    if let Some(growth) = &look.growth {
        match sizes.growth(growth, stat.st_ino, size, clock) {
            Some(bytes) => {
                bad.extend(outside(growth, bytes));
                grown = Some(bytes);
            }
            None => open = Some(format!("its growth is known after {}", growth.over)),
        }
    }
    let state = format!("{path}: {size} bytes, written {age_ms} ms ago");
    let mut seen = match (bad.is_empty(), open) {
        (false, _) => saw(Verdict::Failed, format!("{state}: {}", bad.join(", "))),
        (true, Some(open)) => saw(Verdict::Unknown, format!("{state}; {open}")),
        (true, None) => saw(Verdict::Healthy, state),
    };
    if let Some(bytes) = grown {
        seen.values.insert("growth_bytes".to_owned(), bytes);
    }
    values.retain(|(name, _)| !name.is_empty());
    with(seen, &values)
}

fn outside(growth: &GrowthLook, bytes: i64) -> Option<String> {
    let less = |min: u64| bytes < i64::try_from(min).unwrap_or(i64::MAX);
    let more = |max: u64| bytes > i64::try_from(max).unwrap_or(i64::MAX);
    if growth.min_bytes.is_some_and(less) || growth.max_bytes.is_some_and(more) {
        return Some(format!("grew {bytes} bytes in {}", growth.over));
    }
    None
}

/// Since it was last written; nothing when that lies in the future.
fn age_ms(stat: &rustix::fs::Stat, now: SystemTime) -> u64 {
    let seconds = Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
    let written = SystemTime::UNIX_EPOCH + seconds + Duration::from_nanos(stat.st_mtime_nsec);
    let age = now.duration_since(written).unwrap_or_default();
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

impl Sizes {
    /// Bytes that it grew within the time asked for; none before it was looked at for so long. Another file under
    /// the same name begins anew.
    fn growth(&mut self, growth: &GrowthLook, inode: u64, size: u64, now: Instant) -> Option<i64> {
        if self.inode != inode {
            *self = Self { inode, samples: VecDeque::new() };
        }
        let over = growth.over.to_std();
        // Close samples say the same: a few over the time are enough, however often it is looked at.
        let apart = over / u32::try_from(GROWTH_SAMPLES_MAX / 2).unwrap_or(u32::MAX);
        let before = self.samples.iter().rev().find(|(at, _)| now.saturating_duration_since(*at) >= over);
        let (at, then) = before
            .copied()
            .or_else(|| {
                self.samples.front().copied().filter(|(at, _)| now.saturating_duration_since(*at) >= over)
            })
            .unzip();
        if self.samples.back().is_none_or(|(last, _)| now.saturating_duration_since(*last) >= apart) {
            self.samples.push_back((now, size));
        }
        // The newest sample that is old enough is needed; those before it are not.
        let enough = |sample: &(Instant, u64)| now.saturating_duration_since(sample.0) >= over;
        while self.samples.len() > GROWTH_SAMPLES_MAX || self.samples.get(1).is_some_and(enough) {
            self.samples.pop_front();
        }
        let (at, then) = (at?, then?);
        let grown = i128::from(size) - i128::from(then);
        let took = now.saturating_duration_since(at).as_millis().max(1);
        let scaled = grown * i128::try_from(over.as_millis()).ok()? / i128::try_from(took).ok()?;
        i64::try_from(scaled).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;
    use crate::base::time::Span;

    fn plan(path: &Path) -> FileLook {
        FileLook {
            path: path.to_string_lossy().into_owned(),
            exists: true,
            max_age: None,
            min_size_bytes: None,
            max_size_bytes: None,
            growth: None,
        }
    }

    fn see(plan: &FileLook) -> Observation {
        judge(
            plan,
            rustix::fs::stat(Path::new(&plan.path)),
            &mut Sizes::default(),
            SystemTime::now(),
            Instant::now(),
        )
    }

    #[test]
    fn existence_age_and_size_are_judged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("backup");
        let there = plan(&path);
        let gone = FileLook { exists: false, ..there.clone() };
        assert_eq!((see(&there).verdict, see(&gone).verdict), (Verdict::Failed, Verdict::Healthy));
        let mut file = File::create(&path).unwrap();
        file.write_all(b"hello").unwrap();
        let seen = see(&there);
        assert_eq!(
            (seen.verdict, seen.values["size_bytes"], seen.values["exists"]),
            (Verdict::Healthy, 5, 1)
        );
        assert_eq!(see(&gone).verdict, Verdict::Failed);
        assert_eq!(see(&FileLook { min_size_bytes: Some(6), ..there.clone() }).verdict, Verdict::Failed);
        assert_eq!(see(&FileLook { max_size_bytes: Some(4), ..there.clone() }).verdict, Verdict::Failed);
        let fresh = FileLook { max_age: Some(Span::from_secs(60)), ..there.clone() };
        assert_eq!(see(&fresh).verdict, Verdict::Healthy);
        file.set_modified(SystemTime::now() - Duration::from_secs(120)).unwrap();
        let old = see(&fresh);
        assert!(old.verdict == Verdict::Failed && old.values["age_ms"] >= 120_000, "{old:?}");
        assert_eq!(see(&plan(&path.join("below"))).verdict, Verdict::Failed, "no folder, so no file in it");
    }

    #[test]
    fn what_cannot_be_looked_at_is_unknown() {
        let long = plan(Path::new(&format!("/{}", "x".repeat(300))));
        assert_eq!(see(&long).verdict, Verdict::Unknown);
    }

    #[test]
    fn growth_needs_its_time_and_is_scaled_to_it() {
        let growth = |min: Option<u64>, max: Option<u64>| GrowthLook {
            over: Span::from_secs(60),
            min_bytes: min,
            max_bytes: max,
        };
        let mut sizes = Sizes::default();
        let start = Instant::now();
        let mut at = |inode: u64, secs: u64, size: u64| {
            sizes.growth(&growth(None, None), inode, size, start + Duration::from_secs(secs))
        };
        assert_eq!(at(1, 0, 1_000), None);
        assert_eq!(at(1, 30, 1_500), None);
        assert_eq!(at(1, 60, 2_000), Some(1_000));
        assert_eq!(at(1, 90, 2_000), Some(500));
        assert_eq!(at(1, 300, 200), Some(-1_800 * 60 / 210), "truncated, and over a longer time");
        assert_eq!(at(2, 301, 0), None, "another file");
        for n in 0..100_000 {
            at(2, 302 + n, n);
        }
        assert_eq!(at(2, 302 + 100_000, 100_000), Some(60));
        assert!(sizes.samples.len() <= GROWTH_SAMPLES_MAX);
        assert!(outside(&growth(Some(1), None), 0).is_some() && outside(&growth(Some(1), None), 1).is_none());
        assert!(
            outside(&growth(None, Some(9)), 10).is_some() && outside(&growth(None, Some(9)), -5).is_none()
        );
    }
}
