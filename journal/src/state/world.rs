//! The whole of a journal, folded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::id::{Epoch, RunId, RunKey, Seq, StepIndex};
use crate::state::run::{Run, RunPhase};
use crate::state::step::StepPhase;
use crate::time::Timestamp;

/// What the records of a journal add up to.
///
/// Changed by [`State::apply`] alone. Two states that applied the same records are equal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The last record applied.
    pub(crate) head: Seq,
    /// When the last record was recorded.
    pub(crate) last_at: Timestamp,
    /// Openings of the journal so far.
    pub(crate) epoch: Epoch,
    pub(crate) runs: BTreeMap<RunId, Run>,
    /// The newest run under each key.
    pub(crate) keys: HashMap<RunKey, RunId>,
    pub(crate) agenda: Agenda,
}

/// What is to be done next: an index over the runs that are not finished.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Agenda {
    /// Runs that have not ended.
    pub(crate) open: BTreeSet<RunId>,
    /// Steps of active runs that could start, oldest first.
    pub(crate) ready: BTreeSet<(Seq, RunId, StepIndex)>,
    /// Steps with an attempt under way.
    pub(crate) running: BTreeSet<(RunId, StepIndex)>,
    /// Steps of active runs that wait for a time, and deadlines of open runs.
    pub(crate) due: BTreeSet<(Timestamp, RunId, Due)>,
}

/// What becomes due at a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Due {
    /// The deadline of the run.
    Deadline,
    /// The next attempt of a step.
    Attempt(StepIndex),
}

impl State {
    /// Before the first record.
    pub fn new() -> Self {
        Self::default()
    }

    /// The last record applied.
    pub const fn head(&self) -> Seq {
        self.head
    }

    /// When the last record was recorded.
    pub const fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// How often the journal was opened by an engine.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The run with an id.
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.get(&id)
    }

    /// The newest run under a key.
    pub fn run_by_key(&self, key: &RunKey) -> Option<&Run> {
        self.keys.get(key).and_then(|id| self.runs.get(id))
    }

    /// All runs, in the order of their ids.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values()
    }

    /// Runs that have not ended, in the order of their ids.
    pub fn open_runs(&self) -> impl Iterator<Item = &Run> {
        self.agenda.open.iter().filter_map(|id| self.runs.get(id))
    }

    /// Number of attempts under way.
    pub fn running(&self) -> usize {
        self.agenda.running.len()
    }

    /// Steps with an attempt under way.
    pub fn running_steps(&self) -> impl Iterator<Item = (RunId, StepIndex)> + '_ {
        self.agenda.running.iter().copied()
    }

    /// Steps that could start now, those first whose next attempt is due, then the oldest.
    pub fn startable(&self, now: Timestamp) -> impl Iterator<Item = (RunId, StepIndex)> + '_ {
        let waiting = self.agenda.due.iter().take_while(move |(at, _, _)| *at <= now).filter_map(
            |(_, run, due)| match due {
                Due::Attempt(step) => Some((*run, *step)),
                Due::Deadline => None,
            },
        );
        waiting.chain(self.agenda.ready.iter().map(|(_, run, step)| (*run, *step)))
    }

    /// Runs whose deadline has passed.
    pub fn overdue(&self, now: Timestamp) -> impl Iterator<Item = RunId> + '_ {
        self.agenda.due.iter().take_while(move |(at, _, _)| *at <= now).filter_map(
            |(_, run, due)| match due {
                Due::Deadline => Some(*run),
                Due::Attempt(_) => None,
            },
        )
    }

    /// The next point after `now` at which something becomes due.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.agenda.due.iter().map(|(at, _, _)| *at).find(|at| *at > now)
    }
}

impl Agenda {
    /// Takes up what a step waits for.
    pub(crate) fn insert_step(&mut self, run: &Run, step: StepIndex) {
        let Some(entry) = run.step(step) else { return };
        match entry.phase {
            StepPhase::Running { .. } => {
                self.running.insert((run.id, step));
            }
            StepPhase::Ready if run.phase == RunPhase::Active => {
                self.ready.insert((entry.since, run.id, step));
            }
            StepPhase::Waiting { due_at } if run.phase == RunPhase::Active => {
                self.due.insert((due_at, run.id, Due::Attempt(step)));
            }
            _ => {}
        }
    }

    /// Drops what a step waits for.
    pub(crate) fn remove_step(&mut self, run: &Run, step: StepIndex) {
        let Some(entry) = run.step(step) else { return };
        match entry.phase {
            StepPhase::Running { .. } => {
                self.running.remove(&(run.id, step));
            }
            StepPhase::Ready => {
                self.ready.remove(&(entry.since, run.id, step));
            }
            StepPhase::Waiting { due_at } => {
                self.due.remove(&(due_at, run.id, Due::Attempt(step)));
            }
            _ => {}
        }
    }
}
