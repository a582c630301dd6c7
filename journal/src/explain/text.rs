//! The explanation in lines for people.

use std::fmt;
use std::time::Duration;

use crate::dump::Plain;
use crate::event::{ExhaustReason, OpenCause, Verdict};
use crate::explain::{Cause, Explanation, GateView, StepExplanation, Wait};
use crate::id::{ResourceKey, StepKey};
use crate::time::Timestamp;

/// A length of time, with the two units that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (millis, seconds) = (self.0.as_millis(), self.0.as_secs());
        let two = |f: &mut fmt::Formatter<'_>, (first, unit), (second, smaller)| match second {
            0 => write!(f, "{first} {unit}"),
            _ => write!(f, "{first} {unit} {second} {smaller}"),
        };
        match seconds {
            0 => write!(f, "{millis} ms"),
            1..60 => {
                let rest = format!("{:03}", millis % 1_000);
                match rest.trim_end_matches('0') {
                    "" => write!(f, "{seconds} s"),
                    digits => write!(f, "{seconds}.{digits} s"),
                }
            }
            60..3_600 => two(f, (seconds / 60, "min"), (seconds % 60, "s")),
            3_600..86_400 => two(f, (seconds / 3_600, "h"), (seconds % 3_600 / 60, "min")),
            _ => two(f, (seconds / 86_400, "d"), (seconds % 86_400 / 3_600, "h")),
        }
    }
}

/// A number of bytes, in the unit that people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_000_000_000_u64, "GB"), (1_000_000, "MB"), (1_000, "kB")];
        match units.into_iter().find(|(size, _)| self.0 >= *size) {
            // Rounded up, because it must be free.
            Some((size, unit)) => {
                let tenths = u128::from(self.0).saturating_mul(10).div_ceil(size.into());
                let (whole, tenth) = (tenths / 10, tenths % 10);
                if tenth == 0 {
                    write!(f, "{whole} {unit}")
                } else {
                    write!(f, "{whole}.{tenth} {unit}")
                }
            }
            None if self.0 == 1 => f.write_str("1 byte"),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

impl Explanation {
    /// The cause of the run in one sentence.
    pub fn sentence(&self) -> String {
        match &self.step {
            Some(step) => format!("step `{step}` {}", sentence(&self.cause, self.now)),
            None => format!("the run {}", sentence(&self.cause, self.now)),
        }
    }
}

impl StepExplanation {
    /// The cause of the step in one sentence, as it is at a moment.
    pub fn sentence(&self, now: Timestamp) -> String {
        format!("step `{}` {}", self.step, sentence(&self.cause, now))
    }
}

impl StepExplanation {
    fn write(&self, f: &mut fmt::Formatter<'_>, now: Timestamp) -> fmt::Result {
        writeln!(f, "\n{}", Plain(&self.sentence(now)))?;
        if let Some(failure) = &self.failure {
            writeln!(f, "  last failure: {}", Plain(failure))?;
        }
        let mut lines = self.arithmetic.iter().chain(&self.notes);
        lines.try_for_each(|line| writeln!(f, "  {}", Plain(line)))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {} ({} version {}", self.run, self.workflow, self.version)?;
        if let Some(key) = &self.key {
            write!(f, ", key {}", Plain(key.as_str()))?;
        }
        writeln!(f, "): {}", self.status)?;
        let sentence = self.sentence();
        let is_told_below = self.steps.iter().any(|step| step.sentence(self.now) == sentence);
        match &self.step {
            Some(step) if is_told_below && self.steps.len() > 1 && !self.status.is_final() => {
                writeln!(f, "it comes down to step `{step}`")?;
            }
            _ if is_told_below => {}
            _ => writeln!(f, "{}", Plain(&sentence))?,
        }
        if let Some(deadline) = self.deadline_at {
            writeln!(f, "it is given up {}", When(deadline, self.now))?;
        }
        let (stopped, others): (Vec<_>, Vec<_>) =
            self.steps.iter().partition(|step| step.cause == Cause::Stopped);
        others.iter().try_for_each(|step| step.write(f, self.now))?;
        if !stopped.is_empty() {
            let keys: Vec<StepKey> = stopped.iter().map(|step| step.step.clone()).collect();
            writeln!(f, "\nstopped with the run: {}", steps(&keys))?;
        }
        if !self.actions.is_empty() {
            writeln!(f, "\nwhat you can do:")?;
        }
        self.actions.iter().try_for_each(|action| writeln!(f, "- {}", Plain(&action.to_string())))
    }
}

/// A moment, and how far away it is.
struct When(Timestamp, Timestamp);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(at, now) = *self;
        if at > now {
            write!(f, "at {at}, in {}", Span(at.since(now)))
        } else {
            write!(f, "at {at}, {} ago", Span(now.since(at)))
        }
    }
}

/// What a step or a run does, behind its name.
fn sentence(cause: &Cause, now: Timestamp) -> String {
    match cause {
        Cause::Blocked { by } => format!("waits for {}", steps(by)),
        Cause::Ready { eased: None } => {
            "is ready: it starts as soon as an engine runs and has room for it".to_owned()
        }
        Cause::Ready { eased: Some(ease) } => format!(
            "is ready, but this machine is short of something: at most {} attempts at a time until \
             {}",
            ease.in_flight_max, ease.until
        ),
        Cause::Running { attempt, since, timeout, forced } => {
            let mut text = format!("runs attempt {attempt} for {}", Span(now.since(*since)));
            if let Some(timeout) = timeout {
                text = format!("{text}, at most {}", Span(*timeout));
            }
            let mark = if *forced { ", in spite of breakers" } else { "" };
            format!("{text}{mark}; if no engine runs it, it is begun anew when one does")
        }
        Cause::Backoff(wait) => waits(wait, now, ""),
        Cause::ServerDelay(wait) => waits(wait, now, ", as the server asked"),
        Cause::Budget(wait) => waits(wait, now, ", until the retry budget allows it"),
        Cause::Breaker { key, gate, position, force_at } => {
            let mut text = format!("waits behind {key}: {}", gate_words(gate, now));
            if let Some((place, of)) = position {
                text = format!("{text}; it is number {place} of {of} in the queue");
            }
            with_force(text, *force_at, now)
        }
        Cause::DiskSpace { path, bytes, force_at } => {
            let text = format!("waits for {} of free space at {path}", Bytes(*bytes));
            with_force(text, *force_at, now)
        }
        Cause::Unknown => "waits for something that this release does not know".to_owned(),
        Cause::Paused { by, reason, since, frozen } => {
            let timers = if *frozen { "its timers stand still" } else { "its timers go on" };
            format!("is paused by {by} since {since} ({reason}); {timers}")
        }
        Cause::Parked { reason } => format!("cannot go on here: {reason}"),
        Cause::GivenUp { by_request: true, .. } => {
            "was given up, because somebody cancelled the recovery of its run".to_owned()
        }
        Cause::GivenUp { verdict, exhausted_by, .. } => given_up(*verdict, *exhausted_by),
        Cause::Cancelled { by, reason } => format!("was called off by {by}: {reason}"),
        Cause::Stopped => "was stopped with its run".to_owned(),
        Cause::Done => "is done".to_owned(),
    }
}

fn waits(wait: &Wait, now: Timestamp, why: &str) -> String {
    let Wait { due_at, retry, retries_max, .. } = wait;
    let retry = format!("retry {retry} of {retries_max}");
    if *due_at > now {
        return format!("waits for {retry}, due {}{why}", When(*due_at, now));
    }
    // Nothing here tells whether an engine runs.
    format!(
        "is overdue: {retry} was due {}; it is made when the engine runs again, or has room for it",
        When(*due_at, now)
    )
}

fn with_force(text: String, force_at: Option<Timestamp>, now: Timestamp) -> String {
    match force_at {
        Some(at) => format!("{text}; a last attempt is made all the same {}", When(at, now)),
        None => text,
    }
}

/// Steps by name.
pub(crate) fn steps(keys: &[StepKey]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    match keys.as_slice() {
        [] => "other steps".to_owned(),
        [only] => format!("step {only}"),
        several => format!("steps {}", several.join(", ")),
    }
}

/// Where a breaker stands, behind its key.
pub(super) fn gate_words(gate: &GateView, now: Timestamp) -> String {
    match gate {
        GateView::Open { until, cause, trips, remaining } => {
            let break_number =
                if *trips > 1 { format!(", break {trips} in a row") } else { String::new() };
            let rest = if remaining.is_zero() {
                "the break is over, so the next step is a probe when the engine runs".to_owned()
            } else {
                format!("nothing passes until {until}, in {}", Span(*remaining))
            };
            format!("its breaker is open ({}{break_number}); {rest}", open_cause(*cause))
        }
        GateView::HalfOpen { probe: Some(probe), .. } => format!(
            "its breaker waits for the probe of run {}, step `{}`, which has until {} to show a sign \
             of life",
            probe.run, probe.step, probe.lease_until
        ),
        GateView::HalfOpen { probe: None, passed, needed } => {
            format!("its breaker lets one probe at a time through ({passed} of {needed} passed)")
        }
        GateView::Isolated { by, reason, until } => {
            let end = until.map_or_else(
                || "until somebody ends that".to_owned(),
                |until| format!("until {}", When(until, now).to_string().trim_start_matches("at ")),
            );
            format!("{by} holds its breaker open {end} ({reason}); only a forced attempt passes")
        }
        GateView::Closed { next_wave_at: Some(at) } if *at > now => {
            format!("it is back, and steps are released in waves; the next one {}", When(*at, now))
        }
        GateView::Closed { .. } => {
            "it is back, and the next steps are released when the engine runs".to_owned()
        }
        GateView::LetsPass { mode } => {
            format!("its breaker is {mode}, so the step is released when the engine runs")
        }
    }
}

/// A breaker that will keep a step longer than its delay does.
pub(super) fn gate_note(key: &ResourceKey, gate: &GateView, due_at: Timestamp) -> Option<String> {
    let name = key.display_name();
    match gate {
        GateView::Open { until, .. } if *until > due_at => {
            Some(format!("the breaker of {name} is open until {until}, so it may wait longer"))
        }
        GateView::Isolated { by, .. } => {
            Some(format!("{by} holds the breaker of {name} open, so it will wait longer"))
        }
        GateView::HalfOpen { .. } => {
            Some(format!("the breaker of {name} lets one probe at a time through"))
        }
        _ => None,
    }
}

fn given_up(verdict: Option<Verdict>, exhausted_by: Option<ExhaustReason>) -> String {
    match (exhausted_by, verdict) {
        (Some(reason), _) => format!("was given up: {}", exhausted(reason)),
        (None, Some(Verdict::NotRetryable)) => {
            "failed, and another attempt would fail in the same way".to_owned()
        }
        (None, _) => "failed for good".to_owned(),
    }
}

/// What ran out, in words.
pub(crate) fn exhausted(reason: ExhaustReason) -> &'static str {
    match reason {
        ExhaustReason::Retries => "all its retries are used up",
        ExhaustReason::Deadline => "the deadline of the run has passed",
        ExhaustReason::ClassLimit => "the retries for failures of this kind are used up",
        ExhaustReason::Elapsed => "it was tried for as long as it may be",
        ExhaustReason::ServerDelay => "servers made it wait for longer than it may",
    }
}

fn open_cause(cause: OpenCause) -> &'static str {
    match cause {
        OpenCause::Consecutive => "it failed several times in a row",
        OpenCause::Rate => "too many attempts failed",
        OpenCause::Slow => "too many attempts were slow",
        OpenCause::ProbeFailed => "the last probe failed",
        OpenCause::ProbeExpired => "the last probe showed no sign of life",
        OpenCause::ProbeLost => "the process died in three probes",
        OpenCause::ServerDirected => "the server asked to stay away",
        OpenCause::LocalOutage => "several hosts failed at once, so this machine seems offline",
        OpenCause::WaveFailed => "a step failed soon after it had come back",
    }
}
