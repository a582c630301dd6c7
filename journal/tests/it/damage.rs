//! Whatever stands in the segments, reading them comes to an end and shows no record that is wrong.

use std::collections::BTreeSet;
use std::fs;

use resurge_journal::Seq;
use resurge_journal::audit::audit_records;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{Follow, News, Snapshot, Store};

use crate::fixture::{create, edit, frames, home, segment};

/// A little generator, so that a failure can be repeated.
struct Luck(u64);

impl Luck {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("fits") % limit.max(1)
    }
}

/// Spoils bytes in one of many ways; frames are copied, moved and dropped as well.
fn spoil(bytes: &mut Vec<u8>, luck: &mut Luck) {
    let at = luck.below(bytes.len());
    let mut places = frames(bytes);
    places.retain(|place| *place <= bytes.len());
    let frame = |n: usize| places.get(n).copied().unwrap_or(64);
    let one = luck.below(places.len().saturating_sub(1));
    match luck.below(6) {
        0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 0x20),
        1 => bytes.truncate(at.max(70)),
        2 => drop(bytes.drain(at..(at + 40).min(bytes.len()))),
        3 => drop(bytes.splice(at..at, *b"RJ\x02\x01 not a frame, or is it?")),
        4 => drop(bytes.drain(frame(one)..frame(one + 1).max(frame(one)))),
        _ => {
            let to = frame(luck.below(places.len()));
            let copy = bytes.get(frame(one)..frame(one + 1)).unwrap_or_default().to_vec();
            drop(bytes.splice(to..to, copy));
        }
    }
}

#[test]
fn reading_ends_and_shows_nothing_that_was_not_written() {
    let (_home, dir) = home();
    let store = create(&dir);
    let first = store.read(Seq::new(1)).expect("readable").expect("there");
    for seq in 2..=24 {
        store.append(Seq::new(seq - 1), &[record(seq, 60)]).expect("appended");
    }
    drop(store);
    let whole = fs::read(segment(&dir)).expect("read");
    for seed in 0..400 {
        let mut luck = Luck(seed);
        fs::write(segment(&dir), &whole).expect("written");
        for _ in 0..=luck.below(3) {
            edit(&segment(&dir), |bytes| {
                // A frame may claim to be longer than what is left.
                bytes.extend_from_slice(&[0; 64]);
                spoil(bytes, &mut luck);
            });
        }
        let is_right = |shown: &resurge_journal::Record| {
            let seq = shown.seq.get();
            if seq == 1 { *shown == first } else { *shown == record(seq, 60) }
        };
        let snapshot = Snapshot::take(&dir).expect("looked at");
        let shown: Vec<_> = snapshot.scan().take(1_000).collect();
        assert!(shown.len() < 1_000, "seed {seed}: it does not end");
        assert!(shown.iter().flatten().all(is_right), "seed {seed}");
        let positions: BTreeSet<_> = shown.iter().flatten().map(|record| record.seq).collect();
        assert_eq!(positions.len(), shown.iter().flatten().count(), "seed {seed}: one came twice");
        audit_records(snapshot.scan());

        let mut follow = Follow::open(&dir, Seq::ZERO).expect("there");
        let (mut followed, mut polls, mut quiet) = (Vec::new(), 0, 0);
        while quiet < 40 {
            polls += 1;
            assert!(polls < 1_000, "seed {seed}: it does not end");
            let news = follow.poll().expect("readable");
            quiet = if news.is_empty() { quiet + 1 } else { 0 };
            followed.extend(news.into_iter().filter_map(|news| match news {
                News::Record(record) => Some(record),
                _ => None,
            }));
        }
        assert!(followed.iter().all(is_right), "seed {seed}");
        let again: BTreeSet<_> = followed.iter().map(|record| record.seq).collect();
        assert_eq!(again.len(), followed.len(), "seed {seed}: one came twice");
        assert_eq!(again, positions, "seed {seed}: both show the same");
    }
}
