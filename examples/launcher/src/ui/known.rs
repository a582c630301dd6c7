//! What the display knows from the records before: names, breakers, attempts.

use std::collections::HashMap;
use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::event::{Event, OpenCause, StepParked};
use resurge::{BreakerView, ResourceKey, RunId, RunView, StepKey, Timestamp};

use super::why::{self, Turn};
use super::words;

/// What the display knows from the records before.
#[derive(Debug, Default)]
pub(super) struct Known {
    names: HashMap<RunId, String>,
    /// Breakers that are open: until when, and why.
    breaks: HashMap<ResourceKey, (Timestamp, Option<OpenCause>)>,
    /// The last attempt of each step, as it began.
    turns: HashMap<(RunId, StepKey), Turn>,
}

impl Known {
    pub(super) fn new(runs: &[RunView], breakers: &[BreakerView]) -> Self {
        let mut known = Self::default();
        for run in runs {
            known.names.extend(run.key.iter().map(|key| (run.id, key.to_string())));
            for step in run.steps.iter().filter(|_| !run.status.is_final()) {
                let turn = Turn { charged: step.charged, max_attempts: step.max_attempts };
                known.turns.insert((run.id, step.key.clone()), turn);
            }
        }
        let open = breakers
            .iter()
            .filter_map(|known| Some((known.key.clone(), (known.until?, known.cause))));
        known.breaks.extend(open);
        known
    }

    /// What a run is called.
    pub(super) fn name(&self, run: RunId) -> String {
        self.names.get(&run).map_or_else(|| run.to_string(), |name| words::tame(name))
    }

    /// The attempts of a step before the one under way.
    pub(super) fn turn(&self, run: Option<RunId>, step: &StepKey) -> Option<Turn> {
        self.turns.get(&(run?, step.clone())).copied()
    }

    /// Why a step waits that has just been parked.
    pub(super) fn parked(&self, record: &Record, event: &StepParked) -> String {
        let none = Turn { charged: 0, max_attempts: 1 };
        let turn = self.turn(record.run, &event.step).unwrap_or(none);
        let known = |key: &ResourceKey| {
            let (until, cause) = self.breaks.get(key)?;
            let (remaining, cause) = (until.since(record.at), *cause);
            Some(why::gate(key, why::Gate::Open { remaining, cause }, turn))
        };
        let half_open =
            |key: &ResourceKey| why::gate(key, why::Gate::HalfOpen { probe: None }, turn);
        let why = event.keys.iter().find_map(known);
        why.or_else(|| event.keys.first().map(half_open)).unwrap_or_default()
    }

    /// How long a break lasts that begins with a record.
    pub(super) fn break_left(record: &Record, until: Timestamp) -> Duration {
        until.since(record.at)
    }

    /// Takes in what a record says.
    pub(super) fn learn(&mut self, record: &Record) {
        match (record.run, &record.event) {
            (Some(run), Event::RunStarted(started)) => {
                self.names.extend(started.key.iter().map(|key| (run, key.to_string())));
            }
            (Some(run), Event::AttemptStarted(e)) => {
                let turn = Turn { charged: e.charged, max_attempts: e.max_attempts };
                self.turns.insert((run, e.step.clone()), turn);
            }
            (Some(run), Event::AttemptFailed(e)) => {
                let turn = Turn { charged: e.charged, max_attempts: e.max_attempts };
                self.turns.insert((run, e.step.clone()), turn);
            }
            (_, Event::BreakerOpened(e)) => {
                self.breaks.insert(e.key.clone(), (e.until, Some(e.cause)));
            }
            (_, Event::BreakerHalfOpened(e)) => {
                self.breaks.remove(&e.key);
            }
            (_, Event::BreakerClosed(e)) => {
                self.breaks.remove(&e.key);
            }
            _ => {}
        }
    }
}
