//! `journal-dump simulate` from end to end.

#![expect(clippy::indexing_slicing, reason = "a line that is not there fails its test")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use resurge::ResourceKey;
use resurge::lab::{Operation, Outage, Policy, Scenario, record};
use resurge_journal::store::Store;
use serde_json::Value;

use crate::fixture::{contents, create, home};

fn simulate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_journal-dump"));
    command.arg("simulate").args(args).output().expect("started")
}

#[track_caller]
fn expect(args: &[&str], code: i32) -> String {
    let output = simulate(args);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    assert_eq!(code == 0, err.is_empty(), "{err}");
    if code == 0 { out } else { err }
}

#[track_caller]
fn object(args: &[&str]) -> Value {
    let json = [args, &["--format", "json"]].concat();
    let text = expect(&json, 0);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

/// Twenty downloads, one every 30 s, of a host that is away for five minutes.
fn scenario() -> Scenario {
    let seconds = Duration::from_secs;
    let host = ResourceKey::host("https", "models.example", 443).expect("a key");
    let operation =
        |n: u64| Operation { needs: host.clone(), arrives: seconds(30 * n), takes: seconds(40) };
    Scenario {
        operations: (0..20).map(operation).collect(),
        outages: vec![Outage { of: host.clone(), from: seconds(100), to: seconds(400) }],
        fails_after: seconds(5),
        moves_bytes: false,
        seed: 5,
    }
}

fn with_outage(dir: &Path) {
    let records = record(&scenario(), &Policy::downloads()).expect("a sound policy");
    let store = create(dir);
    store.append(store.head(), &records).expect("they follow the first record");
}

#[test]
fn the_default_policy_outlives_minutes_and_no_breaker_does_not() {
    let default = object(&["--runs", "20"]);
    assert_eq!((&default["v"], &default["simulated"]["operations"]), (&1.into(), &60.into()));
    assert_eq!(default["simulated"]["completed_percent"], 100.0);
    assert!(default["simulated"]["probes"].as_u64() > Some(0), "{default}");

    let without = object(&["--runs", "20", "--no-breaker"]);
    assert_eq!(without["simulated"]["completed"], 0);
    assert_eq!(without["simulated"]["attempts_in_outage_per_operation"], 6.0);
    assert_eq!(without["simulated"]["lag_mean_ms"], Value::Null);
}

#[test]
fn every_option_says_something() {
    let plain = &["--outage", "30s"][..];
    let long = &["--outage", "90s"][..];
    let one_by_one = &["--attempts-in-flight", "1"][..];
    for (base, option) in [
        (plain, &["--operations", "7"][..]),
        (plain, &["--hosts", "3"]),
        (&[], &["--outage", "10s..20s"]),
        (one_by_one, &["--takes", "10m"]),
        (plain, &["--fails-after", "1s"]),
        (plain, &["--moves-bytes"]),
        (plain, &["--max-retries", "1"]),
        (plain, &["--initial-delay", "9s"]),
        (&["--no-breaker"], &["--backoff-factor", "1"]),
        (&["--no-breaker"], &["--max-delay", "3s"]),
        (plain, &["--breaker-threshold", "2"]),
        (long, &["--breaker-timeout", "20s"]),
        (plain, &["--first-break", "60s"]),
        (plain, &["--fixed"]),
        (plain, &["--fail-fast"]),
        (plain, &["--no-breaker"]),
        (plain, one_by_one),
        (plain, &["--seed", "2"]),
    ] {
        let base = [&["--runs", "3"], base].concat();
        let before = object(&base);
        assert_ne!(object(&[&base, option].concat()), before, "{option:?}");
        assert_eq!(object(&base), before, "the same seed gives the same result");
    }
}

#[test]
fn people_get_a_line_under_its_header_and_a_table() {
    let text = expect(&["--runs", "3"], 0);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("OPERATIONS  COMPLETED"), "{text}");
    assert!(lines.len() == 2 && lines[1].contains("100.0 %"), "{text}");

    let table = expect(&["--table", "--runs", "3"], 0);
    assert_eq!(table.lines().count(), 7, "{table}");
    let row = |letter: &str| {
        table.lines().find(|line| line.starts_with(letter)).expect("a row").to_owned()
    };
    assert_eq!(row("A ").matches(" 0 / 6.0 / - ").count(), 3, "{table}");
    assert_eq!(row("F ").matches(" 100 / ").count(), 5, "{table}");
    let cells = expect(&["--table", "--runs", "1", "--format", "json"], 0);
    assert_eq!(cells.lines().count(), 25);
}

#[test]
fn contradictions_are_wrong_usage() {
    for (args, part) in [
        (&["--no-breaker", "--fixed"][..], "cannot be used with"),
        (&["--first-break", "10m"], "--first-break is longer than --breaker-timeout"),
        (&["--backoff-factor", "0.5"], "the backoff factor must be a number of at least 1"),
        (&["--max-delay", "1s"], "lies below the first delay"),
        (&["--outage", "10m..1m"], "write the shorter length first"),
        (&["--takes", "90"], "write it like 90s"),
        (&["--table", "--operations", "3"], "cannot be used with"),
        (&["somewhere", "--operations", "3"], "cannot be used with"),
        (&["--runs", "0"], "0 is not in"),
    ] {
        let err = expect(args, 2);
        assert!(err.contains(part), "{args:?}: {err}");
    }
}

#[test]
fn a_recorded_journal_is_run_again_under_another_policy() {
    let (_home, dir) = home();
    with_outage(&dir);
    let before = contents(&dir);
    let dir_text = dir.to_str().expect("UTF-8");

    let same = object(&[dir_text, "--attempts-in-flight", "64"]);
    let truth = resurge::lab::simulate(&scenario(), &Policy::downloads()).expect("sound");
    assert_eq!(same["happened"]["operations"], 20);
    assert_eq!(same["happened"]["attempts"], truth.attempts);
    assert_eq!(same["happened"]["completed"], 20);
    assert_eq!(same["simulated"]["completed"], 20);
    assert_eq!(same["confidence"]["outages"], 1);
    assert!(same["confidence"]["samples"].as_u64() >= Some(20), "{same}");
    let observed = same["confidence"]["observed_percent"].as_f64().expect("a number");
    assert!(observed > 10.0 && observed < 100.0, "{same}");

    let without = object(&[dir_text, "--no-breaker"]);
    assert_eq!(without["happened"], same["happened"]);
    assert!(without["simulated"]["exhausted"].as_u64() > Some(0), "{without}");

    let text = expect(&[dir_text, "--no-breaker"], 0);
    for part in ["happened ", "simulated ", "at 1 hosts", "1 outages", "of the time was observed"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert_eq!(contents(&dir), before, "the journal is not touched");
}

#[test]
fn too_little_is_no_ground_for_conclusions() {
    let (_home, dir) = home();
    with_outage(&dir);
    let dir_text = dir.to_str().expect("UTF-8");
    let err = expect(&[dir_text, "--min-samples", "1000"], 7);
    assert!(err.contains("at least 1000 are needed"), "{err}");

    let (_home, empty) = home();
    drop(create(&empty));
    let err = expect(&[empty.to_str().expect("UTF-8")], 7);
    assert!(err.contains("shows 0 attempts and probes"), "{err}");

    let err = expect(&[empty.with_extension("missing").to_str().expect("UTF-8")], 3);
    assert!(err.contains("there is no journal"), "{err}");
}
