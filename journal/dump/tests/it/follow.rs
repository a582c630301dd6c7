//! `journal-dump log --follow` from end to end.

#![expect(clippy::indexing_slicing, reason = "a field that is not there fails its test")]

use std::io::{BufRead, BufReader, Lines, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use resurge_journal::event::Event;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{DiskStore, Durability, OpenMode, Store};
use resurge_journal::{Record, Seq};
use serde_json::Value;

use crate::fixture::{create, edit, frames, home, remove, segment};
use crate::story::{story, with_story};

/// A follower at work; ended with this.
struct Follower {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Follower {
    fn start(args: &[&str], dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_journal-dump"));
        command.args(["log", "--follow", "--format", "jsonl"]).args(args).arg(dir);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines }
    }

    /// The next line; waits for it.
    #[track_caller]
    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("it goes on").expect("readable");
        serde_json::from_str(&line).expect("JSON")
    }

    #[track_caller]
    fn expect(&mut self, from: u64, to: u64) {
        for seq in from..=to {
            assert_eq!(self.next()["seq"], seq);
        }
    }

    /// Ends it; gives what it said beside the lines.
    fn end(mut self) -> String {
        self.child.kill().expect("still at work");
        let mut said = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut said).expect("UTF-8");
        self.child.wait().expect("ended");
        said
    }
}

fn reopen(dir: &Path) -> DiskStore {
    DiskStore::open(dir, OpenMode::Existing, Durability::Power).expect("opened")
}

fn append(store: &DiskStore, to: u64) {
    for seq in store.head().get() + 1..=to {
        store.append(store.head(), &[record(seq, 4_000)]).expect("appended");
    }
}

/// Prints how long a record takes from its acknowledgement to the reader's line.
#[test]
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures")]
fn what_is_recorded_is_shown_soon() {
    let (_home, dir) = home();
    let store = create(&dir);
    let mut follower = Follower::start(&[], &dir);
    follower.expect(1, 1);
    let mut took: Vec<Duration> = (2..=200)
        .map(|seq| {
            append(&store, seq);
            let acknowledged = Instant::now();
            follower.expect(seq, seq);
            acknowledged.elapsed()
        })
        .collect();
    took.sort();
    println!("from commit to line: median {:?}, longest {:?}", took[took.len() / 2], took[198]);
    assert_eq!(follower.end(), "");
}

#[test]
fn it_follows_over_sessions_and_segments() {
    let (_home, dir) = home();
    append(&create(&dir), 10);
    let mut follower = Follower::start(&[], &dir);
    follower.expect(1, 10);
    for to in [11, 300, 700, 705] {
        let store = reopen(&dir);
        let from = store.head().get() + 1;
        append(&store, to);
        follower.expect(from, to);
    }
    assert!(dir.join("segments/00000003.seg").exists(), "there are several segments");
    assert_eq!(follower.end(), "");
}

#[test]
fn a_torn_end_is_not_shown_and_what_was_lost_is_told() {
    let (_home, dir) = home();
    append(&create(&dir), 10);
    let mut follower = Follower::start(&[], &dir);
    follower.expect(1, 10);
    edit(&segment(&dir), |bytes| bytes.extend_from_slice(b"RJ half a frame"));
    let store = reopen(&dir);
    assert!(matches!(store.mended(), Some(Event::TailCut(_))));
    append(&store, 12);
    drop(store);
    assert_eq!(follower.next()["event"], "tail_cut");
    follower.expect(12, 12);

    remove(&dir.join("index"));
    edit(&segment(&dir), |bytes| {
        let at = frames(bytes)[5];
        bytes[at + 30] ^= 1;
    });
    append(&reopen(&dir), 8);
    let recovered = follower.next();
    assert_eq!((&recovered["event"], &recovered["seq"]), (&"journal_recovered".into(), &6.into()));
    follower.expect(7, 8);
    let said = follower.end();
    assert!(said.contains("records 6 to 12 are not part of the journal any more"), "{said}");
}

#[test]
fn one_run_is_followed() {
    let (_home, dir) = home();
    let store = create(&dir);
    let records = story();
    let (begin, rest) = records.split_at(3);
    store.append(Seq::new(1), begin).expect("appended");
    let mut follower = Follower::start(&["--run", "model a"], &dir);
    follower.expect(3, 4);
    store.append(store.head(), rest).expect("appended");
    follower.expect(5, 8);
    assert_eq!(follower.end(), "");
}

#[test]
fn a_journal_and_a_run_are_waited_for_if_told_so() {
    let (_home, dir) = home();
    let mut patient = Follower::start(&["--wait"], &dir);
    let store = create(&dir);
    patient.expect(1, 1);
    let mut patient_for_run = Follower::start(&["--wait", "--run", "model a"], &dir);
    store.append(store.head(), &story()).expect("appended");
    patient.expect(2, 11);
    patient_for_run.expect(3, 8);
    assert_eq!(patient.end() + &patient_for_run.end(), "");
}

#[test]
fn without_that_a_missing_journal_or_run_is_told_at_once() {
    let (_home, dir) = home();
    let end = |args: &[&str]| {
        let mut follower = Follower::start(args, &dir);
        assert!(follower.lines.next().is_none());
        follower.child.wait().expect("ended").code()
    };
    assert_eq!(end(&[]), Some(3));
    with_story(&dir);
    assert_eq!(end(&["--run", "nobody"]), Some(7));
    assert_eq!(end(&["--run", "aaaa"]), Some(2));
}

#[test]
fn runs_are_explained_while_somebody_writes() {
    let (_home, dir) = home();
    let store = create(&dir);
    store.append(Seq::new(1), &story()).expect("appended");
    for args in [&["why", "model b"][..], &["stats"], &["ls"], &["breakers"], &["show", "model a"]]
    {
        let output = crate::dump::dump(args, &dir);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(output.stderr.is_empty());
    }
    let more: Vec<Record> = vec![record(12, 10)];
    store.append(store.head(), &more).expect("the writer goes on");
}

#[test]
fn who_follows_a_trimmed_journal_sees_what_was_kept_first() {
    let (_home, dir) = home();
    let store = create(&dir);
    let mut early = Follower::start(&[], &dir);
    early.expect(1, 1);
    while store.cuts().is_empty() {
        append(&store, store.head().get() + 1);
    }
    early.expect(2, store.head().get());
    let first = store.cuts()[0].first;
    store.trim(first, b"residue", &[Seq::new(2), Seq::new(5)]).expect("trimmed");
    let mut late = Follower::start(&[], &dir);
    late.expect(2, 2);
    late.expect(5, 5);
    late.expect(first.get(), store.head().get());
    append(&store, store.head().get() + 1);
    for mut follower in [early, late] {
        follower.expect(store.head().get(), store.head().get());
        let said = follower.end();
        assert!(said.is_empty() || said.contains("dropped by retention"), "{said}");
    }
}
