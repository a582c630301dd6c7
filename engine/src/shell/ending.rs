//! How runs end, as those who wait for them are told.

use resurge_journal::event::ExhaustReason;
use resurge_journal::failure::Failure;
use resurge_journal::state::{Run, RunPhase};
use resurge_journal::{AttemptNo, Json, StepKey};

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
