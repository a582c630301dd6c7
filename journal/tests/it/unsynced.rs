//! Bodies that a session has left to the system, which others rely on to be on the disk.
//!
//! A body that cannot be synced stands in the place of one that is: whoever syncs it says so.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use resurge_journal::Seq;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{
    AppendError, DiskStore, Durability, OpenError, OpenMode, Store, TrimError,
};

use crate::disk::reopen;
use crate::fixture::home;

const LARGE: usize = 100_000;

fn process(dir: &Path) -> DiskStore {
    let store = DiskStore::open(dir, OpenMode::CreateIfMissing, Durability::Process);
    store.expect("created")
}

fn append(store: &DiskStore, bytes: usize) -> Result<Seq, AppendError> {
    let head = store.head();
    store.append(head, &[record(head.get() + 1, bytes)])
}

/// The only body.
fn body(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir.join("payloads")).expect("there");
    let mut paths = entries.map(|entry| entry.expect("readable").path());
    paths.find(|path| path.file_name().is_some_and(|name| name.len() == 64)).expect("one")
}

/// What a session leaves that is killed now; without the index, which is made anew.
fn kill(dir: &Path, to: &Path) {
    let copy = |from: &Path, to: &Path| fs::copy(from, to).expect("copied");
    for folder in ["segments", "payloads"] {
        fs::create_dir_all(to.join(folder)).expect("made");
        for entry in fs::read_dir(dir.join(folder)).expect("there") {
            let path = entry.expect("readable").path();
            copy(&path, &to.join(folder).join(path.file_name().expect("a name")));
        }
    }
    for file in ["FORMAT", "head"] {
        copy(&dir.join(file), &to.join(file));
    }
}

fn break_sync(dir: &Path) {
    let body = body(dir);
    fs::remove_file(&body).expect("there");
    symlink("/dev/null", body).expect("linked");
}

#[test]
fn bodies_are_synced_before_the_segment_that_refers_to_them_is_left() {
    let (_home, dir) = home();
    let store = process(&dir);
    append(&store, LARGE).expect("appended");
    break_sync(&dir);
    let failed = (0..500).find_map(|_| append(&store, 3_000).err());
    assert!(matches!(failed, Some(AppendError::Io { .. })), "{failed:?}");
    assert!(store.cuts().is_empty(), "the first segment is the last one");
}

#[test]
fn bodies_are_synced_before_anything_is_dropped() {
    let (_home, dir) = home();
    let store = process(&dir);
    append(&store, LARGE).expect("appended");
    break_sync(&dir);
    let failed = store.trim(Seq::new(2), b"", &[]);
    assert!(matches!(failed, Err(TrimError::Io { .. })), "{failed:?}");
}

#[test]
fn an_opening_syncs_the_bodies_of_a_session_that_was_killed() {
    let (home, dir) = home();
    let store = process(&dir);
    append(&store, LARGE).expect("appended");
    let killed = home.path().join("killed");
    kill(&dir, &killed);
    store.close();
    drop(reopen(&killed).expect("every body can be synced"));

    let store = process(&dir);
    append(&store, LARGE + 1).expect("appended");
    fs::remove_dir_all(&killed).expect("removed");
    kill(&dir, &killed);
    break_sync(&killed);
    match reopen(&killed) {
        Err(OpenError::Io { action, .. }) => assert_eq!(action, "sync the payloads"),
        other => panic!("{other:?}"),
    }
    // A session that ended by itself has left nothing to be synced.
    store.close();
    break_sync(&dir);
    assert!(reopen(&dir).is_ok(), "the record of that body is lost and told");
}
