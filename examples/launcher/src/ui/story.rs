//! Events as sentences.

use std::fmt;

use resurge::journal::Record;
use resurge::journal::event::{AttemptFailed, BreakerOpened, Event, OpenCause, Verdict};
use resurge::journal::failure::{Advice, Condition};
use resurge::{ResourceKey, StepKey};

use super::known::Known;
use super::{why, words};

/// One transition of one run or breaker, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) step: String,
    pub(super) text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, step, text } = self;
        write!(f, "{name}  {step:8}  {text}")
    }
}

/// The sentence for a record; none for what people need not see.
pub(super) fn tell(known: &mut Known, record: &Record) -> Option<Line> {
    let told = of_breaker(record).or_else(|| {
        let (step, text) = of_attempt(known, record).or_else(|| of_run(&record.event))?;
        Some(Line { name: known.name(record.run?), step: step.to_owned(), text })
    });
    known.learn(record);
    told.map(|line| Line { text: words::tame(&line.text), ..line })
}

fn of_attempt<'r>(known: &Known, record: &'r Record) -> Option<(&'r str, String)> {
    Some(match &record.event {
        Event::AttemptStarted(e) => {
            let text = words::tries(e.charged + 1, e.max_attempts, e.attempt.get());
            (e.step.as_str(), text)
        }
        Event::AttemptSucceeded(e) => (e.step.as_str(), "done".to_owned()),
        Event::AttemptFailed(e) => (e.step.as_str(), failed(known, record, e)),
        Event::AttemptInterrupted(e) => {
            (e.step.as_str(), "interrupted; it goes on when the launcher does".to_owned())
        }
        Event::OutputsInvalidated(e) => {
            let lost = list(&e.lost);
            (e.step.as_str(), format!("does {lost} again: {}", words::reason(&e.reason)))
        }
        Event::StepParked(e) => (e.step.as_str(), known.parked(record, e)),
        Event::StepReleased(e) => (e.step.as_str(), "goes on: it need not wait any longer".into()),
        Event::StepRefused(e) => (e.step.as_str(), format!("given up: {}", e.failure.message)),
        Event::StepSkipped(e) => {
            (e.step.as_str(), format!("skipped by {}: {}", e.actor, words::reason(&e.reason)))
        }
        _ => return None,
    })
}

fn of_run(event: &Event) -> Option<(&str, String)> {
    let text = match event {
        Event::RunSucceeded(_) => "installed".to_owned(),
        Event::RunFailed(e) => format!("failed at {}", e.step),
        Event::RunExhausted(e) => {
            let step = e.step.as_ref().map(|step| format!(" ({step})")).unwrap_or_default();
            format!("gave up: {}{step}", why::ran_out(e.reason))
        }
        Event::RunCancelled(e) => format!("cancelled by {}: {}", e.actor, words::reason(&e.reason)),
        Event::RunParked(e) => format!("paused: {}", words::reason(&e.reason)),
        Event::RunPaused(e) => format!("paused by {}: {}", e.actor, words::reason(&e.reason)),
        Event::RunResumed(e) => format!("resumed by {}: {}", e.actor, words::reason(&e.reason)),
        Event::RetryNow(e) => {
            format!("tries {} again at once: {}", list(&e.steps), words::reason(&e.reason))
        }
        Event::ForceRetry(e) => {
            format!(
                "tries {} again whatever was wrong: {}",
                list(&e.steps),
                words::reason(&e.reason)
            )
        }
        Event::RecoveryCancelled(e) => format!("no more retries: {}", words::reason(&e.reason)),
        _ => return None,
    };
    Some(("all", text))
}

fn of_breaker(record: &Record) -> Option<Line> {
    let (key, text) = match &record.event {
        Event::BreakerOpened(e) => (&e.key, opened(record, e)),
        Event::BreakerHalfOpened(e) => (&e.key, "the break is over: one probe at a time".into()),
        Event::BreakerClosed(e) => {
            (&e.key, "is back: what waited goes on, in growing waves".to_owned())
        }
        _ => return None,
    };
    Some(Line { name: name(key), step: "breaker".to_owned(), text })
}

fn name(key: &ResourceKey) -> String {
    why::resource(key)
}

fn opened(record: &Record, event: &BreakerOpened) -> String {
    let why = match event.cause {
        OpenCause::Consecutive => format!("{} failures in a row", event.failures.max(1)),
        OpenCause::Rate => "too many attempts failed".to_owned(),
        OpenCause::Slow => "too many attempts were slow".to_owned(),
        OpenCause::ProbeFailed => "the probe failed".to_owned(),
        OpenCause::ProbeExpired => "the probe showed no sign of life".to_owned(),
        OpenCause::ProbeLost => "the launcher died in three probes".to_owned(),
        OpenCause::ServerDirected => "the server asked to stay away".to_owned(),
        OpenCause::LocalOutage => "several hosts failed at once, so it seems offline".to_owned(),
        OpenCause::WaveFailed => "it failed again".to_owned(),
        other => other.name().to_owned(),
    };
    let left = words::duration(Known::break_left(record, event.until));
    format!("circuit breaker open ({why}): next probe in {left}, what needs it waits")
}

fn failed(known: &Known, record: &Record, event: &AttemptFailed) -> String {
    let before = known.turn(record.run, &event.step).map(|turn| turn.charged);
    let is_free = before == Some(event.charged) || event.charged == 0;
    let number = event.charged + u32::from(is_free);
    let tries = words::tries(number, event.max_attempts, event.attempt.get());
    let class = words::class(&event.failure);
    let gained = match event.gained {
        0 => String::new(),
        gained => format!(" after {}", words::bytes(gained)),
    };
    let free = if is_free { "; no retry is used up" } else { "" };
    let next = match event.verdict {
        Verdict::Retry { delay, .. } => {
            let delay = words::duration(delay);
            match event.failure.advice.server_delay() {
                Some(asked) => {
                    let asked = words::duration(asked);
                    format!("server asked to wait {asked}, next try in {delay}{free}")
                }
                None => format!("next try in {delay}{free}"),
            }
        }
        Verdict::Park { .. } => match &event.failure.advice {
            Advice::WhenReady(Condition::DiskSpace { path, bytes }) => why::disk(path, *bytes),
            _ => "it goes on by itself".to_owned(),
        },
        Verdict::Exhausted => "no retry is left".to_owned(),
        _ => "another try would not help".to_owned(),
    };
    format!("{tries} failed{gained} ({class}): {}; {next}", event.failure.message)
}

fn list(steps: &[StepKey]) -> String {
    steps.iter().map(StepKey::as_str).collect::<Vec<_>>().join(", ")
}
