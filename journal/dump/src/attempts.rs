//! The attempts of a run, put together from its records.

use std::fmt::Write;

use resurge_journal::event::{AttemptFailed, Event, Verdict};
use resurge_journal::{AttemptNo, Record, RunId, StepKey, Timestamp};

/// One attempt of a step.
pub(crate) struct Attempt {
    pub(crate) step: StepKey,
    pub(crate) number: AttemptNo,
    pub(crate) started_at: Timestamp,
    /// When it ended, and how.
    pub(crate) end: Option<(Timestamp, String)>,
}

/// Collects the attempts of a run in the order in which they began.
pub(crate) fn of(run: RunId, records: impl Iterator<Item = Record>) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for record in records.filter(|record| record.run == Some(run)) {
        if let Event::AttemptStarted(event) = &record.event {
            attempts.push(Attempt {
                step: event.step.clone(),
                number: event.attempt,
                started_at: record.at,
                end: None,
            });
        } else if let Some((step, number, text)) = ending(&record.event) {
            let begun = attempts.iter_mut().rev();
            let mut same = begun.filter(|had| &had.step == step && had.number == number);
            if let Some(attempt) = same.next() {
                attempt.end = Some((record.at, text));
            }
        }
    }
    attempts
}

fn ending(event: &Event) -> Option<(&StepKey, AttemptNo, String)> {
    match event {
        Event::AttemptSucceeded(event) => {
            Some((&event.step, event.attempt, "succeeded".to_owned()))
        }
        Event::AttemptFailed(event) => Some((&event.step, event.attempt, failed(event))),
        Event::AttemptInterrupted(event) => {
            Some((&event.step, event.attempt, format!("interrupted ({})", event.cause)))
        }
        Event::OutputsInvalidated(event) => {
            Some((&event.step, event.attempt, format!("inputs were gone: {}", event.reason)))
        }
        _ => None,
    }
}

fn failed(event: &AttemptFailed) -> String {
    let failure = &event.failure;
    let mut text = format!("failed: {} ({}): {}", failure.class, failure.kind, failure.message);
    let rest = match event.verdict {
        Verdict::Retry { delay, due_at } => {
            write!(text, "; waits {} ms until {due_at}", delay.as_millis())
        }
        verdict => write!(text, "; {}", verdict.name()),
    };
    debug_assert!(rest.is_ok(), "a text takes everything");
    text
}
