//! How runs end, and who waits to be told.

use std::collections::HashMap;

use resurge_journal::event::ExhaustReason;
use resurge_journal::failure::Failure;
use resurge_journal::state::{Run, RunPhase};
use resurge_journal::{AttemptNo, Json, RunId, StepKey};

use super::message::Reply;

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    Succeeded(Json),
    Failed {
        step: StepKey,
        attempts: AttemptNo,
        failure: Option<Failure>,
    },
    Exhausted {
        reason: ExhaustReason,
        step: Option<StepKey>,
        attempts: AttemptNo,
        failure: Option<Failure>,
    },
    Cancelled {
        actor: String,
        reason: String,
    },
}

impl Ended {
    /// How a run ended, if it has.
    pub(super) fn of(run: &Run) -> Option<Self> {
        let last = |key| {
            let step = run.step_by_key(key).map(|(_, step)| step);
            let attempts = step.map(|step| step.attempts).unwrap_or_default();
            (attempts, step.and_then(|step| step.last_failure.clone()))
        };
        match &run.phase {
            RunPhase::Active | RunPhase::Parked { .. } | RunPhase::Paused { .. } => None,
            RunPhase::Succeeded => run.output().cloned().map(Self::Succeeded),
            RunPhase::Failed { step } => {
                let (attempts, failure) = last(step);
                Some(Self::Failed { step: step.clone(), attempts, failure })
            }
            RunPhase::Exhausted { reason, step } => {
                let (attempts, failure) = step.as_ref().map(last).unwrap_or_default();
                Some(Self::Exhausted { reason: *reason, step: step.clone(), attempts, failure })
            }
            RunPhase::Cancelled { actor, reason } => {
                Some(Self::Cancelled { actor: actor.clone(), reason: reason.clone() })
            }
        }
    }
}

/// Who waits for the end of which run.
#[derive(Debug, Default)]
pub(super) struct Waiters(HashMap<RunId, Vec<Reply<Option<Ended>>>>);

impl Waiters {
    pub(super) fn add(&mut self, run: RunId, reply: Reply<Option<Ended>>) {
        let waiters = self.0.entry(run).or_default();
        // Whoever waits in slices of time leaves an answer behind with each of them.
        if waiters.len() == waiters.capacity() {
            waiters.retain(|waiter| !waiter.is_closed());
        }
        waiters.push(reply);
    }

    /// Tells those who wait for a run how it ended.
    pub(super) fn tell(&mut self, run: RunId, ending: &Ended) {
        for reply in self.0.remove(&run).unwrap_or_default() {
            let _ = reply.send(Some(ending.clone()));
        }
    }
}
