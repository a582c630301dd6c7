//! Causes in words that stay true while time passes: what is left of a wait is counted by who shows it.

use std::time::Duration;

use resurge::journal::event::{BreakerMode, ExhaustReason, OpenCause, Verdict};
use resurge::journal::explain::{Cause, GateView, Wait};
use resurge::{Group, ResourceKey};

use super::detail_model::Tone;
use super::model::WaitCard;
use super::redact;

/// What something waits for, if it waits.
pub(crate) fn wait(cause: &Cause) -> Option<WaitCard> {
    let (kind, text, due_at, host) = match cause {
        Cause::Backoff(known) => ("backoff", backoff(known), Some(known.due_at), None),
        Cause::ServerDelay(known) => {
            ("server_delay", server(known), Some(known.due_at), known.resource.as_ref())
        }
        Cause::Budget(known) => {
            let text = format!("{}; so many at once would overload the server", backoff(known));
            ("budget", text, Some(known.due_at), known.resource.as_ref())
        }
        Cause::Breaker { key, gate, .. } => {
            let due_at = match gate {
                GateView::Open { until, .. } => Some(*until),
                GateView::Isolated { until, .. } => *until,
                GateView::Closed { next_wave_at } => *next_wave_at,
                _ => None,
            };
            ("breaker", held(&named(key), gate), due_at, Some(key))
        }
        Cause::DiskSpace { path, bytes, force_at } => {
            let text = format!("{} must be free at {path}", size(*bytes));
            ("disk_space", text, *force_at, None)
        }
        Cause::Ready { eased: None } => ("slot", "waits for its turn".to_owned(), None, None),
        Cause::Ready { eased: Some(ease) } => {
            let most = match ease.in_flight_max {
                1 => "one attempt at a time".to_owned(),
                most => format!("{most} attempts at a time"),
            };
            let text = format!("this machine is short of something: {most}");
            ("slot", text, Some(ease.until), None)
        }
        Cause::Paused { by, reason, .. } => ("paused", reasoned("paused", by, reason), None, None),
        Cause::Parked { reason } => ("parked", reason.clone(), None, None),
        Cause::Unknown => {
            ("other", "waits for something that this release does not know".to_owned(), None, None)
        }
        _ => return None,
    };
    Some(WaitCard {
        kind: kind.to_owned(),
        text: redact::text(&text).into_owned(),
        due_at: due_at.map(|at| at.to_string()),
        host: host.map(ToString::to_string),
    })
}

/// Any cause in words.
pub(crate) fn cause(cause: &Cause) -> String {
    if let Some(wait) = wait(cause) {
        return wait.text;
    }
    match cause {
        Cause::Blocked { by } => {
            let keys: Vec<&str> = by.iter().map(resurge::StepKey::as_str).collect();
            format!("begins when {} is done", keys.join(", "))
        }
        Cause::Running { attempt, forced: true, .. } => {
            format!("attempt {attempt} is under way, in spite of breakers")
        }
        Cause::Running { attempt, .. } => format!("attempt {attempt} is under way"),
        Cause::GivenUp { by_request: true, .. } => {
            "ended because somebody wanted no more retries".to_owned()
        }
        Cause::GivenUp { verdict, exhausted_by, .. } => {
            given_up(*verdict, *exhausted_by).to_owned()
        }
        Cause::Cancelled { by, reason } => {
            redact::text(&reasoned("cancelled", by, reason)).into_owned()
        }
        Cause::Stopped => "stopped when the operation ended".to_owned(),
        _ => "done".to_owned(),
    }
}

/// The group of a failure as a title.
pub(crate) const fn title(group: Group) -> &'static str {
    match group {
        Group::Network => "Network problem",
        Group::Timeout => "Took too long",
        Group::Resource => "Short of something",
        Group::Permission => "Access refused",
        _ => "Wrong or missing",
    }
}

/// Whether an event of this name is good or bad.
pub(crate) fn tone(event: &str) -> Tone {
    match event {
        "attempt_succeeded" | "run_succeeded" | "probe_passed" | "breaker_closed" => Tone::Good,
        "attempt_failed" | "step_refused" | "run_failed" | "run_exhausted" | "breaker_opened" => {
            Tone::Bad
        }
        "attempt_interrupted"
        | "step_parked"
        | "run_parked"
        | "outputs_invalidated"
        | "late_result_ignored"
        | "breaker_would_open"
        | "lint_found" => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// The name of a mode, as it is shown.
pub(crate) const fn mode(mode: BreakerMode) -> &'static str {
    match mode {
        BreakerMode::Shadow => "metrics_only",
        other => other.name(),
    }
}

/// A resource at the beginning of a sentence.
fn named(key: &ResourceKey) -> String {
    let name = key.display_name();
    if key.is_host() { format!("the host {name}") } else { name }
}

/// A breaker that does not let something pass.
fn held(key: &str, gate: &GateView) -> String {
    match gate {
        GateView::Open { cause, .. } => format!("{key} is down: {}", opened(*cause)),
        GateView::HalfOpen { .. } => format!("{key} is being probed"),
        GateView::Isolated { by, reason, .. } => {
            format!("{key} is {}", reasoned("held back", by, reason))
        }
        GateView::Closed { .. } => format!("{key} is back; operations are let go in waves"),
        GateView::LetsPass { .. } => format!("{key} lets everything pass"),
    }
}

/// Why a breaker opened.
pub(crate) const fn opened(cause: OpenCause) -> &'static str {
    match cause {
        OpenCause::Consecutive => "too many failures in a row",
        OpenCause::Rate => "too many of the last attempts failed",
        OpenCause::Slow => "too many of the last attempts were slow",
        OpenCause::ServerDirected => "the server said to stay away for a while",
        OpenCause::LocalOutage => "several hosts failed at once, so this machine may be offline",
        OpenCause::WaveFailed => "it failed again as soon as operations were let go",
        OpenCause::ProbeExpired | OpenCause::ProbeLost => "its probe showed no sign of life",
        _ => "its probe failed",
    }
}

fn backoff(wait: &Wait) -> String {
    format!("retry {} of {} comes after a delay", wait.retry, wait.retries_max)
}

fn server(wait: &Wait) -> String {
    match wait.parts.and_then(|parts| parts.server_ms) {
        Some(asked) => {
            format!("the server asked for {}", duration(Duration::from_millis(asked)))
        }
        None => "the server asked for patience".to_owned(),
    }
}

const fn given_up(verdict: Option<Verdict>, exhausted_by: Option<ExhaustReason>) -> &'static str {
    match (verdict, exhausted_by) {
        (_, Some(ExhaustReason::Deadline)) => "its deadline has passed",
        (_, Some(ExhaustReason::Elapsed)) => "the time that recovery may take is over",
        (_, Some(ExhaustReason::ServerDelay)) => "servers have made it wait for too long",
        (_, Some(ExhaustReason::ClassLimit)) => "the retries for failures of this kind are used up",
        (Some(Verdict::Exhausted), _) | (_, Some(_)) => "all retries are used up",
        (Some(Verdict::NotRetryable), _) => "another attempt would fail in the same way",
        _ => "it was not let try",
    }
}

/// Something that somebody did, and why if they said so.
fn reasoned(done: &str, by: &str, reason: &str) -> String {
    if reason.is_empty() { format!("{done} by {by}") } else { format!("{done} by {by}: {reason}") }
}

/// A length of time in the unit that matters.
pub(crate) fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0 => format!("{} ms", length.as_millis()),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A number of bytes in the unit that people use.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| u128::from(bytes) >= *unit) else {
        return format!("{bytes} bytes");
    };
    // Rounded up: it must be free.
    let tenths = u128::from(bytes).saturating_mul(10).div_ceil(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use resurge::journal::event::Event;

    use super::*;

    #[test]
    fn every_name_with_a_tone_is_that_of_an_event() {
        let of = |wanted| Event::NAMES.iter().filter(|name| tone(name) == wanted).count();
        let counted = [Tone::Good, Tone::Bad, Tone::Warn].map(of);
        assert_eq!(counted, [4, 5, 7], "a name in the table is that of no event");
    }
}
