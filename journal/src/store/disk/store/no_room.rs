//! A disk without room for a body: the batch is refused, and nothing else is the matter.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::id::Seq;
use crate::record::Record;
use crate::store::conformance::{self, record};
use crate::store::disk::files;
use crate::store::{AppendError, DiskStore, Durability, OpenMode, Store};

const LARGE: usize = 30_000;
const BOTH: [Durability; 2] = [Durability::Power, Durability::Process];

fn home() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("journal");
    (home, dir)
}

fn created(dir: &Path, durability: Durability) -> DiskStore {
    let store = DiskStore::open(dir, OpenMode::CreateIfMissing, durability);
    let mut store = store.expect("created");
    store.payloads.make = make;
    store
}

/// Says that the disk is full.
const FULL: &str = "full";

/// A draft on a disk that may be full: then it takes nothing.
fn make(draft: &Path) -> io::Result<File> {
    let file = files::create(draft)?;
    let full = || File::options().write(true).open("/dev/full");
    if draft.with_file_name(FULL).exists() { full() } else { Ok(file) }
}

fn fill(dir: &Path) {
    fs::create_dir_all(dir.join("payloads")).expect("made");
    fs::write(dir.join("payloads").join(FULL), "").expect("written");
}

fn free(dir: &Path) {
    fs::remove_file(dir.join("payloads").join(FULL)).expect("removed");
}

fn batch() -> Vec<Record> {
    vec![record(3, 10), record(4, LARGE), record(5, LARGE), record(6, 10)]
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join("payloads")).expect("there");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn a_body_without_room_is_refused_and_fits_once_there_is_some() {
    for durability in BOTH {
        let (_home, dir) = home();
        let store = created(&dir, durability);
        store.append(Seq::new(1), &[record(2, 10)]).expect("appended");
        conformance::run_without_room(&store, &batch(), || fill(&dir), || free(&dir));
        drop(store);
        let store = DiskStore::open(&dir, OpenMode::Existing, durability).expect("opened");
        assert_eq!((store.mended(), store.head()), (None, Seq::new(7)));
        let found: Vec<Record> = store.scan(Seq::new(3)).take(4).filter_map(Result::ok).collect();
        assert_eq!(found, batch());
    }
}

#[test]
fn a_refused_body_leaves_no_draft_behind() {
    for durability in BOTH {
        let (_home, dir) = home();
        let store = created(&dir, durability);
        fill(&dir);
        let refused = store.append(Seq::new(1), &[record(2, LARGE)]);
        let Err(AppendError::NoRoom { location, source }) = refused else { panic!("{refused:?}") };
        assert_eq!(location, dir.display().to_string());
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert!(!names(&dir).contains(&"draft".to_owned()), "{:?}", names(&dir));
        free(&dir);
        assert!(store.seek_room(), "and to look for room leaves none either");
        assert!(!names(&dir).contains(&"draft".to_owned()), "{:?}", names(&dir));
    }
}

#[test]
fn whoever_gives_up_on_a_refused_batch_can_add_another_one() {
    let (_home, dir) = home();
    let store = created(&dir, Durability::Power);
    fill(&dir);
    store.append(Seq::new(1), &[record(2, LARGE)]).expect_err("no room");
    store.append(Seq::new(1), &[record(2, 10)]).expect("there is room in the segment");
    assert!(!store.has_room(), "what is missing was not looked for");
    assert!(!store.seek_room(), "there is none");
    free(&dir);
    assert!(store.seek_room());
    drop(store);
    let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    assert_eq!(store.read(Seq::new(2)).expect("readable"), Some(record(2, 10)));
}

#[test]
fn a_body_that_the_disk_fails_to_take_still_poisons() {
    let (_home, dir) = home();
    let store = created(&dir, Durability::Power);
    fs::create_dir_all(dir.join("payloads/draft")).expect("a folder in the way");
    let failed = store.append(Seq::new(1), &[record(2, LARGE)]);
    assert!(matches!(failed, Err(AppendError::Io { .. })), "{failed:?}");
    let refused = store.append(Seq::new(1), &[record(2, 10)]);
    assert!(matches!(refused, Err(AppendError::Poisoned)), "{refused:?}");
}
