//! Why something waits, in words.

use std::path::Path;
use std::time::Duration;

use resurge::journal::event::{BreakerMode, ExhaustReason, OpenCause, Verdict};
use resurge::journal::explain::{Cause, GateView, Wait};
use resurge::journal::failure::Condition;
use resurge::steps::fs::free_space;
use resurge::{BreakerState, BreakerView, Failure, ResourceKey, RunId, StepView, Timestamp};

use super::words;

/// Which attempt comes next, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) charged: u32,
    pub(crate) max_attempts: u32,
}

/// Where the breaker stands that something waits behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate<'a> {
    Open { remaining: Duration, cause: Option<OpenCause> },
    HalfOpen { probe: Option<RunId> },
    Isolated { by: &'a str, reason: &'a str },
    Back,
}

/// Why a step waits, as the journal says it; none if it does not wait.
pub(crate) fn of_cause(cause: &Cause, turn: Turn, failure: Option<&Failure>) -> Option<String> {
    Some(match cause {
        Cause::Backoff(wait) => retry(wait, failure),
        Cause::ServerDelay(wait) => server(asked(failure), wait.remaining),
        Cause::Budget(wait) => {
            format!("{}; so many retries at once would overload the server", retry(wait, failure))
        }
        Cause::Breaker { key, gate: known, .. } => gate(key, of_gate(known), turn),
        Cause::DiskSpace { path, bytes, .. } => disk(path, *bytes),
        Cause::Ready { eased: Some(ease) } => {
            format!("this machine is short of something: {} attempts at a time", ease.in_flight_max)
        }
        Cause::Paused { by, reason, .. } => format!("paused by {by}: {}", words::reason(reason)),
        Cause::Parked { reason } => {
            format!("fits no workflow of this launcher: {}", words::reason(reason))
        }
        Cause::Cancelled { by, reason } => format!("cancelled by {by}: {}", words::reason(reason)),
        Cause::GivenUp { verdict, exhausted_by, .. } => given_up(*verdict, *exhausted_by),
        Cause::Unknown => "waits for something that this release does not know".to_owned(),
        _ => return None,
    })
}

/// Why a step waits, as the engine shows it; none if it does not wait.
pub(crate) fn of_view(step: &StepView, breakers: &[BreakerView], now: Timestamp) -> Option<String> {
    let turn = Turn { charged: step.charged, max_attempts: step.max_attempts };
    if let Some(Condition::DiskSpace { path, bytes }) = &step.waits_for {
        return Some(disk(path, *bytes));
    }
    if let Some(key) = step.held_by.first() {
        let breaker = breakers.iter().find(|breaker| breaker.key == *key);
        return Some(gate(key, breaker.map_or(Gate::Back, of_breaker), turn));
    }
    let (due_at, failure) = (step.next_attempt_at?, step.last_failure.as_ref());
    let remaining = due_at.since(now);
    if asked(failure).is_some() {
        return Some(server(asked(failure), remaining));
    }
    let retries_max = step.max_attempts.saturating_sub(1);
    Some(retry_words(step.charged.max(1), retries_max, remaining, failure))
}

/// Waits for its policy.
fn retry(wait: &Wait, failure: Option<&Failure>) -> String {
    retry_words(wait.retry, wait.retries_max, wait.remaining, failure)
}

fn retry_words(retry: u32, of: u32, remaining: Duration, failure: Option<&Failure>) -> String {
    let why = failure.map(|failure| format!(": {} ({})", failure.message, words::class(failure)));
    format!("retry {retry}/{of} {}{}", soon(remaining), why.unwrap_or_default())
}

fn server(asked: Option<Duration>, remaining: Duration) -> String {
    let asked = asked.map(|asked| format!(" {}", words::duration(asked))).unwrap_or_default();
    format!("server asked to wait{asked}; next try {}; no retry is used up", soon(remaining))
}

fn asked(failure: Option<&Failure>) -> Option<Duration> {
    failure.and_then(|failure| failure.advice.server_delay())
}

/// Waits behind a breaker.
pub(crate) fn gate(key: &ResourceKey, gate: Gate<'_>, turn: Turn) -> String {
    let Turn { charged, max_attempts } = turn;
    let number = charged.saturating_add(1).min(max_attempts);
    let unused = format!("attempt {number}/{max_attempts} is not used up");
    if key.is_local_network() && matches!(gate, Gate::Open { .. }) {
        let Gate::Open { remaining, .. } = gate else { return unused };
        return format!(
            "offline: several hosts failed at once; next probe {} ({unused})",
            soon(remaining)
        );
    }
    let what = resource(key);
    match gate {
        Gate::Open { remaining, cause } => {
            let why = match cause {
                Some(OpenCause::ServerDirected) => "the server asked to stay away",
                _ => "circuit breaker open",
            };
            format!("waiting for {what}: {why}, next probe {} ({unused})", soon(remaining))
        }
        Gate::HalfOpen { probe } => {
            let probe = if probe.is_some() { "a probe is under way" } else { "a probe is next" };
            format!("waiting for {what}: circuit breaker half-open, {probe} ({unused})")
        }
        Gate::Isolated { by, reason } => {
            let reason = words::reason(reason);
            format!("waiting for {what}: {by} holds the circuit breaker open: {reason} ({unused})")
        }
        Gate::Back => format!("{what} is back: it goes on with the next wave"),
    }
}

/// Waits for room on a drive.
pub(crate) fn disk(path: &str, needed: u64) -> String {
    let free = free_space(Path::new(path))
        .map_or_else(|_| String::new(), |free| format!("free {} on {path}, ", words::bytes(free)));
    let place = if free.is_empty() { format!(" at {path}") } else { String::new() };
    format!("disk full{place}: {free}needed {}; goes on by itself", words::bytes(needed))
}

fn given_up(verdict: Option<Verdict>, exhausted_by: Option<ExhaustReason>) -> String {
    match (exhausted_by, verdict) {
        (Some(reason), _) => format!("gave up: {}", ran_out(reason)),
        (None, Some(Verdict::NotRetryable)) => "another try would not help".to_owned(),
        _ => "gave up".to_owned(),
    }
}

/// What left nothing.
pub(crate) const fn ran_out(reason: ExhaustReason) -> &'static str {
    match reason {
        ExhaustReason::Retries => "all retries are used up",
        ExhaustReason::Deadline => "the deadline has passed",
        ExhaustReason::ClassLimit => "all retries for this kind of failure are used up",
        ExhaustReason::Elapsed => "it was tried for as long as it may be",
        ExhaustReason::ServerDelay => "the server made it wait for longer than it may",
        other => other.name(),
    }
}

fn soon(remaining: Duration) -> String {
    if remaining.is_zero() {
        "is due".to_owned()
    } else {
        format!("in {}", words::duration(remaining))
    }
}

/// What a breaker guards, such as `host example.org`.
pub(crate) fn resource(key: &ResourceKey) -> String {
    let name = key.display_name();
    words::tame(&if key.is_host() { format!("host {name}") } else { name })
}

fn of_gate(gate: &GateView) -> Gate<'_> {
    match gate {
        GateView::Open { remaining, cause, .. } => {
            Gate::Open { remaining: *remaining, cause: Some(*cause) }
        }
        GateView::HalfOpen { probe, .. } => {
            Gate::HalfOpen { probe: probe.as_ref().map(|probe| probe.run) }
        }
        GateView::Isolated { by, reason, .. } => Gate::Isolated { by, reason },
        GateView::Closed { .. } | GateView::LetsPass { .. } => Gate::Back,
    }
}

pub(crate) fn of_breaker(breaker: &BreakerView) -> Gate<'_> {
    match (breaker.mode, &breaker.mode_set, breaker.state) {
        (BreakerMode::Isolated, Some((by, reason, _)), _) => Gate::Isolated { by, reason },
        (BreakerMode::Enforced, _, BreakerState::Open) => {
            let remaining = breaker.remaining.unwrap_or_default();
            Gate::Open { remaining, cause: breaker.cause }
        }
        (BreakerMode::Enforced, _, BreakerState::HalfOpen) => {
            Gate::HalfOpen { probe: breaker.probe }
        }
        _ => Gate::Back,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const TURN: Turn = Turn { charged: 2, max_attempts: 6 };

    fn host() -> ResourceKey {
        ResourceKey::host("https", "example.org", 443).unwrap()
    }

    #[test]
    fn a_wait_behind_a_breaker_says_that_it_costs_nothing() {
        let open = Gate::Open { remaining: Duration::from_secs(12), cause: None };
        assert_eq!(
            gate(&host(), open, TURN),
            "waiting for host example.org: circuit breaker open, next probe in 12.0 s (attempt 3/6 \
             is not used up)"
        );
        let line = gate(&ResourceKey::local_network(), open, TURN);
        assert!(line.starts_with("offline: several hosts failed at once; next probe in 12"));
        let asked =
            Gate::Open { remaining: Duration::ZERO, cause: Some(OpenCause::ServerDirected) };
        let text = gate(&host(), asked, TURN);
        assert!(text.contains("the server asked to stay away, next probe is due"), "{text}");
    }

    #[test]
    fn a_full_disk_says_how_much_is_free() {
        let here = tempfile::tempdir().unwrap();
        let text = disk(here.path().to_str().unwrap(), u64::MAX);
        assert!(text.starts_with("disk full: free ") && text.ends_with("goes on by itself"));
        assert!(disk("\0", 5).contains("needed 5 B"));
    }

    #[test]
    fn resources_have_names_for_people() {
        for (key, name) in [
            ("host:http/127.0.0.1:8000", "host 127.0.0.1:8000"),
            ("host:http/a:80", "host a"),
            ("host:https/a:80", "host a:80"),
            ("local:network", "the connection of this machine"),
            ("account:joe", "account joe"),
        ] {
            assert_eq!(resource(&ResourceKey::new(key).unwrap()), name);
        }
    }
}
