//! What was written once stays readable, and the page says what it is.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::event::{BreakerMode, Ease, OpenCause, Sign};
use crate::failure::Class;
use crate::id::{AttemptNo, BreakerEpoch, Epoch, Seq, StepIndex};
use crate::json::Json;
use crate::policy::BreakerSpec;
use crate::retention::residue::{Loss, Opening, Past, Residue};
use crate::retention::{BaseError, RESIDUE_VERSION, ResidueError, base_state};
use crate::state::tests::world::{host, run_id};
use crate::state::{
    Breaker, ClassStats, Gate, Probe, ResourceStats, Sample, SetMode, State, Stats, Trimmed,
    Tuning, Wave,
};
use crate::time::Timestamp;

const PAGE: &str = include_str!("../../../../docs/journal-format.md");
/// As the first release that dropped records wrote it. Never changed: add another beside it.
const FIRST: &[u8] = include_bytes!("residue-1.json");

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn half_open() -> Breaker {
    let (run, step) = (run_id(7), StepIndex::new(2));
    let probe = Probe { run, step, attempt: AttemptNo::new(3), lease_until: at(90) };
    let gate = Gate::HalfOpen {
        since: at(50),
        probe: Some(probe),
        passed: 1,
        needed: 2,
        lease_ms: 60_000,
        failed: true,
        lost: Some((run, step, 1)),
    };
    let mode = SetMode {
        mode: BreakerMode::Shadow,
        until: Some(at(1_000)),
        actor: "alice".to_owned(),
        reason: "to see".to_owned(),
    };
    let sample = Sample { seq: Seq::new(30), at: at(44), run, sign: Sign::Failing, took_ms: 12 };
    Breaker {
        epoch: BreakerEpoch::new(4),
        gate,
        mode: Some(mode),
        trips: 2,
        closed_at: Some(at(20)),
        failures_in_row: 5,
        samples: [sample].into(),
        spec: Some(BreakerSpec { slow_after_ms: Some(9), ..BreakerSpec::default() }),
        wave: Some(Wave { number: 1, next_at: at(70) }),
        throttled: Some((run, at(80))),
        trips_ever: 6,
        culprit: Some(run),
        needed: Seq::new(31),
    }
}

fn open() -> Breaker {
    let (since, until) = (at(5), at(95));
    let gate = Gate::Open { since, until, cause: OpenCause::Rate, looks_alive: true };
    Breaker { gate, epoch: BreakerEpoch::new(1), ..Breaker::default() }
}

fn stats() -> Stats {
    let class = ClassStats { failures: 9, retried: 8 };
    let resource = ResourceStats { alive: 1, failing: 2, trips: 3 };
    Stats {
        total: 100,
        succeeded: 70,
        recovered: 20,
        failed: 15,
        cancelled: 5,
        retry_attempts: 33,
        breaker_trips: 6,
        recovery_ms: 12_345,
        by_class: [(Class::Network, class)].into(),
        by_resource: [(host("a"), resource)].into(),
    }
}

/// One with a value in every field.
fn sample() -> Residue {
    let mut global = State::new().global();
    global.head = Seq::new(40);
    global.last_at = at(99);
    global.epoch = Epoch::new(3);
    global.crowd = 2;
    global.breakers =
        [(host("a"), half_open()), (host("b"), open()), (host("c"), Breaker::default())].into();
    global.budgets = [(host("a"), at(60))].into();
    global.tuning = Tuning { max_retries: Some(7), backoff_factor: Some(1.5), ..Tuning::default() };
    global.stats = stats();
    global.ease = Some(Ease { until: at(120), in_flight_max: 4 });
    let (flow, step) = ("flow".parse().expect("a slug"), "a".parse().expect("a slug"));
    global.lints = [(flow, 1, step, "short".to_owned())].into();
    global.trimmed = Trimmed { first: Seq::new(41), runs: 88, reopened: BTreeMap::new() };
    let opening = Opening { seq: Seq::new(2), epoch: Epoch::new(1), crowd: 0 };
    let loss = Loss { seq: Seq::new(9), from: Seq::new(8), to: Seq::new(8) };
    let past = Past { openings: vec![opening], losses: vec![loss] };
    Residue { global, past, is_bereft: false }
}

#[test]
fn what_the_first_release_wrote_is_read() {
    let expected = sample();
    assert_eq!(Residue::decode(FIRST).expect("it is read for ever"), expected);
    let state = base_state(FIRST, []).expect("no run was kept");
    assert_eq!(
        (state.head(), state.first(), state.stats().total),
        (Seq::new(40), Seq::new(41), 100)
    );
    assert_eq!(state.breaker(&host("a")), Some(&half_open()));
}

#[test]
fn what_is_written_today_is_what_the_page_says() {
    assert_eq!(RESIDUE_VERSION, 1, "a new version needs a frozen sample and its rows");
    let value: Value = serde_json::from_slice(&sample().encode().expect("fits")).expect("JSON");
    let first: Value = serde_json::from_slice(FIRST).expect("JSON");
    assert_eq!(value, first, "a change needs a new version");

    let part = |path: &str| value.pointer(path).and_then(Value::as_object).expect("an object");
    let parts = [
        ("the residue", ""),
        ("`ease`", "/ease"),
        ("a lint", "/lints/0"),
        ("`stats`", "/stats"),
        ("a class", "/stats/by_class/network"),
        ("a resource", "/stats/by_resource/host:a"),
        ("a breaker", "/breakers/host:a"),
        ("a `gate` that is `closed`", "/breakers/host:c/gate"),
        ("a `gate` that is `open`", "/breakers/host:b/gate"),
        ("a `gate` that is `half_open`", "/breakers/host:a/gate"),
        ("`probe`", "/breakers/host:a/gate/probe"),
        ("`lost`", "/breakers/host:a/gate/lost"),
        ("`mode`", "/breakers/host:a/mode"),
        ("a sample", "/breakers/host:a/samples/0"),
        ("`spec`", "/breakers/host:a/spec"),
        ("`wave`", "/breakers/host:a/wave"),
        ("`throttled`", "/breakers/host:a/throttled"),
        ("an opening", "/openings/0"),
        ("a loss", "/losses/0"),
    ];
    let mut table = String::from("| part | fields |\n|---|---|\n");
    for (name, path) in parts {
        let fields: Vec<String> = part(path).keys().map(|key| format!("`{key}`")).collect();
        writeln!(table, "| {name} | {} |", fields.join(", ")).expect("a text takes everything");
    }
    assert!(PAGE.contains(&table), "docs/journal-format.md must have:\n{table}");
}

#[test]
fn every_setting_that_can_be_changed_survives() {
    let mut residue = sample();
    let values = [
        ("max_retries", "3"),
        ("initial_delay_ms", "10"),
        ("backoff_factor", "1.25"),
        ("max_delay_ms", "50"),
        ("circuit_breaker_threshold", "0"),
        ("circuit_breaker_timeout_ms", "9"),
        ("attempts_in_flight_max", "2"),
        ("bandwidth_limit", "1048576"),
    ];
    assert_eq!(values.len(), Tuning::NAMES.len());
    for (name, value) in values {
        let value: Json = serde_json::from_str(value).expect("a number");
        residue.global.tuning.set(name, &value).expect("a setting");
    }
    let again = Residue::decode(&residue.encode().expect("fits")).expect("sound");
    assert_eq!(again, residue);
}

#[test]
fn what_cannot_be_read_says_why() {
    let changed = |from: &str, to: &str| {
        let text = std::str::from_utf8(FIRST).expect("text");
        assert!(text.contains(from), "{from}");
        base_state(text.replace(from, to).as_bytes(), []).expect_err("it is not what it was")
    };
    let newer = changed("\"version\": 1\n", "\"version\": 2\n");
    assert!(matches!(newer, BaseError::Residue(ResidueError::Newer { version: 2 })), "{newer}");
    for (from, to) in [
        ("max_retries", "no_such_setting"),
        ("half_open", "ajar"),
        ("\"first\": 41", "\"first\": 0"),
        ("\"crowd\": 2", "\"crowd\": -2"),
    ] {
        let error = changed(from, to);
        assert!(matches!(error, BaseError::Residue(_)), "{error}");
    }
}
