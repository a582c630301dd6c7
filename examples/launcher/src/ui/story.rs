//! Events as sentences.

use std::collections::HashMap;
use std::fmt;

use resurge::journal::Record;
use resurge::journal::event::{AttemptFailed, Event, Verdict};
use resurge::{RunId, RunView, StepKey};

use super::words;

/// One transition of one run, as people read it.
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

/// What the runs are called.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<RunId, String>);

impl Names {
    pub(super) fn new(runs: &[RunView]) -> Self {
        let named = runs.iter().filter_map(|run| Some((run.id, run.key.as_ref()?.to_string())));
        Self(named.collect())
    }

    pub(super) fn get(&self, run: RunId) -> String {
        self.0.get(&run).map_or_else(|| run.to_string(), |name| words::tame(name))
    }

    fn learn(&mut self, record: &Record) {
        if let (Some(run), Event::RunStarted(started)) = (record.run, &record.event)
            && let Some(key) = &started.key
        {
            self.0.insert(run, key.to_string());
        }
    }
}

/// The sentence for a record; none for what people need not see.
pub(super) fn tell(names: &mut Names, record: &Record) -> Option<Line> {
    names.learn(record);
    let (step, text) = sentence(&record.event)?;
    let name = names.get(record.run?);
    Some(Line { name, step: step.to_owned(), text: words::tame(&text) })
}

fn sentence(event: &Event) -> Option<(&str, String)> {
    Some(match event {
        Event::AttemptStarted(e) => {
            let text = words::tries(e.charged + 1, e.max_attempts, e.attempt.get());
            (e.step.as_str(), text)
        }
        Event::AttemptSucceeded(e) => (e.step.as_str(), "done".to_owned()),
        Event::AttemptFailed(e) => (e.step.as_str(), failed(e)),
        Event::AttemptInterrupted(e) => {
            (e.step.as_str(), "interrupted; it goes on when the launcher does".to_owned())
        }
        Event::OutputsInvalidated(e) => {
            let lost = e.lost.iter().map(StepKey::as_str).collect::<Vec<_>>().join(", ");
            (e.step.as_str(), format!("does {lost} again: {}", e.reason))
        }
        Event::RunSucceeded(_) => ("all", "installed".to_owned()),
        Event::RunFailed(e) => ("all", format!("failed at {}", e.step)),
        Event::RunExhausted(e) => match &e.step {
            Some(step) => ("all", format!("gave up: all retries of {step} are used up")),
            None => ("all", "gave up: the deadline has passed".to_owned()),
        },
        Event::RunCancelled(e) => ("all", format!("cancelled by {}: {}", e.actor, e.reason)),
        Event::RunParked(e) => ("all", format!("paused: {}", e.reason)),
        _ => return None,
    })
}

fn failed(event: &AttemptFailed) -> String {
    let tries = words::tries(event.charged, event.max_attempts, event.attempt.get());
    let class = words::class(&event.failure);
    let gained = match event.gained {
        0 => String::new(),
        gained => format!(" after {}", words::bytes(gained)),
    };
    let next = match event.verdict {
        Verdict::Retry { delay, .. } => format!("next try in {}", words::duration(delay)),
        Verdict::Exhausted => "no retry is left".to_owned(),
        _ => "another try would not help".to_owned(),
    };
    format!("{tries} failed{gained} ({class}): {}; {next}", event.failure.message)
}
