//! The file that makes a folder a journal.

use std::fs;

use resurge_journal::Seq;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{DiskStore, Durability, OpenError, OpenMode, Store};

use crate::disk::{filled, reopen};
use crate::fixture::{edit, home, segment};

#[test]
fn a_lost_marker_never_leads_to_a_new_journal() {
    let (_home, dir) = home();
    filled(&dir, 5);
    let marker = fs::read(dir.join("FORMAT")).expect("read");
    fs::remove_file(dir.join("FORMAT")).expect("removed");
    let refused = DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Power);
    assert!(matches!(refused, Err(OpenError::Foreign { .. })), "{refused:?}");
    fs::write(dir.join("FORMAT"), marker).expect("written");
    assert_eq!(reopen(&dir).expect("opened").head(), Seq::new(5));
}

/// Whoever is told that nothing can be read moves away what is whole.
#[test]
fn a_marker_that_names_another_journal_is_told_apart_from_a_loss() {
    let (_home, dir) = home();
    filled(&dir, 5);
    let marker = fs::read(dir.join("FORMAT")).expect("read");
    edit(&dir.join("FORMAT"), |text| {
        let at = text.len() - 5;
        let digit = text.get_mut(at).expect("within");
        *digit = if *digit == b'0' { b'1' } else { b'0' };
    });
    let refused = reopen(&dir).expect_err("not the same journal").to_string();
    assert!(refused.contains("its segments are of"), "{refused}");
    fs::write(dir.join("FORMAT"), marker).expect("written");
    let store = reopen(&dir).expect("opened");
    assert_eq!((store.head(), store.mended()), (Seq::new(5), None));
}

#[test]
fn a_segment_of_another_journal_behind_the_end_is_put_aside_and_not_removed() {
    let (_home, dir) = home();
    filled(&dir, 5);
    let (_other_home, other) = home();
    filled(&other, 7);
    let foreign = fs::read(segment(&other)).expect("read");
    fs::write(dir.join("segments/00000002.seg"), &foreign).expect("written");
    let store = reopen(&dir).expect("opened");
    for seq in 2..=5 {
        let found = store.read(Seq::new(seq)).expect("readable");
        assert_eq!(found, Some(record(seq, 100)));
    }
    let kept = fs::read(dir.join("quarantine/segment-1")).expect("kept");
    assert_eq!(kept, foreign);
}
