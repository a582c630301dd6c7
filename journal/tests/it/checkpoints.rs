//! Checkpoints: what is kept of the state, and what it is worth once records are damaged.

use std::fs;
use std::path::Path;

use resurge_journal::Seq;
use resurge_journal::event::{Event, RecoveryMethod};
use resurge_journal::store::conformance::record;
use resurge_journal::store::{DiskStore, Store};

use crate::disk::reopen;
use crate::fixture::{create, edit, frames, home, remove, segment};
use crate::mending::{copy_of, expect_all, mended};

/// A journal of so many records.
fn filled(dir: &Path, records: u64) -> DiskStore {
    let store = create(dir);
    for seq in 2..=records {
        store.append(Seq::new(seq - 1), &[record(seq, 100)]).expect("appended");
    }
    store
}

/// A journal of thirty records with a checkpoint, and where its frames are.
fn thirty(dir: &Path, checkpoint: u64) -> Vec<usize> {
    let store = filled(dir, 30);
    store.save_checkpoint(Seq::new(checkpoint), b"what there is").expect("saved");
    drop(store);
    frames(&fs::read(segment(dir)).expect("read"))
}

#[test]
fn a_checkpoint_stands_until_the_records_say_otherwise() {
    let (_home, dir) = home();
    let store = filled(&dir, 30);
    assert_eq!(store.load_checkpoint(), None);
    store.save_checkpoint(Seq::new(20), b"twenty").expect("saved");
    store.save_checkpoint(Seq::new(25), b"twenty-five").expect("saved");
    drop(store);
    let store = reopen(&dir).expect("opened");
    assert_eq!(store.load_checkpoint(), Some((Seq::new(25), b"twenty-five".to_vec())));
    expect_all(&store, 30);
    drop(store);

    // Damage in front of the checkpoint is found by whoever reads there, damage behind it at once.
    let places = frames(&fs::read(segment(&dir)).expect("read"));
    edit(&segment(&dir), |bytes| {
        *bytes.get_mut(places.get(27).expect("known") + 9).expect("within") ^= 1;
    });
    let (store, mended) = mended(&dir);
    assert_eq!(mended.lost_from, None);
    assert_eq!(store.load_checkpoint(), None, "what it stood on was written anew");
}

/// A checkpoint spares the opening from reading what is in front of it.
#[test]
fn damage_in_front_of_a_checkpoint_is_read_from_the_index() {
    type Damage = fn(&mut Vec<u8>, usize, usize);
    let (_home, dir) = home();
    let places = thirty(&dir, 25);
    let at = |seq: usize| *places.get(seq - 1).expect("known");
    let damages: [Damage; 3] = [
        |bytes, from, _| *bytes.get_mut(from + 9).expect("within") ^= 1,
        |bytes, from, to| bytes.get_mut(from..to).expect("within").fill(0xAA),
        |bytes, from, to| {
            let frame = bytes.get(..to - from).expect("within").to_vec();
            bytes.get_mut(from..to).expect("within").copy_from_slice(&frame);
        },
    ];
    for damage in damages {
        for (from, to) in [(7, 8), (1, 2), (3, 20)] {
            let (_copy_home, copy) = copy_of(&dir);
            edit(&segment(&copy), |bytes| damage(bytes, at(from), at(to)));
            let store = reopen(&copy).expect("opened");
            expect_all(&store, 30);
            let count = store.scan(Seq::new(5)).count() as u64;
            assert_eq!(count, store.head().get() - 4);
            assert_eq!(store.read(Seq::new(7)).expect("readable"), Some(record(7, 100)));
            if store.mended().is_none() {
                store.save_checkpoint(Seq::new(30), b"").expect_err("what is damaged is no ground");
                drop(store);
                let (_, mended) = mended(&copy);
                assert_eq!((mended.method, mended.lost_from), (RecoveryMethod::Index, None));
            }
        }
    }
}

/// A flaw in the very record that the index ends with says nothing against the index.
#[test]
fn damage_in_the_last_record_does_not_cost_the_index() {
    let (_home, dir) = home();
    let places = thirty(&dir, 30);
    for (from, to) in [(30, 31), (29, 31), (2, 31)] {
        let (_copy_home, copy) = copy_of(&dir);
        let [from, to] = [from, to].map(|seq: usize| *places.get(seq - 1).expect("known"));
        edit(&segment(&copy), |bytes| {
            // The checksum, which the checkpoint knows, is left.
            bytes.get_mut(from + 60..to - 9).expect("within").fill(0x55);
        });
        let store = reopen(&copy).expect("opened");
        assert_eq!(store.mended(), None, "it is in front of the checkpoint");
        store.cache().expect("one").sync().expect("the index is open");
        assert_eq!(store.read(Seq::new(30)).expect("readable"), Some(record(30, 100)));
        expect_all(&store, 30);
        store.append(Seq::new(30), &[record(31, 100)]).expect("appended");
        drop(store);
        let (store, mended) = mended(&copy);
        assert_eq!((mended.method, mended.lost_from), (RecoveryMethod::Index, None));
        expect_all(&store, 31);
    }
}

/// A record that nobody has any more is no reason to go without the others.
#[test]
fn an_index_is_made_of_what_is_left_of_the_segments() {
    let (_home, dir) = home();
    let places = thirty(&dir, 25);
    let spoil = |seq: usize, at: usize| {
        let at = *places.get(seq - 1).expect("known") + at;
        edit(&segment(&dir), |bytes| *bytes.get_mut(at).expect("within") ^= 1);
    };
    remove(&dir.join("index"));
    spoil(5, 0);
    spoil(10, 70);
    let store = reopen(&dir).expect("opened");
    store.append(Seq::new(30), &[record(31, 100)]).expect("appended");
    store.cache().expect("one").sync().expect("the index is open");
    drop(store);
    spoil(7, 0);
    spoil(20, 70);
    let store = reopen(&dir).expect("opened");
    store.cache().expect("one").sync().expect("the index is open");
    for seq in 2..=31 {
        let found = store.read(Seq::new(seq));
        match seq {
            5 | 10 => assert!(found.is_err(), "{found:?}"),
            _ => assert_eq!(found.expect("readable"), Some(record(seq, 100))),
        }
    }
}

/// What stands behind the end may look like the journal, and has another place.
#[test]
fn frames_that_were_written_twice_are_found_where_they_belong() {
    for is_in_a_segment_of_its_own in [false, true] {
        let (_home, dir) = home();
        let store = filled(&dir, 900);
        store.save_checkpoint(Seq::new(790), b"seven hundred and ninety").expect("saved");
        drop(store);
        let whole = fs::read(segment(&dir)).expect("read");
        assert!(whole.len() > 2 * 64 * 1024, "{}", whole.len());
        if is_in_a_segment_of_its_own {
            let mut second = header_of(&whole, 2);
            second.extend_from_slice(whole.get(64..).expect("frames"));
            fs::write(dir.join("segments/00000002.seg"), second).expect("written");
        } else {
            edit(&segment(&dir), |bytes| bytes.extend_from_slice(whole.get(64..).expect("frames")));
        }
        let store = reopen(&dir).expect("opened");
        assert!(matches!(store.mended(), Some(Event::TailCut(_))), "{:?}", store.mended());
        assert_eq!(store.load_checkpoint().map(|(seq, _)| seq), Some(Seq::new(790)));
        expect_all(&store, 900);
        for from in [2, 300, 500, 795] {
            let found = store.scan(Seq::new(from)).next().expect("one").expect("whole");
            assert_eq!(found, record(from, 100));
        }
        store.save_checkpoint(Seq::new(600), b"six hundred").expect("nothing is damaged");
        assert_eq!(store.cuts(), []);
        store.cache().expect("one").sync().expect("the index is open");
        drop(store);
        assert!(!dir.join("quarantine").exists(), "the index is the same");
        assert_eq!(reopen(&dir).expect("opened").mended(), None);
    }
}

/// The header of another segment of the same journal.
fn header_of(segment: &[u8], ordinal: u64) -> Vec<u8> {
    let mut header = segment.get(..60).expect("a header").to_vec();
    header.get_mut(8..16).expect("a header").copy_from_slice(&ordinal.to_be_bytes());
    let crc = crc32c::crc32c(&header);
    header.extend_from_slice(&crc.to_be_bytes());
    header
}

#[test]
fn segments_that_end_in_front_of_a_checkpoint_are_mended() {
    let (_home, dir) = home();
    let places = thirty(&dir, 30);
    let old_head = fs::read(dir.join("head")).expect("read");
    for end in [places.get(10), places.get(29)] {
        for head in [Some(&old_head), None] {
            let (_copy_home, copy) = copy_of(&dir);
            edit(&segment(&copy), |bytes| bytes.truncate(*end.expect("known")));
            match head {
                Some(head) => fs::write(copy.join("head"), head).expect("written"),
                None => remove(&copy.join("head")),
            }
            let (store, mended) = mended(&copy);
            assert_eq!((mended.method, mended.lost_from), (RecoveryMethod::Index, None));
            expect_all(&store, 30);
        }
        // Without the index the checkpoint still knows how far the journal went.
        let (_copy_home, copy) = copy_of(&dir);
        edit(&segment(&copy), |bytes| bytes.truncate(*end.expect("known")));
        remove(&copy.join("head"));
        remove(&copy.join("index"));
        let (_, mended) = mended(&copy);
        assert_eq!(mended.lost_to, Some(Seq::new(30)));
    }
}
