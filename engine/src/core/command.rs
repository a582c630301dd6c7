//! What can be asked of the core.

use std::sync::Arc;
use std::time::Duration;

use resurge_journal::event::{BreakerMode, Event, Health, JournalTrimmed};
use resurge_journal::failure::Failure;
use resurge_journal::manifest::Manifest;
use resurge_journal::{
    AttemptNo, Epoch, Json, ResourceKey, RunId, RunKey, Seq, StepIndex, StepKey, Timestamp,
};
use resurge_steps::Progress;

use super::decide::Asked;
use crate::workflow::Definition;

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
    /// An attempt that is a probe made progress.
    Moved { run: RunId, step: StepIndex, attempt: AttemptNo },
    /// What a step waits for has come true.
    Ready { run: RunId, step: StepIndex },
    /// Somebody wants something of a run, perhaps only as long as it stands as they saw it.
    Control { run: RunId, control: Control, asked: Asked, expected: Option<Seq> },
    /// Somebody wants something of a breaker.
    Breaker { key: ResourceKey, control: BreakerControl, asked: Asked },
    /// Somebody changes a setting; null takes the change back.
    Tune { name: String, value: Json, asked: Asked },
    /// The caller that makes the attempts of a run is gone.
    Detach { run: RunId },
    /// Records are dropped.
    Trim(Box<JournalTrimmed>),
    /// Something became due.
    Wake,
    /// The engine stops: no attempt begins any more.
    Drain,
    /// Every attempt has ended: close the epoch.
    Close { epoch: Epoch },
}

/// What can be asked of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Control {
    /// Call it off; see [`Engine::cancel`](crate::Engine::cancel).
    Cancel,
    /// Halt it until it is resumed.
    Pause {
        /// Whether its delays and its deadline stand still as well.
        freezes_timers: bool,
    },
    /// Let it go on after a pause.
    Resume,
    /// Try again now what waits, and what ran out of retries.
    RetryNow,
    /// Try again now, whatever class and breaker say.
    ForceRetry,
    /// Make no more retries.
    CancelRecovery,
    /// Take this for the output of a step and go on.
    Skip {
        /// The step.
        step: StepKey,
        /// What the steps after it get.
        output: Json,
    },
}

/// What can be asked of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerControl {
    /// Close it now; the steps behind it are released in waves.
    Close,
    /// Let a probe through now.
    Probe,
    /// Change how far it may interfere.
    Mode {
        /// The new mode.
        mode: BreakerMode,
        /// How long an isolation lasts; none is until somebody ends it.
        lasts: Option<Duration>,
    },
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
    /// What makes the attempts, if it is a caller and not the engine.
    pub(crate) caller: Option<Arc<Definition>>,
}

/// What was seen of an attempt beside its result.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// How far it came.
    pub(crate) progress: Progress,
    /// The resource in use at its end.
    pub(crate) used: Option<ResourceKey>,
    /// What the step itself said about resources.
    pub(crate) health: Vec<Health>,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Succeeded {
        output: Json,
        seen: Seen,
    },
    Failed {
        failure: Box<Failure>,
        seen: Seen,
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
            Self::Succeeded { .. } => "succeeded",
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
    /// A run with the same key and another input exists, or it has the key by now.
    KeyTaken { run: RunId },
    /// A caller makes the attempts of the run with the same key already.
    Busy { run: RunId },
    /// No such run.
    UnknownRun,
    /// The run does not stand any more as whoever asks saw it.
    Moved { version: Seq },
    /// The run has ended.
    Ended,
    /// The run is paused.
    Paused,
    /// The call is paused.
    PausedRun { run: RunId },
    /// The run waits for a definition, or for its caller.
    Parked { reason: String },
    /// Another attempt would fail in the same way.
    NotRetryable { step: StepKey },
    /// Nothing is being retried.
    NotRecovering,
    /// The run has no such step.
    UnknownStep,
    /// The step is done, or cannot begin yet.
    CannotSkip { is_done: bool },
    /// This cannot be the output of the step.
    Output { problem: String },
    /// The setting cannot have this value.
    Setting { problem: String },
    /// The breaker is closed.
    BreakerClosed,
    /// The attempt is no longer current.
    Superseded,
    /// The journal has no room.
    NoRoom,
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
