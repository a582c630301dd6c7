//! The whole of a journal, folded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::event::Ease;
use crate::id::{Epoch, ResourceKey, RunId, RunKey, Seq, StepIndex, StepKey, WorkflowName};
use crate::state::breaker::{Breaker, Gate};
use crate::state::run::{Run, RunPhase};
use crate::state::stats::Stats;
use crate::state::step::{Hold, StepPhase};
use crate::state::trimmed::Trimmed;
use crate::state::tuning::Tuning;
use crate::time::Timestamp;

/// What the records of a journal add up to.
///
/// Changed by [`State::apply`] alone; runs that rest can leave it and come back, which changes
/// nothing that is said about them. Two states that applied the same records are equal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The last record applied.
    pub(crate) head: Seq,
    /// When the last record was recorded.
    pub(crate) last_at: Timestamp,
    /// Openings of the journal so far.
    pub(crate) epoch: Epoch,
    /// Shared with whoever took a snapshot; a run that changes then is copied first.
    pub(crate) runs: BTreeMap<RunId, Arc<Run>>,
    /// The newest run under each key.
    pub(crate) keys: HashMap<RunKey, RunId>,
    pub(crate) agenda: Agenda,
    /// Breakers of everything that was needed lately.
    pub(crate) breakers: BTreeMap<ResourceKey, Breaker>,
    /// When each resource has its retry budget paid back.
    pub(crate) budgets: BTreeMap<ResourceKey, Timestamp>,
    pub(crate) tuning: Tuning,
    pub(crate) stats: Stats,
    pub(crate) ease: Option<Ease>,
    /// Attempts that had saved nothing when the process died last: each may be what ended it.
    pub(crate) crowd: u32,
    /// Lints that stand in the journal already.
    pub(crate) lints: BTreeSet<(WorkflowName, u32, StepKey, String)>,
    /// What retention has dropped, and what it must spare.
    pub(crate) trimmed: Trimmed,
    /// Whether nothing is known of the records in front of those that it was folded from.
    pub(crate) is_bereft: bool,
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
    /// Steps of active runs that wait for a time, or are held until one at most.
    pub(crate) waiting: BTreeSet<(Timestamp, RunId, StepIndex)>,
    /// Steps of active runs behind each breaker, by rank.
    pub(crate) held: BTreeMap<ResourceKey, BTreeSet<(Timestamp, Seq, RunId, StepIndex)>>,
    /// Steps of active runs that wait for something to change.
    pub(crate) conditions: BTreeSet<(RunId, StepIndex)>,
    /// Breakers that are not closed.
    pub(crate) gates: BTreeSet<ResourceKey>,
    /// Deadlines of open runs.
    pub(crate) deadlines: BTreeSet<(Timestamp, RunId)>,
}

impl State {
    /// Before the first record.
    pub fn new() -> Self {
        Self::default()
    }

    /// In front of a record of which nothing is known that came before it.
    ///
    /// Records that do not fit are passed over from here on, and the run that one speaks of is
    /// left out, because what it has become cannot be told.
    pub(crate) fn bereft(first: Seq) -> Self {
        let trimmed = Trimmed { first, ..Trimmed::default() };
        let head = Seq::new(first.get().saturating_sub(1));
        Self { head, trimmed, is_bereft: true, ..Self::default() }
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
        self.runs.get(&id).map(Arc::as_ref)
    }

    /// The newest run under a key.
    pub fn run_by_key(&self, key: &RunKey) -> Option<&Run> {
        self.keys.get(key).and_then(|id| self.run(*id))
    }

    /// All runs, in the order of their ids.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values().map(Arc::as_ref)
    }

    /// Runs that have not ended, in the order of their ids.
    pub fn open_runs(&self) -> impl Iterator<Item = &Run> {
        self.agenda.open.iter().filter_map(|id| self.run(*id))
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

    /// The breaker of a resource, once something has needed it.
    pub fn breaker(&self, key: &ResourceKey) -> Option<&Breaker> {
        self.breakers.get(key)
    }

    /// All breakers, in the order of their keys.
    pub fn breakers(&self) -> impl Iterator<Item = (&ResourceKey, &Breaker)> {
        self.breakers.iter()
    }

    /// Breakers that are not closed, or that steps wait behind.
    pub fn unsettled_breakers(&self) -> impl Iterator<Item = &ResourceKey> {
        let held = self.agenda.held.keys().filter(|key| !self.agenda.gates.contains(*key));
        self.agenda.gates.iter().chain(held)
    }

    /// Steps behind a breaker, in the order in which they are let through.
    pub fn held_by(&self, key: &ResourceKey) -> impl Iterator<Item = (RunId, StepIndex)> + '_ {
        let held = self.agenda.held.get(key).into_iter().flatten();
        held.map(|(_, _, run, step)| (*run, *step))
    }

    /// Steps that wait for something to change.
    pub fn on_conditions(&self) -> impl Iterator<Item = (RunId, StepIndex)> + '_ {
        self.agenda.conditions.iter().copied()
    }

    /// When the retry budget of a resource is paid back.
    pub fn budget_paid_at(&self, key: &ResourceKey) -> Option<Timestamp> {
        self.budgets.get(key).copied()
    }

    /// Settings that people changed while the engine ran.
    pub const fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// How well recovery works.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The newest while in which less is done at the same time.
    pub const fn ease(&self) -> Option<Ease> {
        self.ease
    }

    /// Whether a lint stands in the journal already.
    pub fn has_lint(
        &self,
        workflow: &WorkflowName,
        version: u32,
        step: &StepKey,
        code: &str,
    ) -> bool {
        self.lints.contains(&(workflow.clone(), version, step.clone(), code.to_owned()))
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
        let alarms = self.unsettled_breakers().flat_map(|key| self.alarms(key));
        let alarms = alarms.chain(self.ease.map(|ease| ease.until)).filter(|at| *at > now);
        attempt.into_iter().chain(deadline).chain(alarms).min()
    }

    /// When a breaker moves by itself, or releases more of the steps behind it.
    fn alarms(&self, key: &ResourceKey) -> impl Iterator<Item = Timestamp> + use<> {
        let breaker = self.breakers.get(key);
        let mode_ends = breaker.and_then(|breaker| breaker.mode.as_ref()?.until);
        let gate_turns = breaker.and_then(|breaker| match &breaker.gate {
            Gate::Closed => breaker.wave.map(|wave| wave.next_at),
            Gate::Open { until, .. } => Some(*until),
            Gate::HalfOpen { probe, .. } => probe.map(|probe| probe.lease_until),
        });
        mode_ends.into_iter().chain(gate_turns)
    }
}

impl Agenda {
    /// Takes up what a step waits for.
    pub(crate) fn insert_step(&mut self, run: &Run, step: StepIndex) {
        let Some(entry) = run.step(step) else { return };
        let is_active = run.phase == RunPhase::Active;
        match &entry.phase {
            StepPhase::Running { .. } => {
                self.running.insert((run.id, step));
            }
            StepPhase::Ready if is_active => {
                self.ready.insert((entry.since_at, entry.since, run.id, step));
            }
            StepPhase::Waiting { due_at } if is_active => {
                self.waiting.insert((*due_at, run.id, step));
            }
            StepPhase::Held { on, force_at } if is_active => {
                if let Some(force_at) = force_at {
                    self.waiting.insert((*force_at, run.id, step));
                }
                match on {
                    Hold::Breakers { keys, rank } => {
                        for key in keys {
                            let place = (*rank, entry.since, run.id, step);
                            self.held.entry(key.clone()).or_default().insert(place);
                        }
                    }
                    Hold::Condition(_) => {
                        self.conditions.insert((run.id, step));
                    }
                }
            }
            _ => {}
        }
    }

    /// Drops what a step waits for.
    pub(crate) fn remove_step(&mut self, run: &Run, step: StepIndex) {
        let Some(entry) = run.step(step) else { return };
        match &entry.phase {
            StepPhase::Running { .. } => {
                self.running.remove(&(run.id, step));
            }
            StepPhase::Ready => {
                self.ready.remove(&(entry.since_at, entry.since, run.id, step));
            }
            StepPhase::Waiting { due_at } => {
                self.waiting.remove(&(*due_at, run.id, step));
            }
            StepPhase::Held { on, force_at } => {
                if let Some(force_at) = force_at {
                    self.waiting.remove(&(*force_at, run.id, step));
                }
                self.conditions.remove(&(run.id, step));
                if let Hold::Breakers { keys, rank } = on {
                    for key in keys {
                        self.remove_held(key, &(*rank, entry.since, run.id, step));
                    }
                }
            }
            _ => {}
        }
    }

    fn remove_held(&mut self, key: &ResourceKey, place: &(Timestamp, Seq, RunId, StepIndex)) {
        if let Some(places) = self.held.get_mut(key) {
            places.remove(place);
            if places.is_empty() {
                self.held.remove(key);
            }
        }
    }

    /// Takes up the deadline of a run that can pass.
    pub(crate) fn insert_deadline(&mut self, run: &Run) {
        let is_frozen = matches!(run.phase, RunPhase::Paused { freezes_timers: true, .. });
        if let Some(deadline) = run.deadline_at.filter(|_| !is_frozen && !run.phase.is_final()) {
            self.deadlines.insert((deadline, run.id));
        }
    }

    /// Drops the deadline of a run.
    pub(crate) fn remove_deadline(&mut self, run: &Run) {
        if let Some(deadline) = run.deadline_at {
            self.deadlines.remove(&(deadline, run.id));
        }
    }
}
