//! Journals that were trimmed are read alike, whatever a crash or damage left of them.

#![expect(clippy::indexing_slicing, reason = "bytes that are not there fail their test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use resurge_journal::Seq;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{Archive, DiskStore, Durability, OpenMode, Store, export};
use tempfile::TempDir;

use crate::{Reading, copy_folder, dump, home, python, reading};

const KEPT: [u64; 3] = [1, 4, 9];

/// A journal before it was trimmed and after it, with the first record of the latter and the last.
fn trimmed() -> (TempDir, PathBuf, PathBuf, u64, u64) {
    let (home, after) = home();
    let before = home.path().join("before");
    let open = |mode| DiskStore::open(&after, mode, Durability::Process).expect("opened");
    let store = open(OpenMode::CreateIfMissing);
    while store.cuts().len() < 2 {
        let head = store.head();
        store.append(head, &[record(head.get() + 1, 5_000)]).expect("appended");
    }
    let head = store.head().get();
    drop(store);
    copy_folder(&after, &before);
    let store = open(OpenMode::Existing);
    let first = store.cuts()[1].first;
    store.trim(first, b"residue", &KEPT.map(Seq::new)).expect("trimmed");
    drop(store);
    (home, before, after, first.get(), head)
}

/// Both readers show these records, and end with this.
#[track_caller]
fn expect(dir: &Path, what: &str, code: i32, kept: &[u64], rest: std::ops::RangeInclusive<u64>) {
    let reading = reading(dir, what);
    let seqs = reading.lines.iter().map(|line| line["seq"].as_u64().expect("a position"));
    assert!(seqs.eq(kept.iter().copied().chain(rest)), "{what}");
    assert_eq!(reading.code, Some(code), "{what}");
}

fn copied(from: &Path, what: impl FnOnce(&Path)) -> (TempDir, PathBuf) {
    let (home, dir) = home();
    copy_folder(from, &dir);
    what(&dir);
    (home, dir)
}

#[test]
fn kept_records_come_first_and_dropped_segments_are_left_out() {
    let (_home, before, after, first, head) = trimmed();
    expect(&before, "before", 0, &[], 1..=head);
    expect(&after, "after", 0, &KEPT, first..=head);
    for name in ["BASE", "BASE.copy"] {
        let add = |dir: &Path| {
            fs::copy(after.join("BASE"), dir.join(name)).expect("copied");
        };
        let (_home, dir) = copied(&before, add);
        expect(&dir, name, 0, &KEPT, first..=head);
        let (_home, dir) = copied(&after, |dir| fs::remove_file(dir.join(name)).expect("there"));
        expect(&dir, name, 0, &KEPT, first..=head);
    }
}

#[test]
fn a_spoilt_base_is_judged_alike() {
    let (_home, _, after, first, head) = trimmed();
    let sound = fs::read(after.join("BASE")).expect("readable");
    let spoil = |dir: &Path, name: &str, at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(dir.join(name), bytes).expect("written");
    };
    let places = [0, 5, 6, 12, 31, 43, 45, 63, 71, 73, 82, 90];
    for at in places.into_iter().chain([sound.len() - 1]) {
        let (_home, dir) = copied(&after, |dir| spoil(dir, "BASE", at));
        expect(&dir, &format!("byte {at}"), 0, &KEPT, first..=head);
        spoil(&dir, "BASE.copy", at);
        expect(&dir, &format!("byte {at} of both"), 1, &[], first..=head);
    }
    for length in [0, 80, sound.len() - 1] {
        let cut = |dir: &Path| {
            for name in ["BASE", "BASE.copy"] {
                fs::write(dir.join(name), &sound[..length]).expect("written");
            }
        };
        let (_home, dir) = copied(&after, cut);
        expect(&dir, &format!("{length} bytes"), 1, &[], first..=head);
    }
    let renew = |dir: &Path| {
        let mut bytes = sound.clone();
        bytes[5] = 3;
        let crc = crc32c::crc32c(&bytes[..76]).to_be_bytes();
        bytes[76..80].copy_from_slice(&crc);
        fs::write(dir.join("BASE"), bytes).expect("written");
    };
    let (_home, dir) = copied(&after, renew);
    expect(&dir, "newer", 6, &KEPT, first..=head);
    fs::remove_file(dir.join("BASE.copy")).expect("there");
    expect(&dir, "newer alone", 6, &[], first..=head);
}

#[test]
fn a_journal_is_sound_again_once_a_record_tells_that_its_base_is_lost() {
    let (_home, _, after, first, head) = trimmed();
    for name in ["BASE", "BASE.copy"] {
        fs::remove_file(after.join(name)).expect("there");
    }
    assert_eq!(dump("verify", &after).status.code(), Some(1));
    let store = DiskStore::open(&after, OpenMode::Existing, Durability::Power).expect("opened");
    assert!(store.mended().is_some(), "it is told");
    store.close();
    drop(store);
    expect(&after, "told", 0, &[], first..=head + 1);
    for (command, words) in [("verify", "provable up to"), ("ls", "RUN"), ("stats", "total")] {
        let output = dump(command, &after);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{command}: {said}");
        assert!(said.contains(words), "{command}: {said}");
    }
    // As a crash leaves it in front of the record that tells it.
    for name in ["BASE", "BASE.copy"] {
        let mut bytes = fs::read(after.join(name)).expect("readable");
        bytes[7] |= 2;
        let crc = crc32c::crc32c(&bytes[..76]).to_be_bytes();
        bytes[76..80].copy_from_slice(&crc);
        fs::write(after.join(name), bytes).expect("written");
    }
    let output = dump("verify", &after);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("are lost, which the next opening records"), "{said}");
}

/// How often a journal is looked at while it is trimmed.
const TURNS: u64 = 3;
/// Records that are added at each look.
const STEP: u64 = 50;

/// Segments go while both readers look, with nothing between them.
#[test]
fn a_journal_is_whole_at_every_moment_while_it_is_trimmed() {
    let (home, dir) = home();
    let open = DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Process);
    let (store, end) = (open.expect("created"), AtomicU64::new(STEP));
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while end.load(Ordering::Relaxed) > 0 {
                let head = store.head();
                if head.get() >= end.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                    continue;
                }
                let more: Vec<_> = (1..8).map(|n| record(head.get() + n, 7_000)).collect();
                store.append(head, &more).expect("appended");
                if let Some(cut) = store.cuts().last() {
                    store.trim(cut.first, b"residue", &KEPT.map(Seq::new)).expect("trimmed");
                }
            }
        });
        while store.first() == Seq::new(1) {
            std::thread::yield_now();
        }
        for turn in 0..TURNS {
            for ask in [python, |dir: &Path| dump("log", dir)] {
                end.fetch_add(STEP, Ordering::Relaxed);
                seen.push((store.head().get(), ask(&dir)));
            }
            let file = home.path().join(format!("{turn}.rjar"));
            export(&dir, &file, None).expect("exported");
            assert_eq!(Archive::open(&file).expect("whole").kept(), KEPT.len() as u64);
        }
        end.store(0, Ordering::Relaxed);
    });
    for (before, output) in seen {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        if !output.stdout.starts_with(b"{") {
            continue;
        }
        let lines = Reading::of(&output).lines;
        assert_eq!(lines[0]["seq"], 1, "the first that was kept");
        let seqs: Vec<_> = lines.iter().map(|line| line["seq"].as_u64().expect("one")).collect();
        assert!(seqs.is_sorted_by(|a, b| a < b) && seqs.last() >= Some(&before), "{before}");
    }
}
