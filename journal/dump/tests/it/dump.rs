//! `journal-dump` from end to end.

#![expect(clippy::indexing_slicing, reason = "a line that is not there fails its test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use resurge_journal::event::Event;
use resurge_journal::store::conformance::record;
use resurge_journal::store::{DiskStore, Durability, OpenError, OpenMode, Store};
use resurge_journal::{Record, Seq};
use serde_json::{Value, json};

use crate::fixture::{contents, create, edit, home, segment};
use crate::story::{DONE_RUN, OPEN_RUN, add_frame, spoil, story, with_story};

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_journal-dump"));
    command.args(args);
    command
}

pub(crate) fn dump(args: &[&str], dir: &Path) -> Output {
    command(args).arg(dir).output().expect("started")
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[track_caller]
pub(crate) fn expect(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}{}", out(output), err(output));
    assert_eq!(code == 0, output.stderr.is_empty(), "{}", err(output));
    out(output)
}

#[track_caller]
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn json_lines_carry_the_fixed_names() {
    let (_home, dir) = home();
    let head = with_story(&dir);
    let lines = lines(&expect(&dump(&["log", "--format", "jsonl"], &dir), 0));
    let seqs: Vec<_> = lines.iter().map(|line| line["seq"].as_u64().expect("a number")).collect();
    assert_eq!(seqs, (1..=head.get()).collect::<Vec<_>>());

    assert_eq!(lines[0]["event"], "journal_created");
    assert_eq!(lines[0]["run"], Value::Null);
    assert_eq!(
        lines[2],
        json!({
            "v": 1, "seq": 3, "at": "2026-11-21T10:00:00.003Z", "run": DONE_RUN.to_string(),
            "event": "run_started", "workflow": "install-model", "version": 3, "key": "model a",
            "input": {"url": "http://x/", "size": 9_007_199_254_740_993_u64}, "deadline_at": null,
            "steps": [{"key": "download", "kind": "download", "needs": [], "max_attempts": 4,
                       "timeout_ms": null}],
        })
    );
    assert_eq!(
        lines[4],
        json!({
            "v": 1, "seq": 5, "at": "2026-11-21T10:00:00.005Z", "run": DONE_RUN.to_string(),
            "event": "attempt_failed", "step": "download", "attempt": 1, "class": "server",
            "group": "network", "kind": "http_503", "message": "busy \u{1b}[31m", "hint": "wait",
            "advice": "backoff", "retry_after_ms": null, "limit": null, "scope": "item",
            "applied": "maybe", "resource": null, "rule": "class.server",
            "evidence": { "facts": [], "texts": [] }, "charged": 1, "max_attempts": 4, "gained": 7, "reached": 7,
            "refunded": false, "streak": 1, "server_waited_ms": 0, "health": [],
            "verdict": "retry", "exhausted_by": null, "delay_ms": 1500,
            "due_at": "2026-11-21T10:00:05.000Z",
            "parts": {
                "curve_ms": 1500, "stretch": 1, "cap_ms": 60_000, "draw": 0.0, "spread_ms": 1500,
                "server_ms": null, "server_max_ms": 900_000, "budget_ms": 0, "at_once": false,
            },
        })
    );
    assert_eq!(lines[6]["event"], "attempt_succeeded");
    assert_eq!(lines[6]["output"], json!({"path": "/m"}));
    assert_eq!(lines[7]["event"], "run_succeeded");
}

#[test]
fn log_is_what_it_does_if_not_told() {
    let (_home, dir) = home();
    with_story(&dir);
    assert_eq!(out(&dump(&[], &dir)), expect(&dump(&["log"], &dir), 0));
    let jsonl = out(&dump(&["--format", "jsonl"], &dir));
    assert_eq!(jsonl, expect(&dump(&["log", "--format", "jsonl"], &dir), 0));
}

#[test]
fn human_lines_do_not_command_the_terminal() {
    let (_home, dir) = home();
    with_story(&dir);
    for args in [vec!["log"], vec!["show", "model a"]] {
        let text = expect(&dump(&args, &dir), 0);
        assert!(text.contains("busy \\u{1b}[31m"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn a_run_is_found_by_id_prefix_or_key() {
    let (_home, dir) = home();
    with_story(&dir);
    for run in [DONE_RUN.to_string().as_str(), "aaaa1", "AAAA1", "model a"] {
        let text = expect(&dump(&["log", "--format", "jsonl", "--run", run], &dir), 0);
        let lines = lines(&text);
        assert_eq!(lines.len(), 6, "{run}");
        assert!(lines.iter().all(|line| line["run"] == DONE_RUN.to_string()));
    }
}

#[test]
fn a_run_that_is_not_found_is_told_by_the_exit_code() {
    let (_home, dir) = home();
    with_story(&dir);
    for command in [["log", "--run"].as_slice(), &["show"]] {
        let missing = dump(&[command, &["nobody"]].concat(), &dir);
        assert_eq!(expect(&missing, 7), "");
        let ambiguous = dump(&[command, &["aaaa"]].concat(), &dir);
        assert_eq!(expect(&ambiguous, 2), "");
    }
}

#[test]
fn runs_are_listed() {
    let (_home, dir) = home();
    with_story(&dir);
    let listed = lines(&expect(&dump(&["ls", "--format", "jsonl"], &dir), 0));
    assert_eq!(
        listed[0],
        json!({
            "v": 1, "run": DONE_RUN.to_string(), "workflow": "install-model", "version": 3,
            "key": "model a", "status": "success", "attempts": 2,
            "started_at": "2026-11-21T10:00:00.003Z", "ended_at": "2026-11-21T10:00:00.008Z",
        })
    );
    assert_eq!(listed[1]["run"], OPEN_RUN.to_string());
    assert_eq!(listed[1]["status"], "recovering");
    assert_eq!(listed[1]["ended_at"], Value::Null);
    let human = expect(&dump(&["ls"], &dir), 0);
    assert_eq!(human.lines().count(), 3);
}

#[test]
fn a_run_is_shown_with_attempts_and_what_comes_next() {
    let (_home, dir) = home();
    with_story(&dir);
    let text = expect(&dump(&["show", "model b"], &dir), 0);
    for part in [
        "status    Recovering",
        "step      download (download) waits until 2026-11-21T10:00:05.000Z, 1 of 4 failures",
        "failed: server (http_503)",
        "hint  wait",
        "next      attempt 2 of step `download` at 2026-11-21T10:00:05.000Z",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let text = expect(&dump(&["show", "model a"], &dir), 0);
    for part in ["status    Success", "  #1", "  #2", "succeeded", "output    {\"path\":\"/m\"}"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn a_sound_journal_is_verified() {
    let (_home, dir) = home();
    with_story(&dir);
    let text = expect(&dump(&["verify"], &dir), 0);
    assert_eq!(text, "11 records readable in the segments, 2 runs, provable up to record 11\n");
}

#[test]
fn wrong_usage_is_told_by_the_exit_code() {
    for args in [vec![], vec!["log"], vec!["show", "x"], vec!["--format", "xml", "/"]] {
        let output = command(&args).output().expect("started");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_missing_journal_is_told_and_not_made() {
    let (home, dir) = home();
    for args in [vec![], vec!["ls"], vec!["verify"], vec!["show", "x"]] {
        let output = dump(&args, &dir);
        assert_eq!(expect(&output, 3), "");
        assert!(err(&output).contains("there is no journal"), "{}", err(&output));
    }
    assert_eq!(fs::read_dir(home.path()).expect("readable").count(), 0);
}

#[test]
fn what_is_not_a_journal_is_told_and_not_touched() {
    let (home, _) = home();
    let file = home.path().join("notes.txt");
    fs::write(&file, "mine").expect("written");
    let before = contents(home.path());
    for path in [home.path(), &file] {
        let output = dump(&["verify"], path);
        assert_eq!(expect(&output, 3), "");
        assert!(err(&output).contains("is not a journal"), "{}", err(&output));
    }
    assert_eq!(contents(home.path()), before);
}

#[test]
fn a_journal_in_use_is_shown_and_not_disturbed() {
    let (_home, dir) = home();
    let store = create(&dir);
    store.append(Seq::new(1), &story()).expect("appended");
    let log = expect(&dump(&["log", "--format", "jsonl"], &dir), 0);
    assert_eq!(lines(&log).len() as u64, store.head().get());
    expect(&dump(&["verify"], &dir), 0);
    let more = record(store.head().next().get(), 10);
    store.append(store.head(), &[more]).expect("the writer goes on");
    let log = expect(&dump(&["log", "--format", "jsonl"], &dir), 0);
    assert_eq!(lines(&log).len() as u64, store.head().get());
}

#[test]
fn a_look_changes_nothing_and_needs_no_right_to_write() {
    let (_home, dir) = home();
    with_story(&dir);
    let before = contents(&dir);
    set_writable(&dir, false);
    for args in [vec!["log"], vec!["ls"], vec!["verify"], vec!["show", "model a"]] {
        expect(&dump(&args, &dir), 0);
    }
    set_writable(&dir, true);
    assert_eq!(contents(&dir), before);
}

fn set_writable(path: &Path, is_writable: bool) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("readable") {
            set_writable(&entry.expect("readable").path(), is_writable);
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if is_writable { 0o700 } else { 0o500 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
    }
    #[cfg(not(unix))]
    let _ = is_writable;
}

#[test]
fn a_torn_end_is_left_out_with_a_warning_and_cut_by_the_next_opening() {
    let (_home, dir) = home();
    let head = with_story(&dir);
    edit(&segment(&dir), |bytes| bytes.extend_from_slice(b"RJ half a frame"));
    let whole = expect(&dump(&["log", "--format", "jsonl"], &dir), 5);
    assert_eq!(lines(&whole).len() as u64, head.get());
    let output = dump(&["verify"], &dir);
    expect(&output, 5);
    assert!(err(&output).contains("records 12 to 12 were never acknowledged"), "{}", err(&output));

    let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    assert!(matches!(store.mended(), Some(Event::TailCut(_))), "{:?}", store.mended());
    assert_eq!(store.head(), head.next());
    drop(store);
    let log = expect(&dump(&["log", "--format", "jsonl"], &dir), 0);
    assert_eq!(lines(&log).last().expect("lines")["event"], "tail_cut");
    expect(&dump(&["verify"], &dir), 0);
}

#[test]
fn a_record_that_was_durable_and_is_spoiled_is_named() {
    let (_home, dir) = home();
    with_story(&dir);
    spoil(&dir, 6);
    let log = dump(&["log", "--format", "jsonl"], &dir);
    let shown: Vec<_> = lines(&expect(&log, 1)).iter().map(|l| l["seq"].as_u64()).collect();
    assert_eq!(shown, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11].map(Some));
    assert!(err(&log).contains("the first record in doubt is 6"), "{}", err(&log));
    let verify = expect(&dump(&["verify"], &dir), 1);
    assert!(verify.contains("unreadable: record 6 is not readable"), "{verify}");
    assert!(verify.contains("first bad record: 6"), "{verify}");
    assert!(
        verify.contains("10 records readable in the segments, 1 runs, provable up to record 5"),
        "{verify}"
    );

    let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    let Some(Event::JournalRecovered(mended)) = store.mended() else {
        panic!("{:?}", store.mended())
    };
    assert_eq!((mended.lost_from, mended.lost_to), (Some(Seq::new(6)), Some(Seq::new(11))));
    drop(store);
    let log = expect(&dump(&["log", "--format", "jsonl"], &dir), 0);
    let line = lines(&log).pop().expect("lines");
    assert_eq!(line["event"], "journal_recovered");
    assert_eq!(
        (&line["seq"], &line["lost_from"], &line["lost_to"]),
        (&6.into(), &6.into(), &11.into())
    );
}

#[test]
fn an_illegal_record_is_named() {
    let (_home, dir) = home();
    let store = create(&dir);
    let mut records = story();
    let mut twice = records[1].clone();
    twice.seq = Seq::new(12);
    records.push(twice);
    store.append(Seq::new(1), &records).expect("the store does not fold");
    drop(store);
    let verify = expect_findings(&dump(&["verify"], &dir));
    assert!(verify.contains("first bad record: 12"), "{verify}");
    assert!(verify.contains("provable up to record 11"), "{verify}");
}

/// Findings stand in the output; there is nothing to say beside them.
fn expect_findings(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    out(output)
}

#[test]
fn a_newer_folder_or_record_is_told_from_damage() {
    let (_home, dir) = home();
    let head = with_story(&dir);
    add_frame(&dir, |frame| {
        frame.splice(4..6, 0x09FF_u16.to_be_bytes());
    });
    let shown = expect(&dump(&["log", "--format", "jsonl"], &dir), 6);
    assert_eq!(lines(&shown).len() as u64, head.get());
    let refused = DiskStore::open(&dir, OpenMode::Existing, Durability::Power);
    assert!(matches!(refused, Err(OpenError::NewerFormat { .. })), "{refused:?}");

    fs::write(dir.join("FORMAT"), r#"{"format":3}"#).expect("written");
    assert_eq!(expect(&dump(&["log"], &dir), 6), "");
}

#[test]
fn a_reader_may_stop_early() {
    let (_home, dir) = home();
    let store = create(&dir);
    let records: Vec<Record> = (2..200).map(|seq| record(seq, 4000)).collect();
    store.append(Seq::new(1), &records).expect("appended");
    drop(store);

    let mut log = command(&["log"]);
    let mut child =
        log.arg(&dir).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let mut first = String::new();
    BufReader::with_capacity(64, child.stdout.take().expect("piped"))
        .read_line(&mut first)
        .expect("a line");
    let output = child.wait_with_output().expect("ended");
    assert_eq!(expect(&output, 0), "");
    assert!(first.contains("journal_created"), "{first}");
}
