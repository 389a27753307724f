//! How long appends took: from the moment somebody wants to append until what was appended is durable, waiting for others
//! and for the index included. Not for deciding anything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets in µs: half a power of two apart, from what memory takes to what a broken disk takes.
pub const BOUNDS_US: [u64; 28] = [
    100, 141, 200, 283, 400, 566, 800, 1_131, 1_600, 2_263, 3_200, 4_525, 6_400, 9_051, 12_800, 18_102,
    25_600, 36_204, 51_200, 72_408, 102_400, 144_815, 204_800, 289_631, 409_600, 819_200, 1_638_400,
    3_276_800,
];

/// Counts, as they grow.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    within: [AtomicU64; BOUNDS_US.len()],
    beyond: AtomicU64,
    sum_us: AtomicU64,
}

impl Latencies {
    pub fn count(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound).map(|place| &self.within[place]);
        bucket.unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub fn seen(&self) -> Latency {
        let within = std::array::from_fn(|place| self.within[place].load(Ordering::Relaxed));
        let count = within.iter().sum::<u64>() + self.beyond.load(Ordering::Relaxed);
        Latency { within, count, sum_us: self.sum_us.load(Ordering::Relaxed) }
    }
}

/// How long appends took since the journal was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// Appends by the first of [`BOUNDS_US`] that they did not exceed.
    pub within: [u64; BOUNDS_US.len()],
    /// All of them.
    pub count: u64,
    /// What they took together, µs.
    pub sum_us: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_append_is_in_one_bucket_and_in_the_sum() {
        assert!(BOUNDS_US.is_sorted());
        let all = Latencies::default();
        [100, 101, 3_276_800, 3_276_801]
            .map(Duration::from_micros)
            .into_iter()
            .for_each(|took| all.count(took));
        let seen = all.seen();
        assert_eq!((seen.within[0], seen.within[1], seen.within[27]), (1, 1, 1));
        assert_eq!((seen.count, seen.sum_us), (4, 6_553_802));
    }
}
