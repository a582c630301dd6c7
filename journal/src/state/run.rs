//! What the journal says about one run.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::{ExhaustReason, RunStarted};
use crate::id::{RunId, Seq, StepIndex, StepKey};
use crate::json::Json;
use crate::manifest::{InputShape, Source, StepSpec};
use crate::state::step::{Step, StepPhase};
use crate::state::transitions::RunPhaseKind;
use crate::time::Timestamp;

/// What the journal says about one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its identity.
    pub id: RunId,
    /// How it was started: its key, graph, input and deadline.
    pub started: RunStarted,
    /// When it was started.
    pub started_at: Timestamp,
    /// Where it stands.
    pub phase: RunPhase,
    /// The record that brought it there.
    pub since: Seq,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it is given up; moves with frozen timers.
    pub deadline_at: Option<Timestamp>,
    /// When an attempt failed for the first time.
    pub first_failed_at: Option<Timestamp>,
    /// Whether somebody did the work of a step by hand, so that it did not recover by itself.
    pub was_skipped: bool,
    /// Whether somebody does not want any more retries.
    pub recovery_cancelled: bool,
    /// Records that were lost while it was open, until it was halted for somebody to look at it.
    pub doubt: Option<(Seq, Seq)>,
    /// Its steps, in the order of the manifest.
    pub(crate) steps: Vec<Step>,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunPhase {
    /// Its steps are being worked on.
    Active,
    /// It waits for a definition that fits it.
    Parked {
        /// What does not fit.
        reason: String,
    },
    /// Somebody halted it.
    Paused {
        /// Who.
        actor: String,
        /// Why.
        reason: String,
        /// Since when.
        at: Timestamp,
        /// Whether its timers stand still.
        freezes_timers: bool,
    },
    /// Every step succeeded.
    Succeeded,
    /// A step failed for good although retries were left.
    Failed {
        /// The step.
        step: StepKey,
    },
    /// Retries or time were used up.
    Exhausted {
        /// What ran out.
        reason: ExhaustReason,
        /// The step that was out of retries.
        step: Option<StepKey>,
    },
    /// Somebody called it off.
    Cancelled {
        /// Who.
        actor: String,
        /// Why.
        reason: String,
    },
}

/// The status of a run as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Waiting to start.
    Pending,
    /// Being worked on.
    InProgress,
    /// A step failed and is being tried again.
    Recovering,
    /// Completed.
    Success,
    /// Stopped although retries were left.
    Failed,
    /// Retries or time were used up.
    Exhausted,
    /// Halted until something changes.
    Paused,
    /// Called off.
    Cancelled,
}

impl RunStatus {
    /// Whether nothing will happen to the run any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Exhausted | Self::Cancelled)
    }

    /// Name in JSON, such as `in_progress`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Recovering => "recovering",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Exhausted => "exhausted",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "Pending",
            Self::InProgress => "In Progress",
            Self::Recovering => "Recovering",
            Self::Success => "Success",
            Self::Failed => "Failed",
            Self::Exhausted => "Exhausted",
            Self::Paused => "Paused",
            Self::Cancelled => "Cancelled",
        })
    }
}

impl Run {
    /// The steps with their specifications, in the order of definition.
    pub fn steps(&self) -> impl Iterator<Item = (StepIndex, &StepSpec, &Step)> {
        self.started
            .manifest
            .iter()
            .zip(&self.steps)
            .map(|((index, spec), step)| (index, spec, step))
    }

    /// The step at a position.
    pub fn step(&self, index: StepIndex) -> Option<&Step> {
        self.steps.get(index.get())
    }

    /// The step with a key.
    pub fn step_by_key(&self, key: &StepKey) -> Option<(StepIndex, &Step)> {
        let index = self.started.manifest.index_of(key)?;
        self.step(index).map(|step| (index, step))
    }

    /// The last record that moved the run or one of its steps, or forbade it more retries.
    pub fn version(&self) -> Seq {
        let steps = self.steps.iter().map(|step| step.since);
        steps.fold(self.since, Seq::max)
    }

    /// The output of the run, once it has succeeded.
    pub fn output(&self) -> Option<&Json> {
        match self.phase {
            RunPhase::Succeeded => self.step(self.started.manifest.result)?.output(),
            _ => None,
        }
    }

    /// The input of a step, once everything that it needs has succeeded.
    pub fn input_of(&self, spec: &StepSpec) -> Option<Json> {
        let parts = spec.input.sources.iter().map(|source| match source {
            Source::RunInput => Some(&self.started.input),
            Source::Step(step) => self.step(*step)?.output(),
        });
        let parts: Vec<&Json> = parts.collect::<Option<_>>()?;
        match spec.input.shape {
            InputShape::Nothing => Some(Json::null()),
            InputShape::Single => parts.first().map(|only| (*only).clone()),
            InputShape::List => Some(Json::array(parts)),
        }
    }

    /// The status as people see it.
    pub fn status(&self) -> RunStatus {
        match self.phase {
            RunPhase::Active => self.active_status(),
            RunPhase::Parked { .. } | RunPhase::Paused { .. } => RunStatus::Paused,
            RunPhase::Succeeded => RunStatus::Success,
            RunPhase::Failed { .. } => RunStatus::Failed,
            RunPhase::Exhausted { .. } => RunStatus::Exhausted,
            RunPhase::Cancelled { .. } => RunStatus::Cancelled,
        }
    }

    fn active_status(&self) -> RunStatus {
        let recovering = |step: &Step| match step.phase {
            StepPhase::Held { .. } => true,
            StepPhase::Waiting { .. } | StepPhase::Ready | StepPhase::Running { .. } => {
                step.last_failure.is_some()
            }
            _ => false,
        };
        if self.steps.iter().any(recovering) {
            RunStatus::Recovering
        } else if self.steps.iter().all(|step| step.attempts.get() == 0) {
            RunStatus::Pending
        } else {
            RunStatus::InProgress
        }
    }
}

impl RunPhase {
    /// The phase without what it carries.
    pub const fn kind(&self) -> RunPhaseKind {
        match self {
            Self::Active => RunPhaseKind::Active,
            Self::Parked { .. } => RunPhaseKind::Parked,
            Self::Paused { .. } => RunPhaseKind::Paused,
            Self::Succeeded => RunPhaseKind::Succeeded,
            Self::Failed { .. } => RunPhaseKind::Failed,
            Self::Exhausted { .. } => RunPhaseKind::Exhausted,
            Self::Cancelled { .. } => RunPhaseKind::Cancelled,
        }
    }

    /// Whether nothing will happen to the run any more.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Active | Self::Parked { .. } | Self::Paused { .. })
    }
}
