//! What a failed sync does to a store, and a segment without space.

use super::*;
use crate::event::RunUnparked;
use crate::store::disk::base::{self, Loss, Origin};
use crate::time::Timestamp;

fn record(seq: u64) -> Record {
    let event = RunUnparked {}.into();
    Record { seq: Seq::new(seq), at: Timestamp::default(), run: None, event }
}

fn created(dir: &Path, durability: Durability) -> DiskStore {
    DiskStore::open(dir, OpenMode::CreateIfMissing, durability).expect("created")
}

/// Puts a file in the place of the log that cannot be synced.
fn break_sync(store: &DiskStore) {
    match &mut store.writer().state {
        State::Open(disk) => disk.segments.break_sync(),
        state => panic!("{state:?}"),
    }
}

#[test]
fn a_commit_is_synced_if_it_has_to_survive_a_power_cut() {
    let home = tempfile::tempdir().expect("a folder");
    let store = created(&home.path().join("power"), Durability::Power);
    break_sync(&store);
    let failed = store.append(Seq::new(1), &[record(2)]);
    assert!(matches!(failed, Err(AppendError::Io { .. })), "{failed:?}");

    let store = created(&home.path().join("process"), Durability::Process);
    break_sync(&store);
    store.append(Seq::new(1), &[record(2)]).expect("nothing is synced");
}

/// The body is synced by itself, before the commit fails: nothing refers to it afterwards.
#[test]
fn the_body_of_a_commit_that_never_was_is_collected() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("journal");
    let store = created(&dir, Durability::Power);
    let large = |seq| crate::store::conformance::record(seq, 20_000);
    store.append(Seq::new(1), &[large(2)]).expect("appended");
    break_sync(&store);
    assert!(store.append(Seq::new(2), &[large(3)]).is_err());
    let bodies = || std::fs::read_dir(dir.join("payloads")).expect("there").count();
    assert_eq!(bodies(), 2);
    store.close();

    let again = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    let last = again.read(Seq::new(2)).expect("readable").expect("there");
    assert_eq!((again.head(), last), (Seq::new(2), large(2)));
    while bodies() != 1 {
        std::thread::yield_now();
    }
    assert_eq!(again.scan(Seq::new(1)).filter_map(Result::ok).count(), 2);
}

#[test]
fn a_failed_sync_poisons_and_is_never_tried_again() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("journal");
    let store = created(&dir, Durability::Power);
    store.append(Seq::new(1), &[record(2)]).expect("appended");
    break_sync(&store);
    assert!(store.append(Seq::new(2), &[record(3)]).is_err());
    assert_eq!(store.head(), Seq::new(2), "what is not durable is not shown");
    assert_eq!(store.scan(Seq::ZERO).count(), 2);
    for _ in 0..2 {
        let refused = store.append(Seq::new(2), &[record(3)]);
        assert!(matches!(refused, Err(AppendError::Poisoned)), "{refused:?}");
    }

    let refused = DiskStore::open(&dir, OpenMode::Existing, Durability::Power);
    assert!(matches!(refused, Err(OpenError::Locked { .. })), "it still holds the files");
    store.close();
    let again = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    assert!((2..=3).contains(&again.head().get()), "the last commit may be there or not");
    let head = again.head();
    again.append(head, &[record(head.get() + 1)]).expect("it goes on from there");
}

/// Lets there be no space for the segment and the next one; gives the segment.
#[cfg(target_os = "linux")]
fn fill_disk(store: &DiskStore) -> std::fs::File {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("always there");
    replace(store, full)
}

#[cfg(target_os = "linux")]
fn replace(store: &DiskStore, file: std::fs::File) -> std::fs::File {
    match &mut store.writer().state {
        State::Open(disk) => disk.segments.replace(file),
        state => panic!("{state:?}"),
    }
}

/// More than the first segment takes, and than the second one.
#[cfg(target_os = "linux")]
fn huge(first: u64) -> Vec<Record> {
    (first..first + 100).map(|seq| crate::store::conformance::record(seq, 7_000)).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_segment_without_space_for_a_batch_takes_none_of_it_and_goes_on() {
    for (durability, asks) in [(Durability::Power, true), (Durability::Process, false)] {
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().join("journal");
        let store = created(&dir, durability);
        store.append(Seq::new(1), &[record(2)]).expect("appended");
        let segment = fill_disk(&store);
        for _ in 0..2 {
            let refused = store.append(Seq::new(2), &huge(3));
            assert!(matches!(refused, Err(AppendError::NoRoom { .. })), "{refused:?}");
            assert_eq!((store.head(), store.has_room()), (Seq::new(2), false));
        }
        // There is a next segment now, in which the batch does not fit.
        assert!(!store.seek_room(), "it is too small");
        drop(replace(&store, segment));
        if asks {
            assert!(store.seek_room() && store.has_room());
        }
        store.append(Seq::new(2), &huge(3)).expect("it fits");
        store.append(Seq::new(102), &[record(103)]).expect("it goes on");
        assert!(store.seek_room());
        drop(store);
        let again = DiskStore::open(&dir, OpenMode::Existing, durability).expect("opened");
        assert_eq!((again.mended(), again.head()), (None, Seq::new(103)));
        let found: Vec<Record> = again.scan(Seq::new(3)).filter_map(Result::ok).collect();
        assert_eq!(found, [huge(3), vec![record(103)]].concat());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_batch_that_may_be_there_in_part_poisons_for_whatever_reason() {
    let home = tempfile::tempdir().expect("a folder");
    let store = created(&home.path().join("journal"), Durability::Power);
    let _segment = fill_disk(&store);
    let failed = store.append(Seq::new(1), &[record(2)]);
    let Err(AppendError::Io { source, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    let refused = store.append(Seq::new(1), &[record(2)]);
    assert!(matches!(refused, Err(AppendError::Poisoned)), "{refused:?}");
}

/// Otherwise a power cut takes the record that tells of a loss, and leaves that it is told.
#[test]
fn a_loss_is_told_once_the_record_that_tells_it_is_on_the_disk() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("journal");
    let mut store = created(&dir, Durability::Process);
    let journal = Place::new(&dir).journal().expect("there").expect("one");
    let origin = Origin { first: Seq::new(2), ordinal: 2, chain: 7 };
    base::lose(&dir, journal, origin, Loss::Untold).expect("written");
    let bases = || base::look(&dir, journal).expect("there");
    store.past = Past::new(&dir, journal, Arc::clone(&store.map), bases().base);
    break_sync(&store);
    assert!(store.tell().is_err());
    assert!(bases().untold().is_some());
}

/// What it keeps is damaged in the segments, and the database does not open.
#[test]
fn closing_waits_for_no_trimming_that_waits_for_the_database() {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("journal");
    let store = created(&dir, Durability::Power);
    while store.cuts().is_empty() {
        let head = store.head();
        let next = crate::store::conformance::record(head.get() + 1, 3_000);
        store.append(head, &[next]).expect("appended");
    }
    let path = segment::SegmentFile::new(&dir, 1).path;
    let mut bytes = std::fs::read(&path).expect("read");
    *bytes.get_mut(1_000).expect("within") ^= 1;
    std::fs::write(&path, bytes).expect("written");
    store.index.hang();
    let (store, cut) = (&store, store.cuts().first().expect("one").first);
    std::thread::scope(|scope| {
        let trimming = scope.spawn(move || store.trim(cut, b"rest", &[Seq::new(2)]));
        while !store.is_damaged.load(Ordering::Relaxed) {
            assert!(!trimming.is_finished(), "it needs the database");
            std::thread::yield_now();
        }
        store.close();
        let trimmed = trimming.join().expect("no panic");
        assert!(matches!(trimmed, Err(TrimError::Closed)), "{trimmed:?}");
    });
}

/// Whoever reads all of a large journal must not go on once it is let go of.
#[test]
fn a_scan_ends_with_the_session() {
    let home = tempfile::tempdir().expect("a folder");
    let store = created(&home.path().join("journal"), Durability::Process);
    let batch: Vec<Record> = (2..100).map(record).collect();
    store.append(Seq::new(1), &batch).expect("appended");
    let mut scan = store.scan(Seq::ZERO);
    assert!(matches!(scan.next(), Some(Ok(_))));
    store.close();
    assert!(matches!(scan.next(), Some(Err(ReadError::Closed))));
    assert!(scan.next().is_none());
}
