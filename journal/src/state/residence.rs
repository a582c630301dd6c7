//! Runs leave memory while nothing can happen to them, and come back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Ease;
use crate::id::{Epoch, ResourceKey, RunId, RunKey, Seq, StepKey, WorkflowName};
use crate::state::breaker::Breaker;
use crate::state::run::{Run, RunPhase};
use crate::state::stats::Stats;
use crate::state::step::StepPhase;
use crate::state::trimmed::Trimmed;
use crate::state::tuning::Tuning;
use crate::state::world::State;
use crate::time::Timestamp;

/// How long nothing happens to a run unless somebody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It has ended.
    Ended,
    /// It waits for this time; without one it waits for a person.
    Until(Option<Timestamp>),
}

/// A run that has left memory.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    pub(crate) run: Arc<Run>,
    /// The key under which it was the newest run.
    pub(crate) key: Option<RunKey>,
}

/// Everything that a state holds beside runs; what can be derived from it is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Global {
    pub(crate) head: Seq,
    pub(crate) last_at: Timestamp,
    pub(crate) epoch: Epoch,
    pub(crate) keys: HashMap<RunKey, RunId>,
    pub(crate) breakers: BTreeMap<ResourceKey, Breaker>,
    pub(crate) budgets: BTreeMap<ResourceKey, Timestamp>,
    pub(crate) tuning: Tuning,
    pub(crate) stats: Stats,
    pub(crate) ease: Option<Ease>,
    pub(crate) crowd: u32,
    pub(crate) lints: BTreeSet<(WorkflowName, u32, StepKey, String)>,
    pub(crate) trimmed: Trimmed,
}

#[cfg(test)]
impl Global {
    /// Leaves out who is known under which key, which depends on who is in memory.
    pub(crate) fn clone_keys_of(&mut self, other: &Self) {
        self.keys.clone_from(&other.keys);
    }
}

impl Run {
    /// How long nothing happens to the run unless somebody asks; none if it is being worked on.
    ///
    /// A run that waits for a definition, a breaker or a condition does not rest.
    pub fn rest(&self) -> Option<Rest> {
        if self.phase.is_final() {
            return Some(Rest::Ended);
        }
        let is_frozen = match self.phase {
            RunPhase::Active => None,
            RunPhase::Paused { freezes_timers, .. } => Some(freezes_timers),
            _ => return None,
        };
        let mut due = self.deadline_at.filter(|_| is_frozen != Some(true));
        let mut waits = false;
        for (_, _, step) in self.steps() {
            match step.phase {
                StepPhase::Running { .. } | StepPhase::Held { .. } => return None,
                // One that failed for good is about to end the run.
                StepPhase::Ready | StepPhase::Failed { .. } if is_frozen.is_none() => return None,
                StepPhase::Waiting { due_at } if is_frozen.is_none() => {
                    waits = true;
                    due = due.into_iter().chain([due_at]).min();
                }
                _ => {}
            }
        }
        // One that is active and waits for nothing is about to end as well.
        (is_frozen.is_some() || waits).then_some(Rest::Until(due))
    }
}

impl State {
    /// Whether a run is in memory.
    pub fn holds(&self, run: RunId) -> bool {
        self.runs.contains_key(&run)
    }

    /// The run with an id, to be kept beside the state.
    pub fn shared_run(&self, id: RunId) -> Option<Arc<Run>> {
        self.runs.get(&id).cloned()
    }

    /// All runs in memory, to be kept beside the state.
    pub fn shared_runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.runs.values()
    }

    /// Runs in memory that have not ended.
    pub fn open_count(&self) -> usize {
        self.agenda.open.len()
    }

    /// Steps that could start now, counted up to a limit.
    pub fn backlog(&self, now: Timestamp, limit: usize) -> usize {
        let due = self.agenda.waiting.iter().take_while(|(at, _, _)| *at <= now);
        let ready = self.agenda.ready.len().min(limit);
        ready + due.take(limit - ready).count()
    }

    /// Takes a run out of memory; nothing else changes.
    pub(crate) fn evict(&mut self, id: RunId) -> Option<Left> {
        let run = self.runs.remove(&id)?;
        if !run.phase.is_final() {
            self.agenda.open.remove(&id);
            self.agenda.remove_deadline(&run);
            for (index, _, _) in run.steps() {
                self.agenda.remove_step(&run, index);
            }
        }
        let key = run.started.key.clone().filter(|key| self.keys.get(key) == Some(&id));
        if let Some(key) = &key {
            self.keys.remove(key);
        }
        Some(Left { run, key })
    }

    /// Takes a run back into memory as it was when it left.
    pub(crate) fn admit(&mut self, Left { run, key }: Left) {
        if let Some(key) = key {
            // Whoever is known under the key by now took it later.
            self.keys.entry(key).or_insert(run.id);
        }
        if self.runs.contains_key(&run.id) {
            return;
        }
        if !run.phase.is_final() {
            self.agenda.open.insert(run.id);
            self.agenda.insert_deadline(&run);
            for (index, _, _) in run.steps() {
                self.agenda.insert_step(&run, index);
            }
        }
        self.runs.insert(run.id, run);
    }

    /// This state with no run but these, for whoever asks about a run that has left memory.
    #[must_use]
    pub fn with_only(&self, runs: impl IntoIterator<Item = Arc<Run>>) -> Self {
        let mut state = Self::restore(self.global(), runs);
        state.keys.retain(|_, id| state.runs.contains_key(id));
        for run in state.runs.values() {
            if let Some(key) = &run.started.key {
                state.keys.entry(key.clone()).or_insert(run.id);
            }
        }
        state
    }

    /// Everything beside the runs.
    pub(crate) fn global(&self) -> Global {
        Global {
            head: self.head,
            last_at: self.last_at,
            epoch: self.epoch,
            keys: self.keys.clone(),
            breakers: self.breakers.clone(),
            budgets: self.budgets.clone(),
            tuning: self.tuning.clone(),
            stats: self.stats.clone(),
            ease: self.ease,
            crowd: self.crowd,
            lints: self.lints.clone(),
            trimmed: self.trimmed.clone(),
        }
    }

    /// The state that was taken apart into these.
    pub(crate) fn restore(global: Global, runs: impl IntoIterator<Item = Arc<Run>>) -> Self {
        let mut state = Self {
            head: global.head,
            last_at: global.last_at,
            epoch: global.epoch,
            keys: global.keys,
            breakers: global.breakers,
            budgets: global.budgets,
            tuning: global.tuning,
            stats: global.stats,
            ease: global.ease,
            crowd: global.crowd,
            lints: global.lints,
            trimmed: global.trimmed,
            ..Self::default()
        };
        let gates = state.breakers.iter().filter(|(_, breaker)| !breaker.is_closed());
        state.agenda.gates = gates.map(|(key, _)| key.clone()).collect();
        for run in runs {
            state.admit(Left { run, key: None });
        }
        state
    }
}
