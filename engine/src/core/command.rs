//! What can be asked of the core.

use std::time::Duration;

use resurge_journal::event::Event;
use resurge_journal::failure::Failure;
use resurge_journal::manifest::Manifest;
use resurge_journal::{AttemptNo, Epoch, Json, RunId, RunKey, StepIndex, Timestamp};
use resurge_steps::Progress;

/// The only luck that a decision has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ambient {
    pub(crate) now: Timestamp,
    pub(crate) entropy: u128,
}

/// A request for a decision.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// The journal was opened: settle what the last engine left behind.
    Recover { boot: Option<String>, pid: u32 },
    /// Somebody starts a run.
    Start(Box<StartRequest>),
    /// An attempt ended.
    Finished { run: RunId, step: StepIndex, attempt: AttemptNo, outcome: Outcome },
    /// An attempt saves where it stands.
    Checkpoint { run: RunId, step: StepIndex, attempt: AttemptNo, checkpoint: Json },
    /// Somebody calls a run off.
    Cancel { run: RunId, actor: String, reason: String },
    /// Something became due.
    Wake,
    /// The engine stops: no attempt begins any more.
    Drain,
    /// Every attempt has ended: close the epoch.
    Close { epoch: Epoch },
}

/// A run to be started.
#[derive(Debug, Clone)]
pub(crate) struct StartRequest {
    pub(crate) manifest: Manifest,
    pub(crate) input: Json,
    pub(crate) key: Option<RunKey>,
    pub(crate) deadline: Option<Duration>,
    /// Whether a run that has ended gives its key up.
    pub(crate) restart_ended: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Succeeded(Json),
    Failed {
        failure: Box<Failure>,
        /// How far the attempt came.
        progress: Progress,
    },
    /// Outputs that the attempt builds on are gone.
    InputsLost {
        lost: Vec<StepIndex>,
        reason: String,
    },
    /// The engine stopped it.
    Interrupted,
}

impl Outcome {
    /// One word for the journal.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Succeeded(_) => "succeeded",
            Self::Failed { .. } => "failed",
            Self::InputsLost { .. } => "inputs_lost",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A run with the same key and input exists; it stands for the new one.
    Existing(RunId),
    /// A run with the same key and another input exists.
    KeyTaken { run: RunId },
    /// No such run.
    UnknownRun,
    /// The run has ended.
    Ended,
    /// The attempt is no longer current.
    Superseded,
    /// The engine is shutting down.
    Draining,
}

/// An event to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    pub(super) run: Option<RunId>,
    pub(super) event: Event,
}

impl Fact {
    pub(super) fn about(run: RunId, event: impl Into<Event>) -> Self {
        Self { run: Some(run), event: event.into() }
    }

    pub(super) fn of_engine(event: impl Into<Event>) -> Self {
        Self { run: None, event: event.into() }
    }
}
