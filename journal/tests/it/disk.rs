//! Journals on the disk: opened again, in use, missing, foreign, newer, damaged.

use std::fs;
use std::path::Path;

use resurge_journal::Seq;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{
    Change, Condition, DiskStore, Durability, OpenError, OpenMode, Snapshot, Store,
};

use crate::fixture::{contents, create, home, remove};

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
