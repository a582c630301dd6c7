//! A journal that the laboratory wrote is read as what it was.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::Duration;

use super::*;
use crate::{Breaker, ResourceKey};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn host(n: u32) -> ResourceKey {
    scenario::host(n).unwrap()
}

/// Twenty downloads, one every 30 s, of a host that is away for five minutes.
fn scenario() -> Scenario {
    let operation =
        |n: u64| Operation { needs: host(1), arrives: seconds(30 * n), takes: seconds(40) };
    Scenario {
        operations: (0..20).map(operation).collect(),
        outages: vec![Outage { of: host(1), from: seconds(100), to: seconds(400) }],
        fails_after: seconds(5),
        moves_bytes: false,
        seed: 5,
    }
}

fn history(policy: &Policy) -> History {
    let records = record(&scenario(), policy).unwrap();
    History::read(|| records.iter().cloned())
}

#[test]
fn what_happened_is_counted_as_the_simulation_counts_it() {
    let policy = Policy::downloads();
    let simulated = simulate(&scenario(), &policy).unwrap();
    let happened = history(&policy).happened().clone();
    let of = |report: &Report| {
        (report.operations, report.completed, report.exhausted, report.attempts, report.probes)
    };
    assert_eq!(of(&happened), of(&simulated));
    assert_eq!(happened.requests_per_minute_max, simulated.requests_per_minute_max);
    assert_eq!(happened.attempts_in_outage, simulated.attempts_in_outage);
}

#[test]
fn an_outage_is_found_where_it_was() {
    let history = history(&Policy::downloads());
    let [outage] = history.scenario().outages.as_slice() else {
        unreachable!("{:?}", history.scenario().outages)
    };
    assert_eq!(outage.of, host(1));
    assert!(outage.from.abs_diff(seconds(100)) <= seconds(10), "{outage:?}");
    // The last probe in vain and the first that got through lie a break apart.
    assert!(outage.to.abs_diff(seconds(400)) <= seconds(130), "{outage:?}");
    assert_eq!(history.scenario().fails_after, seconds(5));
    let confidence = history.confidence();
    assert_eq!((confidence.resources, confidence.open_ended, confidence.left_out), (1, 0, 0));
    assert!(confidence.samples >= 24 && confidence.failures >= 4, "{confidence:?}");
    assert!((0.3..1.0).contains(&confidence.observed), "{confidence:?}");
}

#[test]
fn another_policy_would_have_fared_as_it_does() {
    let history = history(&Policy::downloads());
    let same = simulate(history.scenario(), &Policy::downloads()).unwrap();
    assert_eq!(same.completed, history.happened().completed);
    let without = Policy::downloads().with(Breaker::none());
    let predicted = simulate(history.scenario(), &without).unwrap();
    let truth = simulate(&scenario(), &without).unwrap();
    assert!(truth.exhausted > 0, "{truth}");
    assert!(predicted.completed.abs_diff(truth.completed) <= 4, "{predicted} and {truth}");
    assert!(predicted.attempts > same.attempts, "{predicted} and {same}");
}

#[test]
fn a_journal_without_breakers_is_read_by_the_hosts_that_its_failures_name() {
    let history = history(&Policy::downloads().with(Breaker::none()));
    assert!(history.happened().exhausted > 0);
    assert_eq!(history.scenario().outages.len(), 1, "{:?}", history.scenario().outages);
    // Those that met nothing named no host.
    assert!(history.happened().operations < 20);
}

#[test]
fn an_empty_journal_says_nothing() {
    let history = History::read(Vec::new);
    assert_eq!(history.confidence(), &Confidence::default());
    assert_eq!(history.happened(), &Report::default());
    assert!(history.scenario().operations.is_empty());
}
