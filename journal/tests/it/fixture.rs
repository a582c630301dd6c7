//! Journals on disk, for the tests of the library and of `journal-dump`.

use std::fs;
use std::path::{Path, PathBuf};

use resurge_journal::store::{DiskStore, Durability, OpenMode};
use tempfile::TempDir;

pub(crate) fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("journal");
    (home, dir)
}

pub(crate) fn create(dir: &Path) -> DiskStore {
    DiskStore::open(dir, OpenMode::CreateIfMissing, Durability::Power).expect("created")
}

/// The first segment of a journal.
pub(crate) fn segment(dir: &Path) -> PathBuf {
    dir.join("segments/00000001.seg")
}

/// Where each frame of a segment begins, and where the last one ends.
pub(crate) fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![64];
    let mut at = 64;
    while bytes.get(at..at + 2) == Some(b"RJ") {
        let length = bytes.get(at + 52..at + 56).expect("a whole header");
        let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
        at += 56 + usize::try_from(length).expect("small") + 4;
        places.push(at);
    }
    places
}

/// Changes the bytes of a file.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("readable");
    change(&mut bytes);
    fs::write(path, bytes).expect("written");
}

/// Removes a file, or a folder with all that is in it.
pub(crate) fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("removed");
}

/// Everything in a folder with its bytes and times.
pub(crate) fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            let changed = fs::metadata(&path).and_then(|found| found.modified()).expect("there");
            all.push((path.clone(), fs::read(&path).expect("readable"), changed));
        }
    }
    all.sort();
    all
}
