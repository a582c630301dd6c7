//! `journal-dump why`, `stats` and `breakers` from end to end.

#![expect(clippy::indexing_slicing, reason = "a line that is not there fails its test")]

use std::path::Path;

use resurge_journal::Seq;
use resurge_journal::event::{AttemptStarted, RunPaused};
use resurge_journal::store::{DiskStore, Durability, OpenMode, Store};
use resurge_journal::{AttemptNo, Record, Timestamp};
use serde_json::{Value, json};

use crate::dump::{dump, err, expect, lines, out};
use crate::fixture::{contents, home};
use crate::story::{HELD_RUN, NOON, OPEN_RUN, spoil, step, the_host, with_outage, with_story};

/// One object and nothing else.
fn object(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(text).expect("JSON")
}

fn why_json(dir: &Path, run: &str, at: &str) -> Value {
    object(&expect(&dump(&["why", run, "--format", "json", "--at", at], dir), 0))
}

#[test]
fn why_tells_the_delay_and_what_to_do() {
    let (_home, dir) = home();
    with_story(&dir);
    let text = expect(&dump(&["why", "model b", "--at", "2026-11-21T10:00:04Z"], &dir), 0);
    for part in [
        "run aaaa2222-0000-0000-0000-000000000002 (install-model version 3, key model b): Recovering",
        "waits for retry 1 of 3, due at 2026-11-21T10:00:05.000Z, in 1 s",
        "last failure: server (http_503): busy \\u{1b}[31m",
        "exponential, retry 1: 1.5 s",
        "- see to step `download`: wait",
        "- retry now:",
        "- cancel:",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn why_in_json_has_the_documented_names() {
    let (_home, dir) = home();
    with_story(&dir);
    let why = why_json(&dir, "aaaa2", "2026-11-21T10:00:04Z");
    assert_eq!(why["run"], OPEN_RUN.to_string());
    assert_eq!((&why["status"], &why["step"]), (&json!("recovering"), &json!("download")));
    assert_eq!(why["cause"]["is"], "backoff");
    assert_eq!(why["cause"]["due_at"], "2026-11-21T10:00:05.000Z");
    assert_eq!(why["cause"]["remaining_ms"], 1_000);
    assert_eq!(why["cause"]["parts"]["curve_ms"], 1_500);
    assert_eq!(why["steps"][0]["cause"], why["cause"]);
    let actions: Vec<&str> = why["actions"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|a| a["is"].as_str())
        .collect();
    let expected =
        ["heed", "retry_now", "force_retry", "skip", "pause", "cancel_recovery", "cancel"];
    assert_eq!(actions, expected);
}

#[test]
fn why_says_that_a_time_has_passed_and_that_an_engine_is_needed() {
    let (_home, dir) = home();
    with_story(&dir);
    let text = expect(&dump(&["why", "model b", "--at", "2026-11-21T12:00:05Z"], &dir), 0);
    for part in ["is overdue", "2 h ago", "it is made when the engine runs again"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn why_speaks_of_now_if_not_told() {
    let (_home, dir) = home();
    with_story(&dir);
    let why = object(&expect(&dump(&["why", "model a", "--format", "json"], &dir), 0));
    let now: Timestamp = why["now"].as_str().expect("a time").parse().expect("RFC 3339");
    let later: Timestamp = "2025-01-01T00:00:00Z".parse().expect("RFC 3339");
    assert!(now > later, "{now}");
    assert_eq!((&why["cause"]["is"], &why["actions"]), (&json!("done"), &json!([])));
}

#[test]
fn why_tells_the_breaker_and_the_place_in_the_queue() {
    let (_home, dir) = home();
    with_outage(&dir);
    let why = why_json(&dir, &HELD_RUN.to_string(), "2026-11-21T10:00:05Z");
    assert_eq!(
        why["cause"],
        json!({
            "is": "breaker", "key": the_host().as_str(), "position": 1, "queue": 1,
            "force_at": null,
            "gate": {
                "is": "open", "until": "2026-11-21T10:00:15.000Z", "remaining_ms": 10_000,
                "cause": "consecutive", "trips": 1,
            },
        })
    );
    let text = expect(&dump(&["why", "model c", "--at", "2026-11-21T10:01:00Z"], &dir), 0);
    assert!(text.contains("the break is over"), "{text}");
}

#[test]
fn why_finds_runs_as_show_does() {
    let (_home, dir) = home();
    with_story(&dir);
    assert_eq!(expect(&dump(&["why", "bbbb"], &dir), 7), "");
    assert_eq!(expect(&dump(&["why", "aaaa"], &dir), 2), "");
    assert_eq!(expect(&dump(&["why", "model a", "--at", "noon"], &dir), 2), "");
    for command in [&["why", "x"][..], &["stats"], &["breakers"]] {
        let output = dump(command, &dir.join("nowhere"));
        assert_eq!(expect(&output, 3), "", "{command:?}");
    }
}

#[test]
fn stats_have_the_names_that_other_programs_know() {
    let (_home, dir) = home();
    with_outage(&dir);
    let stats = object(&expect(&dump(&["stats", "--format", "json"], &dir), 0));
    assert_eq!(
        stats,
        json!({
            "v": 1, "total_operations": 3, "succeeded_operations": 1, "recovered_operations": 1,
            "failed_operations": 0, "cancelled_operations": 0, "average_recovery_time": 0.003,
            "retry_attempts": 1, "circuit_breaker_trips": 1, "success_rate": 1.0,
            "by_class": { "server": { "failures": 2, "retried": 2 } },
            "by_resource": {
                "host:https/example.org:443": {
                    "alive": 0, "failing": 0, "circuit_breaker_trips": 1,
                },
            },
        })
    );
    let text = expect(&dump(&["stats"], &dir), 0);
    for part in
        ["total operations        3\n", "success rate            100.0 %\n", "CLASS", "server"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn an_empty_journal_has_no_rates() {
    let (_home, dir) = home();
    drop(crate::fixture::create(&dir));
    let stats = object(&expect(&dump(&["stats", "--format", "json"], &dir), 0));
    assert_eq!(
        (&stats["success_rate"], &stats["average_recovery_time"]),
        (&Value::Null, &Value::Null)
    );
    assert!(expect(&dump(&["stats"], &dir), 0).contains("success rate            -\n"));
    assert_eq!(expect(&dump(&["breakers", "--format", "jsonl"], &dir), 0), "");
}

#[test]
fn breakers_are_listed_as_they_stand_at_a_moment() {
    let (_home, dir) = home();
    with_outage(&dir);
    let command = ["breakers", "--format", "jsonl", "--at", "2026-11-21T10:00:05Z"];
    let listed = lines(&expect(&dump(&command, &dir), 0));
    assert_eq!(
        listed[0],
        json!({
            "v": 1, "key": the_host().as_str(), "state": "open", "mode": "enforced", "epoch": 1,
            "cause": "consecutive", "since": "2026-11-21T10:00:00.012Z",
            "until": "2026-11-21T10:00:15.000Z", "trips": 1, "trips_ever": 1,
            "failures_in_row": 0, "held": 1, "actor": null, "reason": null,
        })
    );
    assert_eq!((&listed[1]["state"], &listed[1]["actor"]), (&json!("isolated"), &json!("ann")));
    let text = expect(&dump(&["breakers", "--at", "2026-11-21T10:00:30Z"], &dir), 0);
    assert!(text.contains("2026-11-21T10:00:15.000Z, over"), "{text}");
    assert!(text.contains("by ann: moving \\u{1b}[31m"), "{text}");
    let text = expect(&dump(&["breakers", "--at", "2026-11-21T10:02:00Z"], &dir), 0);
    assert!(!text.contains("isolated"), "that has ended:\n{text}");
}

#[test]
fn a_held_step_and_a_paused_run_are_shown() {
    let (_home, dir) = home();
    let head = with_outage(&dir);
    let text = expect(&dump(&["show", "model c"], &dir), 0);
    for part in [
        "download (download) waits behind host:https/example.org:443",
        "next      step `download` goes on when what it waits for has come",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let paused =
        RunPaused { actor: "ann".to_owned(), reason: "lunch".to_owned(), freezes_timers: false };
    let (seq, at) = (head.next(), Timestamp::from_millis(NOON + 60_000));
    let record = Record { seq, at, run: Some(HELD_RUN), event: paused.into() };
    let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    store.append(head, &[record]).expect("appended");
    drop(store);
    let text = expect(&dump(&["show", "model c"], &dir), 0);
    assert!(text.contains("nothing until it is resumed: ann paused it: lunch"), "{text}");
    let why = why_json(&dir, "model c", "2026-11-21T10:02:00Z");
    assert_eq!((&why["cause"]["is"], &why["cause"]["by"]), (&json!("paused"), &json!("ann")));
}

#[test]
fn what_is_wrong_with_a_journal_is_told_by_these_commands_too() {
    let (_home, dir) = home();
    with_outage(&dir);
    spoil(&dir, 12);
    for command in [&["why", "model b"][..], &["stats"], &["breakers"]] {
        let output = dump(command, &dir);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(err(&output).contains("damaged"), "{}", err(&output));
        assert!(!out(&output).is_empty(), "what is left is shown");
    }
    let lost = dump(&["why", "model c"], &dir);
    assert_eq!(lost.status.code(), Some(7), "its beginning does not follow any more");
}

#[test]
fn these_commands_change_nothing() {
    let (_home, dir) = home();
    with_outage(&dir);
    let before = contents(&dir);
    for command in [&["why", "model b"][..], &["stats"], &["breakers"]] {
        expect(&dump(command, &dir), 0);
    }
    assert_eq!(contents(&dir), before);
}

#[test]
fn an_attempt_under_way_is_told_with_what_happens_after_a_crash() {
    let (_home, dir) = home();
    let head = with_story(&dir);
    let started = AttemptStarted {
        step: step(),
        attempt: AttemptNo::new(2),
        charged: 1,
        max_attempts: 4,
        timeout_ms: Some(60_000),
        admission: vec![],
        forced: false,
    };
    let at = Timestamp::from_millis(NOON + 5_000);
    let record =
        Record { seq: Seq::new(head.get() + 1), at, run: Some(OPEN_RUN), event: started.into() };
    let store = DiskStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
    store.append(head, &[record]).expect("appended");
    drop(store);
    let text = expect(&dump(&["why", "model b", "--at", "2026-11-21T10:00:15Z"], &dir), 0);
    for part in ["runs attempt 2 for 10 s, at most 1 min", "if no engine runs it, it is begun anew"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}
