//! Records that are the same for the same seed.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::arbitrary::records;
use crate::codec::FRAME_BYTES_MAX;
use crate::id::Seq;
use crate::record::Record;

/// Made-up records of every kind, numbered from 2, the same for the same seed.
///
/// Every one fits into a frame. They tell no story: no state follows from them.
pub fn made_up(seed: u64, count: usize) -> Vec<Record> {
    let bytes: Vec<u8> = seed.to_be_bytes().repeat(4);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = records();
    let any = std::iter::from_fn(|| strategy.new_tree(&mut runner).ok());
    let fitting = any.map(|tree| tree.current()).filter(|record| {
        let size = record.size();
        size.is_ok_and(|bytes| bytes <= FRAME_BYTES_MAX)
    });
    (2..)
        .zip(fitting)
        .take(count)
        .map(|(seq, record)| Record { seq: Seq::new(seq), ..record })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::event::Event;

    #[test]
    fn every_kind_comes_up_and_a_seed_gives_the_same_records() {
        let records = made_up(1, 2_000);
        let names: BTreeSet<&str> = records.iter().map(|record| record.event.name()).collect();
        assert_eq!(names, Event::NAMES.iter().copied().collect());
        assert_eq!(records, made_up(1, 2_000));
        assert_ne!(records, made_up(2, 2_000));
    }
}
