//! Damaged journals: mended from the other copy, and told where none is whole.

use std::fs;
use std::path::{Path, PathBuf};

use resurge_journal::Seq;
use resurge_journal::event::{Event, JournalRecovered, RecoveryMethod};
use resurge_journal::store::conformance::record;
use resurge_journal::store::{Condition, DiskStore, OpenError, Snapshot, Store, repair};
use tempfile::TempDir;

use crate::disk::{filled, reopen};
use crate::fixture::{edit, frames, home, remove, segment};

/// A journal of which a part is damaged, and the record that then tells so.
pub(crate) fn mended(dir: &Path) -> (DiskStore, JournalRecovered) {
    let store = reopen(dir).expect("opened");
    let Some(Event::JournalRecovered(mended)) = store.mended().cloned() else {
        panic!("{:?}", store.mended())
    };
    let last = store.read(store.head()).expect("readable").expect("there");
    assert_eq!(last.event, mended.clone().into());
    (store, mended)
}

/// Whatever is cut off the segments: nothing acknowledged may be gone without a word.
#[test]
fn a_shortened_segment_is_never_taken_for_a_short_journal() {
    let (_home, dir) = home();
    filled(&dir, 40);
    let length = fs::read(segment(&dir)).expect("read").len();
    for part in 0..20 {
        let (_copy_home, copy) = copy_of(&dir);
        edit(&segment(&copy), |bytes| bytes.truncate(length * part / 20));
        let snapshot = Snapshot::take(&copy).expect("looked at");
        assert!(matches!(snapshot.condition(), Condition::Damaged { .. }), "part {part}");
        let (store, mended) = mended(&copy);
        assert_eq!((mended.method, mended.lost_from), (RecoveryMethod::Index, None));
        expect_all(&store, 40);
    }
}

#[test]
fn without_the_other_copy_what_is_lost_is_told() {
    let (_home, dir) = home();
    filled(&dir, 40);
    let places = frames(&fs::read(segment(&dir)).expect("read"));
    for seq in 1..=40 {
        let (_copy_home, copy) = copy_of(&dir);
        remove(&copy.join("index"));
        edit(&segment(&copy), |bytes| {
            *bytes.get_mut(places.get(seq - 1).expect("known") + 20).expect("within") ^= 1;
        });
        if seq == 1 {
            let refused = reopen(&copy);
            assert!(matches!(refused, Err(OpenError::Lost { .. })), "{refused:?}");
            assert!(segment(&copy).exists(), "nothing is touched");
            continue;
        }
        let (store, mended) = mended(&copy);
        let seq = Seq::new(seq as u64);
        assert_eq!(mended.method, RecoveryMethod::Prefix);
        assert_eq!((mended.lost_from, mended.lost_to), (Some(seq), Some(Seq::new(40))));
        assert_eq!(store.head(), seq, "the record that tells it takes the place of the first");
        let kept = fs::read(copy.join("quarantine/segments-1/00000001.seg")).expect("kept");
        assert_eq!(kept.len(), fs::read(segment(&dir)).expect("read").len());
        drop(store);
        assert_eq!(reopen(&copy).expect("opened").mended(), None, "mended once");
    }
}

#[test]
fn a_flipped_bit_is_mended_and_never_read_as_something_else() {
    let (_home, dir) = home();
    filled(&dir, 40);
    let used = fs::read(segment(&dir)).expect("read").len();
    for part in 0..80 {
        let (_copy_home, copy) = copy_of(&dir);
        edit(&segment(&copy), |bytes| {
            *bytes.get_mut(used * part / 80).expect("within") ^= 1 << (part % 8);
        });
        let snapshot = Snapshot::take(&copy).expect("looked at");
        for shown in snapshot.scan().flatten().skip(1) {
            assert_eq!(shown, record(shown.seq.get(), 100));
        }
        let (store, mended) = mended(&copy);
        assert_eq!(mended.lost_from, None, "part {part}");
        expect_all(&store, 40);
    }
}

#[test]
fn segments_that_are_gone_come_back_from_the_index() {
    for part in ["segments", "segments/00000001.seg"] {
        let (_home, dir) = home();
        filled(&dir, 40);
        remove(&dir.join(part));
        let (store, mended) = mended(&dir);
        assert_eq!((mended.method, mended.lost_from), (RecoveryMethod::Index, None));
        expect_all(&store, 40);
    }
}

/// sled takes such a file for a damaged snapshot, and then nothing of it can be read.
#[test]
fn a_snapshot_of_the_index_that_was_cut_short_is_no_damage() {
    let (_home, dir) = home();
    filled(&dir, 40);
    fs::write(dir.join("index/snap.00000000000625DB.generating"), [7; 99]).expect("written");
    remove(&dir.join("segments"));
    let (store, mended) = mended(&dir);
    assert_eq!((mended.method, mended.lost_from), (RecoveryMethod::Index, None));
    expect_all(&store, 40);
}

#[test]
fn an_index_that_is_gone_or_damaged_is_made_again() {
    type Damage = fn(&Path);
    let damages: [Damage; 5] = [
        |dir| remove(&dir.join("index")),
        |dir| remove(&dir.join("index/db")),
        |dir| remove(&dir.join("index/conf")),
        |dir| edit(&dir.join("index/db"), |bytes| bytes.truncate(bytes.len() / 2)),
        |dir| edit(&dir.join("index/db"), |bytes| bytes.fill(0xFF)),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let (_home, dir) = home();
        filled(&dir, 40);
        damage(&dir);
        let store = reopen(&dir).expect("opened");
        assert_eq!(store.mended(), None, "the truth is in the segments");
        expect_all(&store, 40);
        drop(store);
        // Once it is complete again, it can save the segments.
        remove(&dir.join("segments"));
        let (store, mended) = mended(&dir);
        assert_eq!(mended.lost_from, None, "damage {number}");
        expect_all(&store, 40);
    }
}

#[test]
fn a_lost_head_alone_is_no_damage_and_the_index_stands_in_for_it() {
    let (_home, dir) = home();
    filled(&dir, 10);
    remove(&dir.join("head"));
    assert_eq!(reopen(&dir).expect("opened").head(), Seq::new(10));
    remove(&dir.join("head"));
    edit(&segment(&dir), |bytes| {
        let at = frames(bytes).get(7).copied().expect("eight frames");
        bytes.truncate(at);
    });
    let (store, mended) = mended(&dir);
    assert_eq!(mended.lost_from, None);
    expect_all(&store, 10);
}

/// Older segments beside a newer head: what a restored copy of one half looks like.
#[test]
fn older_segments_are_noticed() {
    let (_home, dir) = home();
    filled(&dir, 10);
    let (_copy_home, older) = copy_of(&dir);
    let store = reopen(&dir).expect("opened");
    store.append(Seq::new(10), &[record(11, 0), record(12, 0)]).expect("appended");
    drop(store);
    fs::copy(dir.join("head"), older.join("head")).expect("copied");
    let (_, mended) = mended(&older);
    assert_eq!((mended.lost_from, mended.lost_to), (Some(Seq::new(11)), Some(Seq::new(12))));
}

/// After a power cut the head may be old; the frames themselves know what was durable.
#[test]
fn damage_is_noticed_behind_an_old_head() {
    let (_home, dir) = home();
    filled(&dir, 1);
    let old_head = fs::read(dir.join("head")).expect("read");
    let store = reopen(&dir).expect("opened");
    for seq in 2..=10 {
        store.append(Seq::new(seq - 1), &[record(seq, 100)]).expect("appended");
    }
    drop(store);
    fs::write(dir.join("head"), old_head).expect("written");
    let (_copy_home, copy) = copy_of(&dir);
    assert_eq!(reopen(&copy).expect("an old head alone is no damage").head(), Seq::new(10));

    remove(&dir.join("index"));
    edit(&segment(&dir), |bytes| {
        let at = frames(bytes).get(5).copied().expect("ten frames");
        *bytes.get_mut(at + 30).expect("within") ^= 4;
    });
    let (_, mended) = mended(&dir);
    assert_eq!((mended.lost_from, mended.lost_to), (Some(Seq::new(6)), Some(Seq::new(10))));
}

/// A journal whose last batch of four records was never acknowledged.
fn unacknowledged(dir: &Path) -> Vec<usize> {
    filled(dir, 5);
    let head = fs::read(dir.join("head")).expect("read");
    let (_aside, other) = copy_of(dir);
    let store = reopen(&other).expect("opened");
    let batch: Vec<_> = (6..=9).map(|seq| record(seq, 100)).collect();
    store.append(Seq::new(5), &batch).expect("appended");
    drop(store);
    fs::copy(segment(&other), segment(dir)).expect("copied");
    assert_eq!(fs::read(dir.join("head")).expect("read"), head);
    frames(&fs::read(segment(dir)).expect("read"))
}

#[test]
fn a_batch_that_was_never_acknowledged_counts_whole_or_not_at_all() {
    let (_home, dir) = home();
    let places = unacknowledged(&dir);
    let (first, end) = (*places.get(5).expect("nine"), *places.get(9).expect("nine"));
    for length in (first..end).step_by(5).chain([end - 1, end]) {
        let (_copy_home, copy) = copy_of(&dir);
        edit(&segment(&copy), |bytes| bytes.truncate(length));
        let store = reopen(&copy).expect("opened");
        match store.mended() {
            None if length == first => expect_all(&store, 5),
            None => assert_eq!((store.head(), length), (Seq::new(9), end)),
            Some(Event::TailCut(cut)) => {
                assert!(length < end, "{cut:?}");
                assert!((6..=9).contains(&cut.to.get()), "{cut:?}");
                assert_eq!(store.head(), Seq::new(6), "the record that tells it");
            }
            other => panic!("{length}: {other:?}"),
        }
        let head = store.head();
        store.append(head, &[record(head.get() + 1, 0)]).expect("it goes on from there");
        drop(store);
        assert_eq!(reopen(&copy).expect("opened").mended(), None);
    }
}

#[test]
fn a_segment_of_another_journal_is_no_part_of_this_one() {
    let (_home, dir) = home();
    filled(&dir, 10);
    let (_other_home, other) = home();
    filled(&other, 10);
    fs::copy(segment(&other), segment(&dir)).expect("copied");
    let snapshot = Snapshot::take(&dir).expect("looked at");
    let Condition::Damaged { problem, .. } = snapshot.condition() else {
        panic!("{:?}", snapshot.condition())
    };
    assert!(problem.contains("belongs to another journal"), "{problem}");
    let (store, mended) = mended(&dir);
    assert_eq!(mended.lost_from, None);
    expect_all(&store, 10);
}

#[test]
fn what_is_only_named_like_a_segment_is_no_part_of_the_journal() {
    let (_home, dir) = home();
    filled(&dir, 10);
    let names = ["1.seg", "+1.seg", "000000002.seg", "00000002.SEG", "2.seg"];
    let others = names.map(|name| dir.join("segments").join(name));
    for other in &others {
        fs::copy(segment(&dir), other).expect("copied");
    }
    let snapshot = Snapshot::take(&dir).expect("looked at");
    assert!(matches!(snapshot.condition(), Condition::Whole), "{:?}", snapshot.condition());
    let store = reopen(&dir).expect("opened");
    assert_eq!((store.mended(), store.head()), (None, Seq::new(10)));
    expect_all(&store, 10);
    drop(store);
    assert!(others.iter().all(|other| other.exists()), "nobody touches them");
}

/// An index that cannot be copied whole may have what the segments have lost.
#[cfg(unix)]
#[test]
fn a_repair_that_cannot_copy_the_index_makes_no_journal() {
    let (home, dir) = home();
    filled(&dir, 10);
    let unreadable = dir.join("index/unreadable");
    std::os::unix::fs::symlink("unreadable", &unreadable).expect("linked to itself");
    let to = home.path().join("repaired");
    let refused = repair(&dir, &to).expect_err("not all of it was seen");
    assert!(refused.to_string().contains("copy the index"), "{refused}");
    assert!(!to.exists());

    remove(&dir.join("index"));
    repair(&dir, &to).expect("one that is not there has nothing");
}

pub(crate) fn expect_all(store: &DiskStore, head: u64) {
    let records = store.scan(Seq::new(2)).map(|found| found.expect("whole"));
    let records: Vec<_> = records.take_while(|record| record.seq.get() <= head).collect();
    assert_eq!(records, (2..=head).map(|seq| record(seq, 100)).collect::<Vec<_>>());
}

/// A copy of a journal in a folder of its own.
pub(crate) fn copy_of(dir: &Path) -> (TempDir, PathBuf) {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir(to).expect("made");
        for entry in fs::read_dir(from).expect("readable") {
            let entry = entry.expect("readable");
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if from.is_dir() {
                copy(&from, &to);
            } else {
                fs::copy(from, to).expect("copied");
            }
        }
    }
    let (home, to) = home();
    copy(dir, &to);
    (home, to)
}
