//! When a sentinel looks: the first time soon after its start, then at a phase of its own, then at its pace with a
//! little jitter. Not random: all of it comes from the id, so that the same sentinels are spread in the same way
//! at each start, and a fault can be looked into.

use std::time::Duration;

use crate::base::digest::Blake3;
use crate::base::time::Span;

/// First looks are spread over at most this long.
const FIRST_MS_MAX: u64 = 1_000;
/// Later pauses differ from the pace by at most this part, either way.
const JITTER_PART: u64 = 20;

/// The pause before look `number` (from 0).
pub(super) fn pause(id: &str, every: Span, number: u64) -> Duration {
    let every = every.ms();
    let ms = match number {
        0 => hash(id, 0) % every.clamp(1, FIRST_MS_MAX),
        // All of the pace: wherever the first looks were, the second ones are spread evenly.
        1 => hash(id, 1) % every.max(1),
        _ => {
            let jitter = every / JITTER_PART;
            every - jitter + hash(id, number) % (2 * jitter + 1)
        }
    };
    Duration::from_millis(ms)
}

fn hash(id: &str, number: u64) -> u64 {
    let hash = Blake3::of(format!("{number} {id}").as_bytes());
    hash.as_bytes().iter().take(8).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_spread_evenly_always_in_the_same_way() {
        let every = Span::from_secs(10);
        let mut at_second = [0_u32; 10];
        for n in 0..5_000 {
            let id = format!("sentinel-{n}");
            let first = pause(&id, every, 0);
            assert!(first < Duration::from_millis(FIRST_MS_MAX));
            assert_eq!(first, pause(&id, every, 0));
            let at = first + pause(&id, every, 1);
            at_second[usize::try_from(at.as_millis() / 1_000 % 10).unwrap()] += 1;
            let third = pause(&id, every, 2).as_millis();
            assert!((9_500..=10_500).contains(&third), "{third}");
        }
        assert!(at_second.iter().all(|count| (400..600).contains(count)), "{at_second:?}");
        assert!(
            (2..500).map(|n| pause("x", every, n)).collect::<std::collections::BTreeSet<_>>().len() > 100
        );
        assert_eq!(pause("x", Span::from_ms(1), 5), Duration::from_millis(1));
        assert_eq!(pause("x", Span::from_ms(0), 5), Duration::ZERO);
    }
}
