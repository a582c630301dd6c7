//! What can go wrong, operation by operation.

use std::time::Duration;

use resurge_journal::event::ExhaustReason;
use resurge_journal::failure::Failure;
use resurge_journal::{AttemptNo, ResourceKey, RunId, StepKey, WorkflowName};

use crate::shell::ReplayError;

/// An engine that could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The journal could not be opened.
    #[cfg(feature = "sled")]
    #[error(transparent)]
    Journal(#[from] resurge_journal::store::OpenError),
    /// Two different workflows were registered under one name and version.
    #[error(
        "two workflows `{workflow}` of version {version} are registered; give one another version"
    )]
    AmbiguousWorkflow {
        /// Name of both.
        workflow: WorkflowName,
        /// Version of both.
        version: u32,
    },
    /// The journal could be opened, but not be replayed.
    #[error(
        "the engine cannot go on from the journal at {location}; unless the disk is full, `journal-dump verify` says where it is damaged"
    )]
    Replay {
        /// Where the journal is.
        location: String,
        /// What is wrong with it.
        source: ReplayProblem,
    },
}

/// Why a journal cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ReplayProblem(pub(super) ReplayError);

/// The engine no longer runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the engine is not running: {reason}; open it again")]
pub struct Unavailable {
    /// What stopped it.
    pub reason: String,
}

impl Unavailable {
    pub(super) fn shutting_down() -> Self {
        Self { reason: "it is shutting down".to_owned() }
    }
}

/// A run that was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The workflow was not registered with this engine.
    #[error(
        "workflow `{workflow}` version {version} is not registered in this form; pass it to `register` before the engine starts"
    )]
    NotRegistered {
        /// Name of the workflow.
        workflow: WorkflowName,
        /// Version of the workflow.
        version: u32,
    },
    /// Another run holds the key, with another workflow or input.
    #[error(
        "run {run} holds the same key with another input; use another key, or `restart_ended` once that run has ended"
    )]
    KeyTaken {
        /// The run that holds the key.
        run: RunId,
    },
    /// The key breaks the rules.
    #[error(transparent)]
    Key(#[from] resurge_journal::InvalidName),
    /// The input has no form in JSON.
    #[error("the input cannot be written as JSON")]
    Input(#[source] serde_json::Error),
    /// The input is larger than a record may be.
    #[error(
        "the input has {bytes} bytes, at most {bytes_max} fit the journal; write large data to a file and pass its path"
    )]
    InputTooLarge {
        /// Size of the input.
        bytes: usize,
        /// Largest size.
        bytes_max: usize,
    },
    /// The disk of the journal is full, and nothing new begins until it is not.
    #[error("the disk of the journal is full; free some space, then start the run")]
    NoRoom,
    /// The engine is shutting down.
    #[error("the engine is shutting down; start the run after it is opened again")]
    ShuttingDown,
    /// The engine no longer runs.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A run that did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A step failed in a way that no retry can mend.
    #[error("step `{step}` failed at attempt {attempts}: {}", text(failure.as_ref()))]
    Failed {
        /// The step.
        step: StepKey,
        /// Attempts that it made.
        attempts: AttemptNo,
        /// The last failure.
        failure: Option<Failure>,
    },
    /// A step was not tried, because a breaker that wants nobody to wait is open.
    #[error(
        "step `{step}` was not tried: the circuit breaker of {key} is open for another {remaining:?}; try again after that, or force a retry"
    )]
    CircuitOpen {
        /// The step.
        step: StepKey,
        /// What is down.
        key: ResourceKey,
        /// How long the breaker stays open at least.
        remaining: Duration,
    },
    /// The retries of a step, or the time of the run, were used up.
    #[error("{} used up{}: {}", reason_text(*reason), step_text(step.as_ref(), *attempts), text(failure.as_ref()))]
    Exhausted {
        /// What was used up.
        reason: ExhaustReason,
        /// The step that was out of retries.
        step: Option<StepKey>,
        /// Attempts that it made.
        attempts: AttemptNo,
        /// The last failure.
        failure: Option<Failure>,
    },
    /// Somebody called the run off.
    #[error("cancelled by {actor}: {reason}")]
    Cancelled {
        /// Who.
        actor: String,
        /// Why.
        reason: String,
    },
    /// The journal holds no such run, or does not any more.
    #[error("there is no run {run}, or retention has dropped it since it ended")]
    UnknownRun {
        /// The run.
        run: RunId,
    },
    /// The recorded output is not what the workflow now says it is.
    #[error("the run succeeded, but its output cannot be read as the type asked for")]
    Output(#[source] serde_json::Error),
    /// The engine no longer runs.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Events that could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] resurge_journal::store::ReadError),
    /// The journal panicked while it was read, or the caller's own part in that did.
    #[error(
        "reading the journal ended with a panic; its message says whose it was, and what to mend"
    )]
    Panicked,
    /// The engine no longer runs.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl RunError {
    /// The error for a step that failed for good.
    pub(super) fn failed(step: StepKey, attempts: AttemptNo, failure: Option<Failure>) -> Self {
        if let Some(failure) = &failure
            && failure.kind == "circuit_open"
            && let (Some(key), Some(remaining)) = (&failure.resource, failure.advice.server_delay())
        {
            return Self::CircuitOpen { step, key: key.clone(), remaining };
        }
        Self::Failed { step, attempts, failure }
    }

    /// The failure that ended the run, if one did.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { failure, .. } | Self::Exhausted { failure, .. } => failure.as_ref(),
            _ => None,
        }
    }
}

fn text(failure: Option<&Failure>) -> &str {
    failure.map_or("no failure was recorded", |failure| &failure.message)
}

const fn reason_text(reason: ExhaustReason) -> &'static str {
    match reason {
        ExhaustReason::Deadline => "the time until the deadline was",
        ExhaustReason::Elapsed => "the time that recovery may take was",
        ExhaustReason::ServerDelay => "the time that servers may make it wait was",
        ExhaustReason::ClassLimit => "the retries for failures of this kind were",
        _ => "all retries were",
    }
}

fn step_text(step: Option<&StepKey>, attempts: AttemptNo) -> String {
    step.map(|step| format!(" by step `{step}` after {}", counted(attempts))).unwrap_or_default()
}

fn counted(attempts: AttemptNo) -> String {
    if attempts.get() == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}
