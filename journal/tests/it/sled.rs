//! Journals on the disk: opened again, in use, missing, foreign, newer, damaged.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use resurge_journal::Seq;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{
    Condition, Durability, OpenError, OpenMode, SledStore, Snapshot, Store,
};
use tempfile::TempDir;

use crate::fixture::{contents, create, forge, home};

fn reopen(dir: &Path) -> Result<SledStore, OpenError> {
    SledStore::open(dir, OpenMode::Existing, Durability::Power)
}

/// A closed journal with records up to `head`.
fn filled(dir: &Path, head: u64) {
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
        assert_eq!(store.cut(), None);
        let records: Vec<_> = store.scan(Seq::new(2)).map(|found| found.expect("whole")).collect();
        assert_eq!(records, (2..=head).map(|seq| record(seq, 100)).collect::<Vec<_>>());
        store.append(Seq::new(head), &[record(head + 1, 100)]).expect("appended");
    }
}

#[test]
fn a_second_opener_is_refused_and_told_who_holds_it() {
    let (_home, dir) = home();
    let store = create(&dir);
    let refused = SledStore::open(&dir, OpenMode::CreateIfMissing, Durability::Power);
    let Err(OpenError::Locked { pid, .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!(*pid, Some(std::process::id()));
    store.append(Seq::new(1), &[record(2, 0)]).expect("the holder is not disturbed");
    drop(store);
    assert_eq!(reopen(&dir).expect("free again").head(), Seq::new(2));
}

/// sled holds its own lock for some milliseconds after its last handle is gone.
#[test]
fn a_database_that_is_still_locked_is_in_use_and_not_damaged() {
    let (_home, dir) = home();
    filled(&dir, 3);
    forge(&dir, |_| {
        let refused = reopen(&dir);
        assert!(matches!(refused, Err(OpenError::Locked { pid: None, .. })), "{refused:?}");
    });
    assert_eq!(reopen(&dir).expect("free again").head(), Seq::new(3));
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
        let refused = SledStore::open(path, mode, Durability::Power);
        assert!(matches!(refused, Err(OpenError::Foreign { .. })), "{refused:?}");
    }
    let below_a_file =
        SledStore::open(file.join("x"), OpenMode::CreateIfMissing, Durability::Power);
    assert!(matches!(below_a_file, Err(OpenError::Io { .. })), "{below_a_file:?}");
    assert_eq!(fs::read_dir(home.path()).expect("readable").count(), 1);

    filled(&dir, 2);
    fs::write(dir.join("FORMAT"), "not json").expect("written");
    assert!(matches!(reopen(&dir), Err(OpenError::Foreign { .. })));
}

#[test]
fn a_lost_marker_never_leads_to_a_new_journal() {
    let (_home, dir) = home();
    filled(&dir, 5);
    let marker = fs::read(dir.join("FORMAT")).expect("read");
    fs::remove_file(dir.join("FORMAT")).expect("removed");
    let refused = SledStore::open(&dir, OpenMode::CreateIfMissing, Durability::Power);
    assert!(matches!(refused, Err(OpenError::Foreign { .. })), "{refused:?}");
    fs::write(dir.join("FORMAT"), marker).expect("written");
    assert_eq!(reopen(&dir).expect("opened").head(), Seq::new(5));
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
    fs::write(dir.join("FORMAT"), r#"{"format":2,"anything":["else"]}"#).expect("written");
    let refused = reopen(&dir);
    assert!(matches!(refused, Err(OpenError::NewerFormat { .. })), "{refused:?}");
}

/// Whatever is cut off the log: nothing acknowledged may be gone without a word.
#[test]
fn a_shortened_log_is_never_taken_for_a_short_journal() {
    let (_home, dir) = home();
    filled(&dir, 40);
    let log = dir.join("sled/db");
    let length = fs::metadata(&log).expect("there").len();
    for part in 0..20 {
        let (_copy_home, copy) = copy_of(&dir);
        let file = File::options().write(true).open(copy.join("sled/db")).expect("opened");
        file.set_len(length * part / 20).expect("cut");
        drop(file);
        expect_whole_or_damaged(&copy, 40);
    }
}

#[test]
fn a_flipped_bit_is_never_read_as_something_else() {
    let (_home, dir) = home();
    filled(&dir, 40);
    let bytes = fs::read(dir.join("sled/db")).expect("read");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("something was written");
    for part in 0..60 {
        let (_copy_home, copy) = copy_of(&dir);
        let mut flipped = bytes.clone();
        *flipped.get_mut(used * part / 60).expect("within") ^= 1 << (part % 8);
        fs::write(copy.join("sled/db"), flipped).expect("written");
        expect_whole_or_damaged(&copy, 40);
    }
}

/// sled panics on most of these; the frames in its log are as good as ever.
#[test]
fn what_sled_cannot_open_is_found_in_its_log() {
    let (_home, dir) = home();
    let store = create(&dir);
    let batch: Vec<_> = (2..=1000).map(|seq| record(seq, 100)).collect();
    store.append(Seq::new(1), &batch).expect("appended");
    drop(store);
    let log = dir.join("sled/db");
    let mut bytes = fs::read(&log).expect("read");
    bytes.get_mut(..20).expect("the header of a segment").fill(0xFF);
    fs::write(log, bytes).expect("written");

    let copy = tempfile::tempdir().expect("a folder");
    let snapshot = Snapshot::take(&dir, copy.path()).expect("copied");
    assert!(matches!(snapshot.condition(), Condition::Damaged { .. }));
    assert_eq!(snapshot.whole(), Seq::new(1000));
    let shown: Vec<_> = snapshot.scan().skip(1).map(|found| found.expect("whole")).collect();
    assert_eq!(shown, batch);
}

#[test]
fn a_missing_part_is_damage() {
    for part in ["sled/db", "sled/conf", "sled", "head"] {
        let (_home, dir) = home();
        filled(&dir, 5);
        let path = dir.join(part);
        if path.is_dir() {
            fs::remove_dir_all(path).expect("removed");
        } else {
            fs::remove_file(path).expect("removed");
        }
        let refused = reopen(&dir);
        assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{part}: {refused:?}");
        let copy = tempfile::tempdir().expect("a folder");
        let snapshot = Snapshot::take(&dir, copy.path()).expect("copied");
        assert!(matches!(snapshot.condition(), Condition::Damaged { .. }), "{part}");
    }
}

/// An older database beside a newer head: what a restored copy of one half looks like.
#[test]
fn an_older_database_is_noticed() {
    let (_home, dir) = home();
    filled(&dir, 10);
    let (_copy_home, older) = copy_of(&dir);
    let store = reopen(&dir).expect("opened");
    store.append(Seq::new(10), &[record(11, 0), record(12, 0)]).expect("appended");
    drop(store);
    fs::copy(dir.join("head"), older.join("head")).expect("copied");
    let refused = reopen(&older);
    let Err(OpenError::Damaged { lost_from, lost_to, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((lost_from, lost_to), (Seq::new(11), Some(Seq::new(12))));
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

    forge(&dir, |tree| {
        tree.insert(6u64.to_be_bytes(), b"not a frame").expect("inserted");
    });
    let refused = reopen(&dir);
    let Err(OpenError::Damaged { lost_from, lost_to, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!((lost_from, lost_to), (Seq::new(6), Some(Seq::new(9))));
}

/// The last commit of a journal whose head is older was perhaps never acknowledged.
#[test]
fn a_torn_end_of_several_records_is_cut_and_written_anew() {
    let (_home, dir) = home();
    filled(&dir, 5);
    forge(&dir, |tree| {
        for seq in [6u64, 7, 9] {
            tree.insert(seq.to_be_bytes(), b"half").expect("inserted");
        }
    });
    let store = reopen(&dir).expect("opened");
    let cut = store.cut().expect("cut");
    assert_eq!((cut.from, cut.to), (Seq::new(6), Seq::new(9)));
    let batch: Vec<_> = (6..=9).map(|seq| record(seq, 100)).collect();
    store.append(Seq::new(5), &batch).expect("appended");
    drop(store);
    let store = reopen(&dir).expect("opened");
    assert_eq!((store.head(), store.cut()), (Seq::new(9), None));
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
    let copy = tempfile::tempdir().expect("a folder");
    let snapshot = Snapshot::take(&dir, copy.path()).expect("copied");
    assert_eq!(snapshot.condition(), &Condition::Whole);
    assert_eq!(snapshot.scan().flatten().count(), 30);
    assert_eq!(contents(&dir), before);
}

#[test]
fn a_journal_in_use_has_no_snapshot() {
    let (_home, dir) = home();
    let _store = create(&dir);
    let copy = tempfile::tempdir().expect("a folder");
    let refused = Snapshot::take(&dir, copy.path());
    assert!(matches!(refused, Err(OpenError::Locked { .. })), "{refused:?}");
}

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

/// Opens a journal that was tampered with; every record shown must be the one that was written.
fn expect_whole_or_damaged(dir: &Path, head: u64) {
    let copy = tempfile::tempdir().expect("a folder");
    let snapshot = Snapshot::take(dir, copy.path()).expect("copied");
    for shown in snapshot.scan().flatten().skip(1) {
        assert_eq!(shown, record(shown.seq.get(), 100));
    }
    match reopen(dir) {
        Ok(store) => {
            assert_eq!(store.head(), Seq::new(head));
            assert_eq!(store.scan(Seq::ZERO).flatten().count() as u64, head);
            assert_eq!(snapshot.condition(), &Condition::Whole);
        }
        Err(OpenError::Damaged { .. }) => {
            assert!(matches!(snapshot.condition(), Condition::Damaged { .. }));
        }
        Err(error) => panic!("{error:?}"),
    }
}
