//! Journals of all kinds, sound and spoilt.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use resurge_journal::Seq;
use resurge_journal::event::RunParked;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{DiskStore, Durability, OpenMode, Store};
use resurge_journal::testing::made_up;

use crate::spoil::{Luck, Parts, ranges, spoil};
use crate::{Reading, dump, home, python, reading, store_of};

#[test]
fn every_event_with_every_field_is_read_alike() {
    let (_home, dir) = home();
    store_of(&dir, &made_up(1, 4_000)).close();
    let reading = reading(&dir, "all kinds");
    assert_eq!((reading.code, reading.lines.len()), (Some(0), 4_001));
}

#[test]
fn a_journal_in_use_is_read_up_to_what_was_acknowledged() {
    let (_home, dir) = home();
    let store = store_of(&dir, &made_up(2, 300));
    let sound = reading(&dir, "in use");
    assert_eq!((sound.code, sound.lines.len()), (Some(0), 301));

    // The first bytes of a frame, where the next batch is about to be written.
    let path = dir.join("segments/00000001.seg");
    let mut bytes = fs::read(&path).expect("readable");
    let end = ranges(&bytes).last().expect("a frame").end;
    bytes.get_mut(end..end + 5).expect("prepared").copy_from_slice(b"RJ\x02\x01\x03");
    fs::write(path, bytes).expect("written");
    assert_eq!(reading(&dir, "in the middle of a commit"), sound);
    store.close();
}

/// How often a growing journal is looked at, and how far it grows in all.
const TURNS: u64 = 8;
const END: u64 = 1_000;

/// Segments are begun, filled and cut while both readers look, with nothing between them.
#[test]
fn a_journal_that_grows_is_whole_at_every_moment() {
    let (_home, dir) = home();
    let store = store_of(&dir, &made_up(6, 20));
    let (end, mut seen) = (AtomicU64::new(0), Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seq = store.head().get();
            while seq < END {
                if seq < end.load(Ordering::Relaxed) {
                    let batch: Vec<_> = (seq + 1..seq + 8).map(|seq| record(seq, 2_000)).collect();
                    seq = store.append(store.head(), &batch).expect("appended").get();
                } else {
                    std::thread::yield_now();
                }
            }
        });
        for (turn, ask) in (1..=TURNS).zip([python, |dir: &Path| dump("log", dir)].repeat(4)) {
            end.store(turn * END / TURNS, Ordering::Relaxed);
            seen.push((store.head().get(), ask(&dir)));
        }
    });
    for (before, output) in seen {
        let reading = Reading::of(&output);
        assert_eq!(reading.code, Some(0));
        let seqs: Vec<_> = reading.lines.iter().map(|line| line["seq"].as_u64()).collect();
        let lines = seqs.len() as u64;
        assert!(lines >= before, "{lines} lines, and {before} records before");
        assert_eq!(seqs, (1..=lines).map(Some).collect::<Vec<_>>());
    }
    assert!(fs::read_dir(dir.join("segments")).expect("readable").count() > 2);
    store.close();
}

/// The made-up earlier version of `run_parked`: perhaps a step, and what is different about it.
#[test]
fn a_body_of_an_earlier_version_is_shown_and_kept_like_one_of_today() {
    let (_home, dir) = home();
    store_of(&dir, &made_up(4, 5)).close();
    let mut parts = Parts::read(&dir);
    parts.add(0x0206, 0, b"\x01\x08download\x07is gone");
    parts.add(0x0206, 1, b"\x0Bas of today");
    let (_home, dir) = home();
    fs::create_dir_all(&dir).expect("made");
    parts.write(&dir);

    let shown = Reading::of(&dump("log", &dir));
    let reasons: Vec<_> = shown.lines.iter().rev().take(2).map(|line| &line["reason"]).collect();
    assert_eq!(shown.code, Some(0));
    assert_eq!(reasons, ["as of today", "step `download`: is gone"]);
    // Whoever has read nothing but the page takes it for the work of a later release.
    assert_eq!(Reading::of(&python(&dir)).code, Some(6));

    let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    let record = store.read(Seq::new(7)).expect("readable").expect("there");
    assert_eq!(record.event, RunParked { reason: "step `download`: is gone".to_owned() }.into());
}

#[test]
fn a_body_that_cannot_be_read_is_left_out_and_told() {
    let (_home, dir) = home();
    store_of(&dir, &made_up(5, 5)).close();
    let mut parts = Parts::read(&dir);
    // A text that says it is longer than it is.
    parts.add(0x0206, 1, b"\x0Ctoo short");
    let (_home, dir) = home();
    fs::create_dir_all(&dir).expect("made");
    parts.write(&dir);
    let reading = reading(&dir, "a broken body");
    assert_eq!((reading.code, reading.lines.len()), (Some(1), 6));
    let said = String::from_utf8(dump("log", &dir).stderr).expect("UTF-8");
    assert!(said.contains("record 7 is not readable: the body does not fit its event"), "{said}");
}

#[test]
fn bodies_of_every_size_are_read_alike_wherever_they_are() {
    let (_home, dir) = home();
    let sizes = (8_118..8_138).chain([50_000, 4 * 1024 * 1024 - 10]);
    let records: Vec<_> = (2..).zip(sizes).map(|(seq, size)| record(seq, size)).collect();
    store_of(&dir, &records).close();
    let reading = reading(&dir, "large bodies");
    assert_eq!((reading.code, reading.lines.len()), (Some(0), records.len() + 1));
    let aside = fs::read_dir(dir.join("payloads")).expect("there").count();
    assert!((3..records.len()).contains(&aside), "{aside} of them are in files of their own");
}

#[test]
fn a_record_whose_body_is_lost_is_left_out_and_told() {
    let (_home, dir) = home();
    store_of(&dir, &[record(2, 10), record(3, 9_000), record(4, 10)]).close();
    let payloads = fs::read_dir(dir.join("payloads")).expect("there");
    for entry in payloads {
        fs::remove_file(entry.expect("readable").path()).expect("removed");
    }
    let reading = reading(&dir, "a lost body");
    assert_eq!((reading.code, reading.lines.len()), (Some(1), 3));
    let said = String::from_utf8(dump("log", &dir).stderr).expect("UTF-8");
    assert!(said.contains("record 3 is not readable: its payload "), "{said}");
    let verified = String::from_utf8(dump("verify", &dir).stdout).expect("UTF-8");
    assert!(verified.contains("     3  payload: record 3 is not readable"), "{verified}");
}

#[test]
fn folders_are_told_from_journals_alike() {
    let journal = r#""journal":"01234567-89ab-cdef-0123-456789abcdef""#;
    let markers = [
        (format!(r#"{{"format":3,{journal}}}"#), 6),
        (r#"{"format":4294967295,"more":[]}"#.to_owned(), 6),
        (format!(r#"{{"format":1,{journal}}}"#), 3),
        (format!(r#"{{"format":-2,{journal}}}"#), 3),
        (format!(r#"{{"format":2.5,{journal}}}"#), 3),
        (format!(r#"{{"format":"2",{journal}}}"#), 3),
        (format!(r#"{{"format":true,{journal}}}"#), 3),
        (r#"{"format":2}"#.to_owned(), 3),
        (r#"{"format":2,"journal":"nobody"}"#.to_owned(), 3),
        (r#"{"format":2"#.to_owned(), 3),
        (String::new(), 3),
    ];
    let (_home, dir) = home();
    fs::create_dir_all(dir.join("segments")).expect("made");
    assert_eq!(reading(&dir, "no marker").code, Some(3));
    for (marker, code) in markers {
        fs::write(dir.join("FORMAT"), &marker).expect("written");
        assert_eq!(reading(&dir, &marker).code, Some(code), "{marker}");
    }
    assert_eq!(reading(&dir.join("FORMAT"), "a file").code, Some(3));
    assert_eq!(reading(&dir.join("nothing"), "nothing").code, Some(3));
}

#[test]
fn a_journal_without_its_first_record_is_damaged() {
    let (_home, dir) = home();
    fs::create_dir_all(dir.join("segments")).expect("made");
    let marker = r#"{"format":2,"journal":"01234567-89ab-cdef-0123-456789abcdef"}"#;
    fs::write(dir.join("FORMAT"), marker).expect("written");
    assert_eq!(reading(&dir, "nothing at all").code, Some(1));
}

/// Two readers that were written apart and agree on all of this have the same page before them.
///
/// `RESURGE_FORMAT_SEEDS` tries more.
#[test]
fn spoilt_journals_are_judged_alike() {
    let (_home, dir) = home();
    let mut records = made_up(3, 40);
    records.extend((42..48).map(|seq| record(seq, 9_000)));
    store_of(&dir, &records).close();
    let sound = Parts::read(&dir);
    let seeds = std::env::var("RESURGE_FORMAT_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let mut codes = Vec::new();
    for seed in 0..seeds.unwrap_or(60) {
        let mut luck = Luck::new(seed);
        let mut parts = sound.clone();
        let said: Vec<String> = (0..=luck.below(2)).map(|_| spoil(&mut parts, &mut luck)).collect();
        let (_home, dir) = home();
        fs::create_dir_all(&dir).expect("made");
        parts.write(&dir);
        codes.push(reading(&dir, &format!("seed {seed}: {said:?}")).code);
    }
    for code in [0, 1, 5, 6] {
        assert!(codes.contains(&Some(code)), "no journal ended with {code}: {codes:?}");
    }
}
