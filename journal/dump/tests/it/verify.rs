//! `journal-dump verify` names what it finds.

#![expect(clippy::indexing_slicing, reason = "a field that is not there fails its test")]

use std::fs;
use std::path::Path;

use resurge_journal::Seq;
use resurge_journal::store::{DiskStore, Durability, OpenMode, Store};
use serde_json::{Value, json};

use crate::dump::{dump, out};
use crate::fixture::{contents, create, edit, frames, home, segment};
use crate::story::{add_frame, spoil, story, with_retention, with_story};

/// What `verify --json` says of a journal, and its exit code.
#[track_caller]
fn verify(dir: &Path) -> (Value, i32) {
    let before = contents(dir);
    let output = dump(&["verify", "--json"], dir);
    assert_eq!(contents(dir), before, "a look changes nothing");
    let object = serde_json::from_str(&out(&output)).expect("one JSON object");
    (object, output.status.code().expect("ended by itself"))
}

/// Positions and kinds of the findings.
fn findings(object: &Value) -> Vec<(u64, &str)> {
    let findings = object["findings"].as_array().expect("a list").iter();
    let finding = |found: &Value| Some((found["seq"].as_u64()?, found["kind"].as_str()?.len()));
    assert!(findings.clone().all(|found| finding(found).is_some()), "{object}");
    findings
        .map(|found| (found["seq"].as_u64().unwrap_or(0), found["kind"].as_str().unwrap_or("")))
        .collect()
}

/// The bytes of one frame.
fn frame(bytes: &[u8], seq: usize) -> Vec<u8> {
    let places = frames(bytes);
    bytes[places[seq - 1]..places[seq]].to_vec()
}

#[test]
fn a_sound_journal_is_told_in_json() {
    let (_home, dir) = home();
    with_story(&dir);
    let (object, code) = verify(&dir);
    assert_eq!(
        object,
        json!({
            "v": 1, "read": "the segments", "condition": "whole", "first": 1, "kept": 0,
            "records": 11, "runs": 2, "provable": 11, "first_bad": null, "findings_count": 0,
            "findings": [],
        })
    );
    assert_eq!(code, 0);
}

#[test]
fn a_record_that_is_missing_is_a_gap() {
    let (_home, dir) = home();
    with_story(&dir);
    edit(&segment(&dir), |bytes| {
        let places = frames(bytes);
        bytes.drain(places[5]..places[7]);
    });
    let (object, code) = verify(&dir);
    assert_eq!(findings(&object), [(6, "gap")]);
    assert_eq!(
        (&object["condition"], &object["provable"], code),
        (&json!("damaged"), &json!(5), 1)
    );
}

#[test]
fn a_record_with_a_flipped_bit_is_unreadable() {
    let (_home, dir) = home();
    with_story(&dir);
    spoil(&dir, 6);
    let (object, code) = verify(&dir);
    assert_eq!((findings(&object), code), (vec![(6, "unreadable")], 1));
}

#[test]
fn a_record_of_another_history_breaks_the_chain() {
    let (_home, dir) = home();
    with_story(&dir);
    edit(&segment(&dir), |bytes| {
        let places = frames(bytes);
        let mut forged = frame(bytes, 6);
        let end = forged.len() - 4;
        forged[30] ^= 1;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&6_u64.to_be_bytes()), &forged[..end]);
        forged[end..].copy_from_slice(&crc.to_be_bytes());
        bytes.splice(places[5]..places[6], forged);
    });
    let (object, code) = verify(&dir);
    assert_eq!((findings(&object), code), (vec![(7, "chain")], 1));
}

#[test]
fn a_record_that_stands_a_second_time_is_a_finding_and_nothing_else() {
    for (copied, behind) in [(5, 5), (3, 9), (1, 11), (11, 11), (11, 2)] {
        let (_home, dir) = home();
        with_story(&dir);
        edit(&segment(&dir), |bytes| {
            let (copy, at) = (frame(bytes, copied), frames(bytes)[behind]);
            bytes.splice(at..at, copy);
        });
        let (object, code) = verify(&dir);
        let found = findings(&object);
        if behind == 11 {
            // Behind the end anything can stand: it was never acknowledged.
            assert_eq!((found, code), (vec![(12, "torn_tail")], 5), "{object}");
        } else if copied <= behind {
            let seq = u64::try_from(copied).expect("small");
            assert_eq!(found.first(), Some(&(seq, "duplicate")), "{object}");
            assert_eq!((&object["records"], &object["provable"]), (&json!(11), &json!(11)));
        } else {
            // It came too early: those it overtook stand behind a later one.
            assert!(found.iter().any(|found| found.1 == "gap"), "{object}");
        }
        assert_ne!(code, 0);
    }
}

#[test]
fn a_whole_journal_that_stands_twice_is_read_once() {
    let (_home, dir) = home();
    with_story(&dir);
    edit(&segment(&dir), |bytes| bytes.extend_from_within(64..));
    let (object, code) = verify(&dir);
    assert_eq!((findings(&object), code), (vec![(12, "torn_tail")], 5), "{object}");
    assert_eq!((&object["records"], &object["provable"]), (&json!(11), &json!(11)));
}

#[test]
fn bytes_between_two_records_hide_neither() {
    let (_home, dir) = home();
    with_story(&dir);
    edit(&segment(&dir), |bytes| {
        let at = frames(bytes)[5];
        bytes.splice(at..at, *b"RJ what is this doing here");
    });
    let (object, code) = verify(&dir);
    assert_eq!((findings(&object), code), (vec![(6, "unreadable")], 1));
    assert_eq!(object["records"], 11);
}

#[test]
fn a_spoiled_header_takes_no_record_away() {
    let (_home, dir) = home();
    with_story(&dir);
    crate::fixture::remove(&dir.join("index"));
    edit(&segment(&dir), |bytes| bytes[20] ^= 1);
    let (object, code) = verify(&dir);
    assert_eq!((findings(&object), code), (vec![(1, "unreadable")], 1), "{object}");
    assert_eq!(object["records"], 11);

    let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    assert_eq!(store.head().get(), 12, "nothing is lost");
    drop(store);
    assert_eq!(verify(&dir).1, 0);
}

#[test]
fn a_segment_of_another_journal_or_place_is_foreign() {
    let (_home, dir) = home();
    with_story(&dir);
    let (_other_home, other) = home();
    with_story(&other);
    let second = dir.join("segments/00000002.seg");
    fs::copy(segment(&dir), &second).expect("copied");
    let (object, code) = verify(&dir);
    assert_eq!(findings(&object)[0], (12, "foreign"), "{object}");
    assert!(object["findings"][0]["message"].as_str().expect("text").contains("another number"));
    assert_ne!(code, 0);

    fs::remove_file(&second).expect("removed");
    fs::copy(segment(&other), segment(&dir)).expect("copied");
    let (object, code) = verify(&dir);
    assert_eq!((findings(&object)[0], code), ((1, "foreign"), 1), "{object}");
    assert!(object["findings"][0]["message"].as_str().expect("text").contains("another journal"));
}

#[test]
fn a_segment_of_a_newer_release_is_no_damage() {
    let (_home, dir) = home();
    with_story(&dir);
    edit(&segment(&dir), |bytes| {
        bytes[5] = 3;
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_be_bytes());
    });
    let (object, code) = verify(&dir);
    assert_eq!((&object["condition"], code), (&json!("newer"), 6), "{object}");
    assert_eq!(findings(&object)[0], (1, "newer"));
    let before = contents(&dir.join("segments"));
    let refused = DiskStore::open(&dir, OpenMode::Existing, Durability::Power);
    assert!(refused.is_err(), "it is not mended either");
    assert_eq!(contents(&dir.join("segments")), before);
}

#[test]
fn a_torn_end_and_a_newer_record_are_told_apart() {
    let (_home, dir) = home();
    with_story(&dir);
    edit(&segment(&dir), |bytes| bytes.extend_from_slice(b"RJ half a frame"));
    let (object, code) = verify(&dir);
    assert_eq!((findings(&object), code), (vec![(12, "torn_tail")], 5));
    assert_eq!(object["condition"], "torn");

    let (_home, dir) = home();
    with_story(&dir);
    add_frame(&dir, |frame| {
        frame.splice(4..6, 0x09FF_u16.to_be_bytes());
    });
    let (object, code) = verify(&dir);
    assert_eq!((findings(&object), code), (vec![(12, "newer")], 6));
}

#[test]
fn an_illegal_record_in_front_of_a_torn_end_is_not_excused_by_it() {
    let (_home, dir) = home();
    let store = create(&dir);
    let mut records = story();
    let mut twice = records[1].clone();
    twice.seq = Seq::new(12);
    records.push(twice);
    store.append(Seq::new(1), &records).expect("the store does not fold");
    drop(store);
    edit(&segment(&dir), |bytes| bytes.extend_from_slice(b"RJ half a frame"));
    let (object, code) = verify(&dir);
    assert_eq!((findings(&object), code), (vec![(12, "illegal"), (13, "torn_tail")], 1));
}

#[test]
fn a_trimmed_journal_is_sound_and_a_spoiled_copy_of_its_base_is_told() {
    let (_home, dir) = home();
    let store = with_retention(&dir);
    let (first, head) = (store.first(), store.head().get());
    drop(store);

    let (object, code) = verify(&dir);
    assert_eq!((code, object["findings_count"].as_u64()), (0, Some(0)));
    assert_eq!((&object["first"], &object["kept"]), (&json!(first.get()), &json!(3)));
    assert_eq!(object["records"], json!(head - first.get() + 1));
    assert_eq!((&object["provable"], &object["runs"]), (&json!(head), &json!(1)));
    let said = format!("records 1 to {} dropped by retention, 3 of them kept", first.get() - 1);
    assert!(out(&dump(&["verify"], &dir)).contains(&said), "{said}");
    let log = out(&dump(&["log"], &dir));
    assert!(log.starts_with(&said), "{log}");
    assert_eq!(log.lines().count() as u64, 1 + head - first.get() + 1 + 3);

    for name in ["BASE", "BASE.copy"] {
        let sound = fs::read(dir.join(name)).expect("there");
        edit(&dir.join(name), |bytes| bytes[90] ^= 1);
        let (object, code) = verify(&dir);
        assert_eq!((code, findings(&object)), (1, vec![(1, "base")]), "{name}");
        fs::write(dir.join(name), sound).expect("written");
    }
}
