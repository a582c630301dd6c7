//! The table that the recovery semantics are held to, and the laboratory itself.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::Duration;

use super::*;
use crate::{Breaker, RetryPolicy};

/// What is held to the last operation.
const RUNS: u32 = 200;
/// What is compared by its mean.
const FEWER_RUNS: u32 = 60;

fn policy(letter: &str) -> Policy {
    let found = policies().into_iter().find(|(name, _)| name.starts_with(letter));
    found.unwrap().1
}

fn storm(name: &str) -> Storm {
    storms().into_iter().find(|(known, _)| *known == name).unwrap().1
}

fn of(letter: &str, name: &str, runs: u32) -> Report {
    study(&storm(name), &policy(letter), runs, 1).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn work_that_waits_behind_a_growing_break_outlives_every_outage() {
    for letter in ["F", "G"] {
        for name in ["3 ops, 10-90 s", "3 ops, 2-10 min"] {
            let report = of(letter, name, RUNS);
            assert_eq!(report.operations, 3 * u64::from(RUNS));
            assert_eq!(report.completed, report.operations, "{letter}, {name}: {report}");
            assert!(report.probes > 0, "{letter}, {name}: {report}");
        }
    }
}

#[test]
fn without_a_breaker_five_retries_do_not_outlive_minutes() {
    let report = of("A", "3 ops, 2-10 min", RUNS);
    assert_eq!((report.completed, report.exhausted), (0, report.operations), "{report}");
    assert_eq!((report.attempts, report.probes), (6 * report.operations, 0), "{report}");
    assert_eq!(report.lag_mean(), None);
}

#[test]
fn work_that_fails_behind_a_breaker_dies_of_it() {
    let report = of("B", "3 ops, 10-90 s", FEWER_RUNS);
    assert_eq!((report.completed, report.exhausted), (0, report.operations), "{report}");
}

#[test]
fn waiting_behind_a_breaker_asks_the_host_less() {
    let per_operation =
        |letter, name| of(letter, name, FEWER_RUNS).attempts_in_outage_per_operation();
    let one = "1 op, 10-90 s";
    assert!(per_operation("F", one) <= per_operation("A", one) + 0.3);
    let three = "3 ops, 10-90 s";
    assert!(per_operation("F", three) < 0.7 * per_operation("A", three));
    assert!(per_operation("G", three) < 0.7 * per_operation("A", three));
}

#[test]
fn a_growing_break_comes_back_sooner_than_a_fixed_one() {
    let lag = |letter| of(letter, "3 ops, 10-90 s", FEWER_RUNS).lag_mean().unwrap();
    let (fixed, growing, quick) = (lag("D"), lag("F"), lag("G"));
    assert!(fixed > seconds(200), "{fixed:?}");
    assert!(growing < seconds(40), "{growing:?}");
    assert!(quick < growing, "{quick:?} and {growing:?}");
}

#[test]
fn one_seed_is_one_course_of_events() {
    let storm = storm("3 ops, 10-90 s");
    let study = |seed| study(&storm, &policy("F"), 5, seed).unwrap();
    assert_eq!(study(7), study(7));
    assert_ne!(study(7), study(8));
    assert_eq!(storm.scenario(3), storm.scenario(3));
    let scenario = storm.scenario(3);
    assert_eq!(scenario.operations.len(), 3);
    let outage = scenario.outages.first().unwrap();
    let lasts = outage.to.checked_sub(outage.from).unwrap();
    assert!((seconds(10)..=seconds(90)).contains(&lasts) && outage.from < seconds(60));
}

#[test]
fn hosts_that_go_down_together_are_one_line_that_is_down() {
    // Two retries: the line must be found down before they are used up.
    let retry = RetryPolicy::exponential(seconds(2)).max_retries(2);
    let storm = Storm { hosts: 3, ..Storm::new(9, seconds(120)..=seconds(600)) };
    let policy = Policy { retry, ..Policy::downloads() };
    let report = study(&storm, &policy, 50, 1).unwrap();
    assert_eq!(report.completed, report.operations, "{report}");
    assert!(report.probes > 0, "{report}");
}

#[test]
fn a_transfer_goes_on_from_where_it_was_cut_off() {
    let host = |n| scenario::host(n).unwrap();
    let scenario = Scenario {
        operations: vec![Operation { needs: host(1), arrives: seconds(0), takes: seconds(60) }],
        outages: vec![Outage { of: host(1), from: seconds(40), to: seconds(50) }],
        fails_after: seconds(5),
        moves_bytes: true,
        seed: 1,
    };
    let retry = RetryPolicy::fixed(seconds(10)).jitter(crate::Jitter::None);
    let policy = Policy::new(retry, Breaker::per_host());
    let report = simulate(&scenario, &policy).unwrap();
    // Cut off at 40 s, noticed at 45 s, tried again at 55 s: 5 s after the host came back.
    assert_eq!((report.completed, report.attempts, report.attempts_in_outage), (1, 2, 1));
    assert_eq!(report.lag_mean(), Some(seconds(5)));
    assert_eq!(report.longest_silence, seconds(10));
    assert_eq!(report.requests_per_minute_max, 2);
}

#[test]
fn what_never_comes_back_is_given_up_in_the_end() {
    let host = scenario::host(1).unwrap();
    let (arrives, takes) = (seconds(0), seconds(1));
    let scenario = Scenario {
        operations: vec![Operation { needs: host.clone(), arrives, takes }],
        outages: vec![Outage { of: host, from: seconds(0), to: seconds(7 * 24 * 3_600) }],
        fails_after: seconds(5),
        moves_bytes: false,
        seed: 1,
    };
    let report = simulate(&scenario, &Policy::downloads()).unwrap();
    assert_eq!((report.exhausted, report.unfinished), (1, 0), "{report}");
}

#[test]
fn a_policy_that_contradicts_itself_is_refused_with_every_problem() {
    let retry = RetryPolicy::exponential(seconds(2)).factor(0.5).max_delay(seconds(1));
    let policy =
        Policy::new(retry, Breaker::per_host().threshold(0).failure_rate(0, 0, seconds(1)));
    let error = simulate(&storm("1 op, 10-90 s").scenario(1), &policy).unwrap_err();
    let LabError::Policy(problems) = error else { unreachable!("{error}") };
    assert_eq!(problems.problems().len(), 3, "{problems}");
}

#[test]
fn a_crowd_makes_one_decision_at_a_time() {
    let mut crowd = Crowd::waiting(50, 3).unwrap();
    for _ in 0..120 {
        let names = |records: Vec<crate::journal::Record>| -> Vec<&'static str> {
            records.iter().map(|record| record.event.name()).collect()
        };
        assert_eq!(names(crowd.begin().unwrap()), ["attempt_started"]);
        assert_eq!(names(crowd.fail().unwrap()), ["attempt_failed"]);
    }
    assert_eq!((crowd.open_runs(), crowd.under_way()), (50, 0));

    let mut crowd = Crowd::parked(50).unwrap();
    assert_eq!((crowd.open_runs(), crowd.under_way()), (51, 0));
    assert_eq!(crowd.begin().unwrap().len(), 1);
    assert_eq!((crowd.under_way(), crowd.fail().unwrap().len()), (1, 1));

    for hosts in [1, 9] {
        let mut crowd = Crowd::ready(50, hosts).unwrap();
        // The failure, the breaker, and everybody behind it.
        assert_eq!(crowd.fail().unwrap().len(), 52);
    }
}

/// The attempt that is cut off moved bytes and so proves the host alive: the breaker counts one
/// failure less than the step does, and still has to open before the retries are used up.
#[test]
fn one_download_that_is_cut_off_in_the_middle_outlives_minutes_as_well() {
    let needs = scenario::host(1).unwrap();
    let (arrives, takes) = (seconds(0), seconds(60));
    let operation = Operation { needs: needs.clone(), arrives, takes };
    let outage = Outage { of: needs, from: seconds(30), to: seconds(330) };
    let (operations, outages) = (vec![operation], vec![outage]);
    let (fails_after, moves_bytes) = (seconds(5), true);
    let scenario = Scenario { operations, outages, fails_after, moves_bytes, seed: 1 };
    for seed in 1..=20 {
        let scenario = Scenario { seed, ..scenario.clone() };
        let report = simulate(&scenario, &policy("F")).unwrap();
        assert_eq!(report.completed, 1, "seed {seed}: {report}");
    }
}
