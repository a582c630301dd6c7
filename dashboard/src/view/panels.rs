//! Breakers, statistics and settings as people see them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use resurge::journal::event::BreakerMode;
use resurge::journal::state::{Stats, Tuning};
use resurge::{BreakerState, BreakerView, Settings, Timestamp};

use super::minutes::Minutes;
use super::model::{BreakerCard, CauseCard, HostCard, SetBy, SettingCard, StatsCard};
use super::{redact, words};

/// Breakers by key, those in the way first; without those that are simply closed unless all are asked for.
pub(crate) fn breakers(
    known: &[BreakerView],
    threshold: u32,
    all: bool,
) -> BTreeMap<String, BreakerCard> {
    let is_plain = |breaker: &BreakerView| {
        breaker.state == BreakerState::Closed && breaker.mode == BreakerMode::Enforced
    };
    let mut shown: Vec<&BreakerView> =
        known.iter().filter(|breaker| all || !is_plain(breaker) || breaker.held > 0).collect();
    shown.sort_by_key(|breaker| (is_plain(breaker), Reverse(breaker.held), breaker.key.clone()));
    let cards = (0..).zip(shown.into_iter().take(BREAKERS_MAX));
    cards.map(|(index, known)| (known.key.to_string(), breaker(index, known, threshold))).collect()
}

/// Most breakers that are shown.
const BREAKERS_MAX: usize = 256;

pub(crate) fn breaker(index: u32, known: &BreakerView, threshold: u32) -> BreakerCard {
    let set_by = known.mode_set.as_ref().filter(|_| known.mode != BreakerMode::Enforced);
    BreakerCard {
        index,
        name: known.key.display_name(),
        state: known.state.name().to_owned(),
        mode: words::mode(known.mode).to_owned(),
        text: standing(known),
        opened_at: known.not_closed_since.map(|at| at.to_string()),
        until: known.until.map(|at| at.to_string()),
        failures_in_row: known.failures_in_row,
        threshold,
        trips: known.trips,
        held: known.held as u64,
        probe: known.probe.map(|run| run.to_string()),
        probe_name: None,
        set_by: set_by.map(|(actor, reason, until)| SetBy {
            actor: redact::text(actor).into_owned(),
            reason: redact::text(reason).into_owned(),
            until: until.map(|at| at.to_string()),
        }),
        can: can(known).into_iter().map(str::to_owned).collect(),
    }
}

/// Where a breaker stands, in words.
fn standing(known: &BreakerView) -> String {
    match (known.mode, known.state) {
        (BreakerMode::Isolated, _) => "held open by hand: nothing passes".to_owned(),
        (BreakerMode::Disabled, _) => "disabled: everything passes, nothing is watched".to_owned(),
        (BreakerMode::Shadow, _) => "only watches: everything passes".to_owned(),
        (_, BreakerState::Open) => {
            let cause = known.cause.map_or("it opened", words::opened);
            format!("open: {cause}")
        }
        (_, BreakerState::HalfOpen) if known.probe.is_some() => {
            "half open: a probe is under way".to_owned()
        }
        (_, BreakerState::HalfOpen) => "half open: the next attempt is its probe".to_owned(),
        _ => "closed: everything passes".to_owned(),
    }
}

/// What can be asked of a breaker.
fn can(known: &BreakerView) -> Vec<&'static str> {
    match (known.mode, known.state) {
        (BreakerMode::Isolated | BreakerMode::Disabled | BreakerMode::Shadow, _) => vec!["enforce"],
        (_, BreakerState::Closed) => vec!["isolate", "disable"],
        (_, BreakerState::Open) => vec!["probe", "close", "isolate", "disable"],
        _ => vec!["close", "isolate", "disable"],
    }
}

/// How well recovery works; `all` adds causes, hosts and the last minutes.
pub(crate) fn stats(known: &Stats, minutes: &Minutes, now: Timestamp, all: bool) -> StatsCard {
    let mut card = StatsCard {
        total: known.total,
        succeeded: known.succeeded,
        recovered: known.recovered,
        failed: known.failed,
        cancelled: known.cancelled,
        retry_attempts: known.retry_attempts,
        breaker_trips: known.breaker_trips,
        average_recovery_ms: known.average_recovery_ms(),
        success_rate: known.success_rate().map(|rate| (rate * 1_000.0).round() / 1_000.0),
        ..StatsCard::default()
    };
    if !all {
        return card;
    }
    let mut causes: Vec<_> = known.by_class.iter().collect();
    causes.sort_by_key(|(class, counted)| (Reverse(counted.failures), class.name()));
    card.causes = (0..)
        .zip(causes)
        .map(|(index, (class, counted))| {
            let (failures, retried) = (counted.failures, counted.retried);
            (class.name().to_owned(), CauseCard { index, failures, retried })
        })
        .collect();
    let mut hosts: Vec<_> = known.by_resource.iter().collect();
    hosts.sort_by_key(|(key, counted)| (Reverse(counted.failing), (*key).clone()));
    card.hosts = (0..)
        .zip(hosts.into_iter().take(HOSTS_MAX))
        .map(|(index, (key, counted))| {
            let (alive, failing, trips) = (counted.alive, counted.failing, counted.trips);
            let name = key.display_name();
            (key.to_string(), HostCard { index, name, alive, failing, trips })
        })
        .collect();
    card.recent = minutes.cards(now);
    card
}

/// Most hosts that are shown.
const HOSTS_MAX: usize = 20;

/// What is to be said about a setting.
struct Known {
    name: &'static str,
    unit: &'static str,
    min: f64,
    max: Option<f64>,
    label: &'static str,
    help: &'static str,
}

const SETTINGS: [Known; 8] = [
    Known {
        name: "max_retries",
        unit: "count",
        min: 0.0,
        max: None,
        label: "Max retries",
        help: "Automatic retries after the first attempt; 0 is a single attempt.",
    },
    Known {
        name: "initial_delay_ms",
        unit: "ms",
        min: 0.0,
        max: Some(MONTH_MS),
        label: "Initial delay",
        help: "Time before the first retry.",
    },
    Known {
        name: "backoff_factor",
        unit: "factor",
        min: 1.0,
        max: Some(100.0),
        label: "Backoff factor",
        help: "Each further delay is so many times as long.",
    },
    Known {
        name: "max_delay_ms",
        unit: "ms",
        min: 0.0,
        max: Some(MONTH_MS),
        label: "Max delay",
        help: "No computed delay is longer; a server may still ask for more.",
    },
    Known {
        name: "circuit_breaker_threshold",
        unit: "count",
        min: 0.0,
        max: None,
        label: "Circuit breaker: failures",
        help: "Failures in a row after which a host is left alone; 0 leaves the rule out.",
    },
    Known {
        name: "circuit_breaker_timeout_ms",
        unit: "ms",
        min: 1.0,
        max: Some(MONTH_MS),
        label: "Circuit breaker: longest break",
        help: "A host is probed again after a break of at most so long.",
    },
    Known {
        name: "attempts_in_flight_max",
        unit: "count",
        min: 1.0,
        max: None,
        label: "Concurrent operations",
        help: "Attempts under way at the same time; those under way are not stopped.",
    },
    Known {
        name: "bandwidth_limit",
        unit: "bytes_per_second",
        min: 0.0,
        max: None,
        label: "Bandwidth limit",
        help: "All transfers together, in bytes a second; 0 is no limit.",
    },
];

/// Settings that people can change; those of retries have no value until somebody sets one for all.
pub(crate) fn settings(own: &Settings, tuning: &Tuning) -> BTreeMap<String, SettingCard> {
    let card = |(index, known): (u32, &Known)| {
        let value = tuning.get(known.name).and_then(|value| value.read::<Option<f64>>().ok()?);
        let default = default(own, known.name);
        let card = SettingCard {
            index,
            value: value.or(default),
            default,
            changed: value.is_some(),
            unit: known.unit.to_owned(),
            min: known.min,
            max: known.max,
            label: known.label.to_owned(),
            help: known.help.to_owned(),
        };
        (known.name.to_owned(), card)
    };
    (0..).zip(&SETTINGS).map(card).collect()
}

/// The most that a setting can be set to from here: more would be a slip.
pub(crate) fn most(name: &str) -> Option<f64> {
    SETTINGS.iter().find(|known| known.name == name)?.max
}

/// Thirty days, in milliseconds.
const MONTH_MS: f64 = 30.0 * 24.0 * 60.0 * 60.0 * 1_000.0;

/// What holds for all while nobody has set anything else, if there is such a value.
#[expect(clippy::cast_precision_loss, reason = "settings are far below 2^53")]
fn default(own: &Settings, name: &str) -> Option<f64> {
    Some(match name {
        "circuit_breaker_threshold" => f64::from(own.breaker.threshold),
        "circuit_breaker_timeout_ms" => own.breaker.break_max_ms as f64,
        "attempts_in_flight_max" => own.attempts_in_flight_max as f64,
        "bandwidth_limit" => own.bandwidth_limit as f64,
        _ => return None,
    })
}
