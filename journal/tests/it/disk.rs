//! Journals on the disk: opened again, in use, missing, foreign, newer, damaged.

use std::fs;
use std::path::{Path, PathBuf};

use resurge_journal::Seq;
use resurge_journal::event::{Event, JournalRecovered, RecoveryMethod};
use resurge_journal::store::conformance::record;
use resurge_journal::store::{
    Change, Condition, DiskStore, Durability, OpenError, OpenMode, Snapshot, Store,
};
use tempfile::TempDir;

use crate::fixture::{contents, create, edit, frames, home, remove, segment};

pub(crate) fn reopen(dir: &Path) -> Result<DiskStore, OpenError> {
    DiskStore::open(dir, OpenMode::Existing, Durability::Power)
}

/// A closed journal with records up to `head`.
pub(crate) fn filled(dir: &Path, head: u64) {
    let store = create(dir);
    for seq in 2..=head {
        store.append(Seq::new(seq - 1), &[record(seq, 100)]).expect("appended");
    }
}

#[test]
fn what_was_appended_is_there_again() {
    let (_home, dir) = home();
    filled(&dir, 50);
    for head in 50..60 {
        let store = reopen(&dir).expect("opened");
        assert_eq!(store.head(), Seq::new(head));
        assert_eq!(store.mended(), None);
        let records: Vec<_> = store.scan(Seq::new(2)).map(|found| found.expect("whole")).collect();
        assert_eq!(records, (2..=head).map(|seq| record(seq, 100)).collect::<Vec<_>>());
        store.append(Seq::new(head), &[record(head + 1, 100)]).expect("appended");
    }
}

#[test]
fn a_second_opener_is_refused_and_told_who_holds_it() {
    let (_home, dir) = home();
    let store = create(&dir);
    let refused = DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Power);
    let Err(OpenError::Locked { pid, .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!(*pid, Some(std::process::id()));
    store.append(Seq::new(1), &[record(2, 0)]).expect("the holder is not disturbed");
    drop(store);
    assert_eq!(reopen(&dir).expect("free again").head(), Seq::new(2));
}

#[test]
fn a_closed_store_lets_go_of_the_journal() {
    let (_home, dir) = home();
    let store = create(&dir);
    store.close();
    reopen(&dir).expect("free while the handle still exists");
}

#[test]
fn nothing_is_made_where_a_journal_was_expected() {
    let (home, dir) = home();
    assert!(matches!(reopen(&dir), Err(OpenError::Missing { .. })));
    assert!(!dir.exists());
    assert!(matches!(reopen(home.path()), Err(OpenError::Missing { .. })));
    assert_eq!(fs::read_dir(home.path()).expect("readable").count(), 0);
}

#[test]
fn what_is_not_a_journal_is_left_alone() {
    let (home, dir) = home();
    fs::write(home.path().join("notes.txt"), "mine").expect("written");
    let file = home.path().join("notes.txt");
    for (path, mode) in [
        (home.path(), OpenMode::Existing),
        (home.path(), OpenMode::CreateIfMissing),
        (&file, OpenMode::CreateIfMissing),
    ] {
        let refused = DiskStore::open(path, mode, Durability::Power);
        assert!(matches!(refused, Err(OpenError::Foreign { .. })), "{refused:?}");
    }
    let below_a_file =
        DiskStore::open(file.join("x"), OpenMode::CreateIfMissing, Durability::Power);
    assert!(matches!(below_a_file, Err(OpenError::Io { .. })), "{below_a_file:?}");
    assert_eq!(fs::read_dir(home.path()).expect("readable").count(), 1);

    filled(&dir, 2);
    fs::write(dir.join("FORMAT"), "not json").expect("written");
    assert!(matches!(reopen(&dir), Err(OpenError::Foreign { .. })));
}

#[test]
fn a_creation_that_was_cut_short_is_begun_anew() {
    let (_home, dir) = home();
    filled(&dir, 5);
    fs::remove_file(dir.join("FORMAT")).expect("removed");
    fs::write(dir.join("CREATING"), "").expect("written");
    assert!(matches!(reopen(&dir), Err(OpenError::Missing { .. })));
    assert_eq!(create(&dir).head(), Seq::new(1));
    assert!(!dir.join("CREATING").exists());
    assert_eq!(reopen(&dir).expect("opened").head(), Seq::new(1));
}

#[test]
fn a_newer_format_is_refused_untouched() {
    let (_home, dir) = home();
    filled(&dir, 2);
    fs::write(dir.join("FORMAT"), r#"{"format":3,"anything":["else"]}"#).expect("written");
    let refused = reopen(&dir);
    assert!(matches!(refused, Err(OpenError::NewerFormat { .. })), "{refused:?}");
}

#[test]
fn a_format_that_was_given_up_is_refused_by_name() {
    let (_home, dir) = home();
    filled(&dir, 2);
    fs::write(dir.join("FORMAT"), r#"{"format":1,"journal":"x"}"#).expect("written");
    let refused = reopen(&dir).expect_err("not ours").to_string();
    assert!(refused.contains("format 1 was given up"), "{refused}");
}

/// A journal of which a part is damaged, and the record that then tells so.
fn mended(dir: &Path) -> (DiskStore, JournalRecovered) {
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
fn segments_follow_each_other_and_a_batch_is_never_split() {
    let (_home, dir) = home();
    let store = create(&dir);
    let mut head = 1;
    // Four times what the first two segments hold, in batches that fit into none of their ends.
    while head < 600 {
        let batch: Vec<_> = (head + 1..=head + 9).map(|seq| record(seq, 5_000)).collect();
        head = store.append(Seq::new(head), &batch).expect("appended").get();
    }
    assert!(fs::read_dir(dir.join("segments")).expect("read").count() >= 3);
    let expected: Vec<_> = (2..=head).map(|seq| record(seq, 5_000)).collect();
    let shown: Vec<_> = store.scan(Seq::new(2)).map(|found| found.expect("whole")).collect();
    assert_eq!(shown, expected);
    drop(store);
    let used: u64 = fs::read_dir(dir.join("segments"))
        .expect("read")
        .map(|entry| entry.and_then(|entry| entry.metadata()).expect("there").len())
        .sum();
    assert!(used < 600 * 5_200, "space taken in advance is given back: {used}");
    let store = reopen(&dir).expect("opened");
    for seq in [2, 77, 300, head] {
        let found = store.read(Seq::new(seq)).expect("readable");
        assert_eq!(found, Some(record(seq, 5_000)));
        let first = store.scan(Seq::new(seq)).next().expect("there").expect("readable");
        assert_eq!(first.seq, Seq::new(seq));
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
fn a_checkpoint_stands_until_the_records_say_otherwise() {
    let (_home, dir) = home();
    let store = create(&dir);
    for seq in 2..=30 {
        store.append(Seq::new(seq - 1), &[record(seq, 100)]).expect("appended");
    }
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
    let store = create(&dir);
    for seq in 2..=30 {
        store.append(Seq::new(seq - 1), &[record(seq, 100)]).expect("appended");
    }
    store.save_checkpoint(Seq::new(25), b"twenty-five").expect("saved");
    drop(store);
    let places = frames(&fs::read(segment(&dir)).expect("read"));
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

#[test]
fn segments_that_end_in_front_of_a_checkpoint_are_mended() {
    let (_home, dir) = home();
    let store = create(&dir);
    for seq in 2..=30 {
        store.append(Seq::new(seq - 1), &[record(seq, 100)]).expect("appended");
    }
    store.save_checkpoint(Seq::new(30), b"thirty").expect("saved");
    drop(store);
    let places = frames(&fs::read(segment(&dir)).expect("read"));
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

#[test]
fn the_cache_is_kept_and_is_another_one_once_it_was_lost() {
    let (_home, dir) = home();
    let store = create(&dir);
    let cache = store.cache().expect("has one");
    let put = |key: &str, value: &str| Change::Put { key: key.into(), value: value.into() };
    cache.apply(vec![put("a", "1"), put("b", "2"), put("c", "3")]).expect("changed");
    cache.apply(vec![Change::Remove { key: b"b".to_vec() }]).expect("changed");
    cache.sync().expect("synced");
    let generation = cache.generation().expect("known");
    drop(store);
    let store = reopen(&dir).expect("opened");
    let cache = store.cache().expect("has one");
    assert_eq!(cache.generation().expect("known"), generation);
    assert_eq!(cache.get(b"a").expect("readable"), Some(b"1".to_vec()));
    let all = cache.range(b"a", b"z", 10).expect("readable");
    assert_eq!(all, [(b"a".to_vec(), b"1".to_vec()), (b"c".to_vec(), b"3".to_vec())]);
    assert_eq!(cache.range(b"z", b"a", 10).expect("readable"), []);
    drop(store);
    remove(&dir.join("index"));
    let store = reopen(&dir).expect("opened");
    let cache = store.cache().expect("has one");
    assert_ne!(cache.generation().expect("known"), generation);
    assert_eq!(cache.get(b"a").expect("readable"), None);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;

    fn walk(path: &Path) {
        let found = fs::metadata(path).expect("there");
        let mode = found.permissions().mode() & 0o777;
        assert_eq!(mode, if found.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        if found.is_dir() {
            for entry in fs::read_dir(path).expect("readable") {
                walk(&entry.expect("readable").path());
            }
        }
    }
    let (_home, dir) = home();
    let store = create(&dir);
    walk(&dir);
    drop(store);
    let store = reopen(&dir).expect("opened");
    walk(&dir);
    drop(store);
}

#[test]
fn a_snapshot_changes_nothing() {
    let (_home, dir) = home();
    filled(&dir, 30);
    let before = contents(&dir);
    let snapshot = Snapshot::take(&dir).expect("looked at");
    assert_eq!((snapshot.condition(), snapshot.is_in_use()), (&Condition::Whole, false));
    assert_eq!(snapshot.scan().flatten().count(), 30);
    assert_eq!(contents(&dir), before);
}

#[test]
fn a_journal_in_use_is_shown_up_to_what_was_acknowledged() {
    let (_home, dir) = home();
    let store = create(&dir);
    for seq in 2..=30 {
        store.append(Seq::new(seq - 1), &[record(seq, 100)]).expect("appended");
        let snapshot = Snapshot::take(&dir).expect("looked at");
        assert_eq!((snapshot.condition(), snapshot.is_in_use()), (&Condition::Whole, true));
        let shown: Result<Vec<_>, _> = snapshot.scan().collect();
        assert_eq!(shown.expect("whole").len() as u64, seq);
    }
}

fn expect_all(store: &DiskStore, head: u64) {
    let records = store.scan(Seq::new(2)).map(|found| found.expect("whole"));
    let records: Vec<_> = records.take_while(|record| record.seq.get() <= head).collect();
    assert_eq!(records, (2..=head).map(|seq| record(seq, 100)).collect::<Vec<_>>());
}

/// A copy of a journal in a folder of its own.
fn copy_of(dir: &Path) -> (TempDir, PathBuf) {
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
