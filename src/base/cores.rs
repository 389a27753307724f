//! The same for many things, on all cores, with the answers in the order of the things. Not a thread pool.

use std::num::NonZero;
use std::panic::resume_unwind;

/// Below this many things starting threads costs more than it gives.
const FEW: usize = 32;

/// What `f` makes of each. A panic inside goes on outside.
pub fn map<T: Sync, R: Send>(things: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    if cores == 1 || things.len() < FEW {
        return things.iter().map(f).collect();
    }
    let pieces = things.chunks(things.len().div_ceil(cores));
    std::thread::scope(|scope| {
        let f = &f;
        let works: Vec<_> =
            pieces.map(|piece| scope.spawn(move || piece.iter().map(f).collect::<Vec<R>>())).collect();
        works.into_iter().flat_map(|work| work.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_stand_in_the_order_of_the_things() {
        for count in [0, 1, FEW - 1, FEW, 1_001] {
            let things: Vec<usize> = (0..count).collect();
            assert_eq!(map(&things, |n| n * 2), things.iter().map(|n| n * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "the 77th")]
    fn a_panic_goes_on() {
        let things: Vec<usize> = (0..200).collect();
        map(&things, |n| assert!(*n != 77, "the {n}th"));
    }
}
