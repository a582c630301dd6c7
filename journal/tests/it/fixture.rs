//! Journals on disk, for the tests of the library and of `journal-dump`.

use std::fs;
use std::path::{Path, PathBuf};

use resurge_journal::store::{Durability, OpenMode, SledStore};
use tempfile::TempDir;

pub(crate) fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("journal");
    (home, dir)
}

pub(crate) fn create(dir: &Path) -> SledStore {
    SledStore::open(dir, OpenMode::CreateIfMissing, Durability::Power).expect("created")
}

/// Puts bytes under a position, past everything that the store would allow.
pub(crate) fn forge(dir: &Path, edit: impl FnOnce(&::sled::Tree)) {
    let db = loop {
        match ::sled::open(dir.join("sled")) {
            Err(error) if error.to_string().contains("could not acquire lock") => {}
            db => break db.expect("opened"),
        }
    };
    let tree = db.open_tree("records").expect("opened");
    edit(&tree);
    tree.flush().expect("flushed");
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
