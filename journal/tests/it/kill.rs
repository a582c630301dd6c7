//! A writer that is killed at any moment loses nothing that it was told to be durable.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use resurge_journal::event::Event;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{
    DiskStore, Durability, FRAME_BYTES_MAX, Follow, News, OpenMode, Store,
};
use resurge_journal::{Record, Seq};

use crate::fixture::home;

const DIR: &str = "RESURGE_TEST_WRITER_DIR";
const ACK: &str = "acked ";

#[test]
fn kill_nine_loses_nothing_acknowledged() {
    let (_home, dir) = home();
    let mut acked = 1;
    for cycle in 0..40_u64 {
        acked = write_and_kill(&dir, acked + 1 + cycle * 7 % 60);
        let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
        assert!(store.head() >= Seq::new(acked), "cycle {cycle}: {} of {acked}", store.head());
        let records: Vec<_> = store.scan(Seq::new(2)).map(|found| found.expect("whole")).collect();
        assert_eq!(records.len() as u64, store.head().get() - 1);
        // The store itself records what it cut off: a batch that was never acknowledged.
        let is_ours = |shown: &Record| matches!(shown.event, Event::TailCut(_));
        assert!(records.iter().all(|one| is_ours(one) || *one == written(one.seq.get())));
    }
    let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    let is_large = |found: &Record| matches!(&found.event, Event::RunParked(event) if event.reason.len() > FRAME_BYTES_MAX);
    let large = store.scan(Seq::new(2)).flatten().filter(is_large).count();
    assert!(large > 10, "{large}");
    // What was written for commits that never were is gone once it was noticed.
    while std::fs::read_dir(dir.join("payloads")).expect("there").count() != large {
        std::thread::yield_now();
    }
}

/// What a writer writes at a position; now and then something larger than a frame.
fn written(seq: u64) -> Record {
    record(seq, if seq.is_multiple_of(11) { 20_000 } else { 200 })
}

/// What a writer left half done is cut off by the next one; who follows sees neither.
#[test]
fn a_follower_sees_every_record_once_while_writers_die() {
    let (_home, dir) = home();
    drop(DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Power).expect("created"));
    let mut follow = Follow::open(&dir, Seq::new(2)).expect("there");
    let mut shown = Vec::new();
    let mut acked = 1;
    for cycle in 0..12_u64 {
        acked = write_and_kill(&dir, acked + 1 + cycle * 11 % 60);
        loop {
            let news = follow.poll().expect("readable");
            if news.is_empty() {
                break;
            }
            shown.extend(news.into_iter().map(|news| match news {
                News::Record(record) => record,
                other => panic!("{other:?}"),
            }));
        }
        assert!(shown.len() as u64 + 1 >= acked, "cycle {cycle}: {} of {acked}", shown.len());
    }
    let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    let there: Vec<_> = store.scan(Seq::new(2)).map(|found| found.expect("whole")).collect();
    assert_eq!(shown, there.get(..shown.len()).expect("not more than there is"));
}

/// The writer is killed somewhere between its start and its first records.
#[test]
fn a_creation_that_is_killed_can_be_done_again() {
    for _ in 0..20 {
        let (_home, dir) = home();
        let mut child = spawn(&dir);
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let said = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("running"));
        assert!(said.is_some(), "the test harness speaks before the writer begins");
        child.kill().expect("killed");
        let acked = lines.map_while(Result::ok).filter_map(|line| ack_of(&line)).last();
        child.wait().expect("ended");
        let store = DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Power);
        let store = store.expect("made anew, or as it was");
        assert!(store.head() >= Seq::new(acked.unwrap_or(1)));
        store.append(store.head(), &[record(store.head().get() + 1, 0)]).expect("usable");
    }
}

fn spawn(dir: &Path) -> Child {
    Command::new(env::current_exe().expect("known"))
        .args(["--exact", "kill::writer", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

/// Lets a writer run until it has acknowledged a record, kills it, and returns the last one it told.
fn write_and_kill(dir: &Path, until: u64) -> u64 {
    let mut child = spawn(dir);
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut acked = 0;
    while acked < until {
        let line = lines.next().expect("the writer writes on").expect("readable");
        acked = ack_of(&line).unwrap_or(acked);
    }
    child.kill().expect("killed");
    // What it told between the decision and the kill counts as well.
    for line in lines.map_while(Result::ok) {
        acked = ack_of(&line).unwrap_or(acked);
    }
    child.wait().expect("ended");
    acked
}

/// The number in a whole line; the last one may be cut off by the kill.
fn ack_of(line: &str) -> Option<u64> {
    line.strip_prefix(ACK)?.strip_suffix('.')?.parse().ok()
}

/// Not a test: the process that is killed above. Writes batches of one to nine records.
#[test]
#[ignore = "runs as the child of another test"]
fn writer() {
    let Some(dir) = env::var_os(DIR) else { return };
    let store = DiskStore::open(dir, OpenMode::CreateIfMissing, Durability::Power).expect("opened");
    let mut out = std::io::stdout();
    loop {
        let head = store.head();
        let batch: Vec<_> =
            (head.get() + 1..=head.get() + 1 + head.get() % 9).map(written).collect();
        let head = store.append(head, &batch).expect("appended");
        writeln!(out, "{ACK}{head}.").expect("the parent listens");
        out.flush().expect("the parent listens");
    }
}
