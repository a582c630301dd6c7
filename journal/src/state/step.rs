//! What the journal says about one step of a run.

use crate::event::{InterruptCause, Verdict};
use crate::failure::Failure;
use crate::id::{AttemptNo, Epoch, Seq};
use crate::json::Json;
use crate::state::transitions::StepPhaseKind;
use crate::time::Timestamp;

/// What the journal says about one step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Where the step stands.
    pub phase: StepPhase,
    /// The record that brought it there; effects wait until that record is durable.
    pub since: Seq,
    /// When that was.
    pub since_at: Timestamp,
    /// Attempts begun so far.
    pub attempts: AttemptNo,
    /// Failures in a row that count against the step.
    pub charged: u32,
    /// The furthest that a failed attempt has come, in the step's own unit.
    pub reached: u64,
    /// Times in a row that the step found its inputs gone.
    pub lost_inputs: u32,
    /// The last failure; cleared by success.
    pub last_failure: Option<Failure>,
    /// What interrupted the last attempt, if it was interrupted.
    pub last_interrupt: Option<InterruptCause>,
    /// Where an attempt can go on.
    pub checkpoint: Option<Json>,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq)]
pub enum StepPhase {
    /// Something that it needs has not succeeded yet.
    Blocked,
    /// It could start.
    Ready,
    /// An attempt is under way.
    Running {
        /// Which attempt.
        attempt: AttemptNo,
        /// The engine that runs it.
        epoch: Epoch,
        /// When it began.
        started_at: Timestamp,
    },
    /// The next attempt is due later.
    Waiting {
        /// When the next attempt is due.
        due_at: Timestamp,
    },
    /// An attempt did its work.
    Succeeded {
        /// What it gave.
        output: Json,
    },
    /// The last attempt failed for good.
    Failed {
        /// What the last attempt came to.
        verdict: Verdict,
    },
    /// The run ended before the step did.
    Stopped,
}

impl Step {
    pub(crate) const fn new(phase: StepPhase, since: Seq, since_at: Timestamp) -> Self {
        Self {
            phase,
            since,
            since_at,
            attempts: AttemptNo::NONE,
            charged: 0,
            reached: 0,
            lost_inputs: 0,
            last_failure: None,
            last_interrupt: None,
            checkpoint: None,
        }
    }

    /// What the step gave, once it has succeeded.
    pub const fn output(&self) -> Option<&Json> {
        match &self.phase {
            StepPhase::Succeeded { output } => Some(output),
            _ => None,
        }
    }

    /// The attempt that is under way.
    pub const fn running(&self) -> Option<AttemptNo> {
        match self.phase {
            StepPhase::Running { attempt, .. } => Some(attempt),
            _ => None,
        }
    }
}

impl StepPhase {
    /// The phase without what it carries.
    pub const fn kind(&self) -> StepPhaseKind {
        match self {
            Self::Blocked => StepPhaseKind::Blocked,
            Self::Ready => StepPhaseKind::Ready,
            Self::Running { .. } => StepPhaseKind::Running,
            Self::Waiting { .. } => StepPhaseKind::Waiting,
            Self::Succeeded { .. } => StepPhaseKind::Succeeded,
            Self::Failed { .. } => StepPhaseKind::Failed,
            Self::Stopped => StepPhaseKind::Stopped,
        }
    }
}
