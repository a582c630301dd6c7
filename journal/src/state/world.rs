//! The whole of a journal, folded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use uuid::Uuid;

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
    pub(crate) ready: BTreeSet<(Timestamp, Seq, RunId, StepIndex)>,
    /// Steps with an attempt under way.
    pub(crate) running: BTreeSet<(RunId, StepIndex)>,
    /// Steps of active runs that wait for a time.
    pub(crate) waiting: BTreeSet<(Timestamp, RunId, StepIndex)>,
    /// Deadlines of open runs.
    pub(crate) deadlines: BTreeSet<(Timestamp, RunId)>,
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

    /// Steps that could start now, those first that could start for the longest time.
    ///
    /// Ready steps and due retries stand in one queue, so that neither keeps the other waiting.
    pub fn startable(&self, now: Timestamp) -> impl Iterator<Item = (RunId, StepIndex)> + '_ {
        let due = self.agenda.waiting.iter().take_while(move |(at, _, _)| *at <= now);
        let mut due = due.map(|(at, run, step)| (*at, (*run, *step))).peekable();
        let ready = self.agenda.ready.iter();
        let mut ready = ready.map(|(at, _, run, step)| (*at, (*run, *step))).peekable();
        std::iter::from_fn(move || {
            let due_first = match (due.peek(), ready.peek()) {
                (Some((due, _)), Some((ready, _))) => due < ready,
                (due, _) => due.is_some(),
            };
            let next = if due_first { due.next() } else { ready.next() };
            next.map(|(_, step)| step)
        })
    }

    /// Runs whose deadline has passed.
    pub fn overdue(&self, now: Timestamp) -> impl Iterator<Item = RunId> + '_ {
        let passed = self.agenda.deadlines.iter().take_while(move |(at, _)| *at <= now);
        passed.map(|(_, run)| *run)
    }

    /// The next point after `now` at which something becomes due.
    ///
    /// Costs the same however much is due already and waits for its turn.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let after = now.after(Duration::from_millis(1));
        let (run, step) = (RunId::new(Uuid::nil()), StepIndex::new(0));
        let attempt = self.agenda.waiting.range((after, run, step)..).next().map(|(at, _, _)| *at);
        let deadline = self.agenda.deadlines.range((after, run)..).next().map(|(at, _)| *at);
        attempt.into_iter().chain(deadline).min()
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
                self.ready.insert((entry.since_at, entry.since, run.id, step));
            }
            StepPhase::Waiting { due_at } if run.phase == RunPhase::Active => {
                self.waiting.insert((due_at, run.id, step));
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
                self.ready.remove(&(entry.since_at, entry.since, run.id, step));
            }
            StepPhase::Waiting { due_at } => {
                self.waiting.remove(&(due_at, run.id, step));
            }
            _ => {}
        }
    }
}
