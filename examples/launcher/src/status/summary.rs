//! What holds for all runs together: breakers and statistics.

use resurge::journal::State;
use resurge::journal::event::{BreakerMode, OpenCause};
use resurge::journal::state::{Breaker, Gate, Stats};
use resurge::{ResourceKey, Timestamp};
use serde::Serialize;

use crate::ui::{why, words};

/// One breaker. Times are RFC 3339 in UTC with milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct BreakerStatus<'a> {
    key: &'a str,
    /// `closed`, `open` or `half_open`.
    state: &'static str,
    /// `enforced`, `isolated`, `disabled` or `shadow`.
    mode: &'static str,
    /// Why it opened.
    cause: Option<&'static str>,
    /// When the break ends.
    until: Option<String>,
    remaining_seconds: Option<f64>,
    /// Breaks in a row.
    trips: u32,
    failures_in_row: u32,
    /// Steps that wait behind it.
    held: usize,
}

/// The numbers of the user guide, and a few more.
#[derive(Debug, Serialize)]
struct StatsStatus {
    total_operations: u64,
    recovered_operations: u64,
    failed_operations: u64,
    cancelled_operations: u64,
    /// In seconds, from the first failure to success; null before the first one.
    average_recovery_time: Option<f64>,
    retry_attempts: u64,
    circuit_breaker_trips: u64,
    /// Of those that succeeded or failed, from 0 to 1; null before the first one.
    success_rate: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Summary<'a> {
    stats: StatsStatus,
    breakers: Vec<BreakerStatus<'a>>,
}

/// Statistics and breakers as one object.
pub(super) fn object(state: &State, now: Timestamp) -> String {
    let summary = Summary { stats: stats(state.stats()), breakers: breakers(state, now, |_| true) };
    serde_json::to_string_pretty(&summary).expect("texts and numbers can be written as JSON")
}

/// The breakers that are asked for.
pub(super) fn breakers(
    state: &State,
    now: Timestamp,
    wanted: impl Fn(&ResourceKey) -> bool,
) -> Vec<BreakerStatus<'_>> {
    let wanted = state.breakers().filter(|(key, _)| wanted(key));
    wanted.map(|(key, breaker)| status(state, key, breaker, now)).collect()
}

fn status<'a>(
    state: &State,
    key: &'a ResourceKey,
    breaker: &Breaker,
    now: Timestamp,
) -> BreakerStatus<'a> {
    let (name, cause, until) = gate(breaker);
    BreakerStatus {
        key: key.as_str(),
        state: name,
        mode: breaker.mode_at(now).name(),
        cause: cause.map(OpenCause::name),
        until: until.map(|until| until.to_string()),
        remaining_seconds: until.map(|until| until.since(now).as_secs_f64()),
        trips: breaker.trips,
        failures_in_row: breaker.failures_in_row,
        held: state.held_by(key).count(),
    }
}

const fn gate(breaker: &Breaker) -> (&'static str, Option<OpenCause>, Option<Timestamp>) {
    match &breaker.gate {
        Gate::Closed => ("closed", None, None),
        Gate::Open { until, cause, .. } => ("open", Some(*cause), Some(*until)),
        Gate::HalfOpen { .. } => ("half_open", None, None),
    }
}

fn stats(stats: &Stats) -> StatsStatus {
    StatsStatus {
        total_operations: stats.total,
        recovered_operations: stats.recovered,
        failed_operations: stats.failed,
        cancelled_operations: stats.cancelled,
        average_recovery_time: average_seconds(stats),
        retry_attempts: stats.retry_attempts,
        circuit_breaker_trips: stats.breaker_trips,
        success_rate: stats.success_rate(),
    }
}

fn average_seconds(stats: &Stats) -> Option<f64> {
    let millis = stats.average_recovery_ms()?;
    Some(std::time::Duration::from_millis(millis).as_secs_f64())
}

/// One line for each breaker that is not simply closed.
pub(super) fn troubles(state: &State, now: Timestamp) -> Vec<String> {
    let line = |(key, breaker): (&ResourceKey, &Breaker)| {
        let held = state.held_by(key).count();
        let (what, waiting) = (why::resource(key), format!("{held} waiting"));
        Some(match (&breaker.gate, breaker.mode_at(now)) {
            (_, BreakerMode::Isolated) => {
                format!("{what}: somebody holds the circuit breaker open; {waiting}")
            }
            (_, BreakerMode::Disabled | BreakerMode::Shadow) | (Gate::Closed, _) => return None,
            (Gate::Open { until, .. }, _) if *until > now => {
                let left = words::duration(until.since(now));
                format!("{what}: circuit breaker open, next probe in {left}; {waiting}")
            }
            (Gate::Open { .. }, _) => {
                format!("{what}: circuit breaker open, next probe is due; {waiting}")
            }
            (Gate::HalfOpen { .. }, _) => {
                format!("{what}: circuit breaker half-open, one probe at a time; {waiting}")
            }
        })
    };
    state.breakers().filter_map(line).collect()
}

/// The statistics as lines of two columns.
pub(super) fn lines(stats: &Stats) -> Vec<String> {
    let average = average_seconds(stats).map(|seconds| format!("{seconds:.1} s"));
    let rate = stats.success_rate().map(|rate| format!("{:.0} %", rate * 100.0));
    let none = || "-".to_owned();
    [
        ("Total operations", stats.total.to_string()),
        ("Recovered operations", stats.recovered.to_string()),
        ("Failed operations", stats.failed.to_string()),
        ("Average recovery time", average.unwrap_or_else(none)),
        ("Retry attempts", stats.retry_attempts.to_string()),
        ("Circuit breaker trips", stats.breaker_trips.to_string()),
        ("Success rate", rate.unwrap_or_else(none)),
    ]
    .into_iter()
    .map(|(what, value)| format!("{what:22} {value}"))
    .collect()
}
