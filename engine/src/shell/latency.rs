//! How long flushes take.

use std::time::Duration;

/// How often something was done, and how long it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many took no longer than each of [`BOUNDS`] and longer than the one before it.
    within: [u64; BOUNDS.len()],
    longer: u64,
    total: Duration,
}

impl Latency {
    pub(super) fn add(&mut self, took: Duration) {
        let place = BOUNDS.partition_point(|bound| *bound < took);
        let count = self.within.get_mut(place).unwrap_or(&mut self.longer);
        *count = count.saturating_add(1);
        self.total = self.total.saturating_add(took);
    }

    /// How often it was done.
    pub fn count(&self) -> u64 {
        self.within.iter().sum::<u64>().saturating_add(self.longer)
    }

    /// How long all of them took together.
    pub const fn total(&self) -> Duration {
        self.total
    }

    /// For lengths from half a millisecond to ten seconds, how many took no longer.
    ///
    /// Each number has those of the shorter lengths in it, as the buckets of a histogram in
    /// Prometheus do. What took longer than the last one is in [`count`](Self::count) alone.
    pub fn at_most(&self) -> impl ExactSizeIterator<Item = (Duration, u64)> + '_ {
        let mut so_far = 0_u64;
        BOUNDS.into_iter().zip(&self.within).map(move |(bound, count)| {
            so_far = so_far.saturating_add(*count);
            (bound, so_far)
        })
    }
}

/// From a disk that keeps what it is given in memory to one that hangs.
const BOUNDS: [Duration; 14] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counts_where_it_belongs_and_for_all_longer_ones() {
        let mut latency = Latency::default();
        for millis in [0, 1, 2, 10_000, 10_001] {
            latency.add(Duration::from_millis(millis));
        }
        let at_most: Vec<(Duration, u64)> = latency.at_most().collect();
        assert!(at_most.is_sorted());
        for (micros, count) in [(500, 1), (1_000, 2), (2_500, 3), (5_000_000, 3), (10_000_000, 4)] {
            assert!(at_most.contains(&(Duration::from_micros(micros), count)), "{at_most:?}");
        }
        assert_eq!((latency.count(), latency.total()), (5, Duration::from_millis(20_004)));
    }
}
