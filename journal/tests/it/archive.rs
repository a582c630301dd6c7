//! Archives: whatever is wrong with one is found.

use std::fs;
use std::path::{Path, PathBuf};

use resurge_journal::Seq;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{
    Archive, ArchiveError, DiskStore, Durability, ImportError, OpenMode, Store, TargetError,
    export, import,
};
use tempfile::TempDir;

use crate::fixture::{contents, create, edit, home};

/// A journal with some records, the last two as one batch, and its archive.
fn archived(records: u64) -> (TempDir, PathBuf, PathBuf) {
    let (home, dir) = home();
    let store = create(&dir);
    for seq in 2..=records - 2 {
        store.append(Seq::new(seq - 1), &[record(seq, 20)]).expect("appended");
    }
    let batch = [record(records - 1, 20), record(records, 20)];
    store.append(Seq::new(records - 2), &batch).expect("appended");
    drop(store);
    let file = home.path().join("a.rjar");
    export(&dir, &file, None).expect("exported");
    (home, dir, file)
}

/// Neither reading nor importing takes it, and nothing is made.
#[track_caller]
fn expect_refused(file: &Path, to: &Path, what: &str) {
    assert!(Archive::open(file).is_err(), "{what}");
    assert!(matches!(import(file, to), Err(ImportError::Archive(_))), "{what}");
    assert!(!to.exists(), "{what}");
}

#[test]
fn every_flipped_bit_is_found() {
    let (home, _, file) = archived(3);
    let bytes = fs::read(&file).expect("read");
    let to = home.path().join("new");
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            *flipped.get_mut(at).expect("within") ^= 1 << bit;
            fs::write(&file, flipped).expect("written");
            assert!(Archive::open(&file).is_err(), "bit {bit} of byte {at}");
        }
        expect_refused(&file, &to, &format!("byte {at}"));
    }
}

#[test]
fn every_missing_or_added_byte_is_found() {
    let (home, _, file) = archived(8);
    let bytes = fs::read(&file).expect("read");
    let to = home.path().join("new");
    for length in 0..bytes.len() {
        fs::write(&file, bytes.get(..length).expect("within")).expect("written");
        expect_refused(&file, &to, &format!("{length} of {} bytes", bytes.len()));
    }
    for added in [&b"\0"[..], &bytes] {
        fs::write(&file, [&bytes, added].concat()).expect("written");
        expect_refused(&file, &to, "something stands behind the end");
    }
    fs::write(&file, &bytes).expect("written");
    assert_eq!(import(&file, &to).expect("it is whole"), Seq::new(8));
}

#[test]
fn records_that_are_left_out_or_swapped_are_found_without_the_checksum() {
    let (home, _, file) = archived(8);
    let to = home.path().join("new");
    let bytes = fs::read(&file).expect("read");
    let places = crate::fixture::frames(&bytes);
    let place = |n: usize| *places.get(n).expect("there");
    let part = |from: usize, to: usize| bytes.get(from..to).expect("within").to_vec();
    let end = places.len() - 1;
    for (what, body, count) in [
        ("the third is left out", [part(64, place(2)), part(place(3), place(end))].concat(), 7),
        ("the last is left out", part(64, place(end - 1)), 8),
        ("the first is left out", part(place(1), place(end)), 7),
        ("one stands twice", [part(64, place(2)), part(place(1), place(end))].concat(), 9),
    ] {
        let mut forged = [part(0, 64), body, part(place(end), bytes.len())].concat();
        let mark = forged.len() - 32;
        let count = u64::to_be_bytes(count);
        forged.get_mut(mark + 8..mark + 16).expect("within").copy_from_slice(&count);
        seal(&mut forged);
        fs::write(&file, forged).expect("written");
        expect_refused(&file, &to, what);
    }
}

/// Makes the checksum over everything fit.
fn seal(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() - 4);
    bytes.extend_from_slice(&crc32c::crc32c(bytes).to_be_bytes());
}

#[test]
fn a_newer_archive_is_told_from_a_damaged_one() {
    let (home, _, file) = archived(8);
    edit(&file, |bytes| {
        *bytes.get_mut(5).expect("within") = 3;
        let crc = crc32c::crc32c(bytes.get(..60).expect("within"));
        bytes.get_mut(60..64).expect("within").copy_from_slice(&crc.to_be_bytes());
        seal(bytes);
    });
    let refused = Archive::open(&file);
    assert!(matches!(refused, Err(ArchiveError::NewerFormat { .. })), "{refused:?}");
    let refused = import(&file, &home.path().join("new"));
    assert!(
        matches!(refused, Err(ImportError::Archive(ArchiveError::NewerFormat { .. }))),
        "{refused:?}"
    );
}

#[test]
fn an_import_is_the_journal_that_was_exported() {
    let (home, dir) = home();
    let store = create(&dir);
    // Batches of many sizes, over several segments.
    for count in (1..=40).cycle().take(120) {
        let head = store.head();
        let batch: Vec<_> = (1..=count).map(|n| record(head.get() + n, 400)).collect();
        store.append(head, &batch).expect("appended");
    }
    let (file, to) = (home.path().join("a.rjar"), home.path().join("new"));
    let exported = export(&dir, &file, None).expect("exported");
    assert_eq!((exported.records, exported.last), (store.head().get(), store.head()));
    import(&file, &to).expect("imported");
    let new = DiskStore::open(&to, OpenMode::Existing, Durability::Power).expect("opened");
    assert_eq!(new.mended(), None);
    let all = |store: &DiskStore| -> Vec<_> {
        store.scan(Seq::ZERO).map(|found| found.expect("whole")).collect()
    };
    assert!(all(&new) == all(&store));
    drop((new, store));
    let again = home.path().join("b.rjar");
    export(&to, &again, None).expect("exported");
    assert!(fs::read(&again).expect("read") == fs::read(&file).expect("read"), "bit for bit");
    assert!(fs::read_dir(to.join("segments")).expect("readable").count() > 2);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let (home, dir, file) = archived(8);
    let before = contents(home.path());
    let refused = import(&file, &dir);
    assert!(
        matches!(refused, Err(ImportError::Target(TargetError::Occupied { .. }))),
        "{refused:?}"
    );
    assert_eq!(contents(home.path()), before);
}
