//! Requests that were refused.

use resurge_journal::{ResourceKey, RunId, Seq, StepKey};

use super::error::Unavailable;
use crate::core::Refusal;

/// A request about a run that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The journal holds no such run.
    #[error("there is no run {run}, or retention has dropped it since it ended")]
    UnknownRun {
        /// The run.
        run: RunId,
    },
    /// The run has moved since somebody looked at it.
    #[error("run {run} has moved since you looked at it; look again, and decide anew")]
    Moved {
        /// The run.
        run: RunId,
        /// Its version by now.
        version: Seq,
    },
    /// The run has ended.
    #[error("run {run} has ended; nothing is left to control")]
    Ended {
        /// The run.
        run: RunId,
    },
    /// The run is paused.
    #[error("run {run} is paused; resume it first")]
    Paused {
        /// The run.
        run: RunId,
    },
    /// The run waits for a definition that fits it, or for its caller.
    #[error("run {run} cannot go on: {reason}")]
    Parked {
        /// The run.
        run: RunId,
        /// What it waits for.
        reason: String,
    },
    /// Another attempt would fail in the same way.
    #[error(
        "step `{step}` of run {run} would fail in the same way again; force a retry if you mended it"
    )]
    NotRetryable {
        /// The run.
        run: RunId,
        /// The step.
        step: StepKey,
    },
    /// Nothing of the run is being retried.
    #[error("nothing of run {run} is being retried; cancel the run to end it")]
    NotRecovering {
        /// The run.
        run: RunId,
    },
    /// Another run holds the key by now.
    #[error("run {holder} holds the key of run {run} by now; wait for its end or cancel it")]
    KeyTaken {
        /// The run.
        run: RunId,
        /// The run that holds the key.
        holder: RunId,
    },
    /// The run has no such step.
    #[error("run {run} has no such step")]
    UnknownStep {
        /// The run.
        run: RunId,
    },
    /// The step has succeeded.
    #[error("the step of run {run} has succeeded; nothing is left to skip")]
    StepDone {
        /// The run.
        run: RunId,
    },
    /// Steps before it have not succeeded.
    #[error("the step of run {run} cannot begin yet; skip the steps that it waits for first")]
    StepBlocked {
        /// The run.
        run: RunId,
    },
    /// The step cannot give such an output.
    #[error("this cannot be the output of the step of run {run}: {problem}")]
    Output {
        /// The run.
        run: RunId,
        /// What is wrong with it.
        problem: String,
    },
    /// The engine no longer runs.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl ControlError {
    pub(super) fn new(run: RunId, refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownRun => Self::UnknownRun { run },
            Refusal::Moved { version } => Self::Moved { run, version },
            Refusal::Paused => Self::Paused { run },
            Refusal::Parked { reason } => Self::Parked { run, reason },
            Refusal::NotRetryable { step } => Self::NotRetryable { run, step },
            Refusal::NotRecovering => Self::NotRecovering { run },
            Refusal::KeyTaken { run: holder } => Self::KeyTaken { run, holder },
            Refusal::UnknownStep => Self::UnknownStep { run },
            Refusal::CannotSkip { is_done: true } => Self::StepDone { run },
            Refusal::CannotSkip { is_done: false } => Self::StepBlocked { run },
            Refusal::Output { problem } => Self::Output { run, problem },
            Refusal::Draining => Self::Unavailable(Unavailable::shutting_down()),
            _ => Self::Ended { run },
        }
    }
}

/// A request about a breaker that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BreakerError {
    /// There is nothing to probe.
    #[error("the breaker of {key} is closed; nothing waits for a probe")]
    Closed {
        /// The resource.
        key: ResourceKey,
    },
    /// The engine no longer runs.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A change of a setting that was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// There is no such setting, or it cannot have this value.
    #[error("the setting cannot be changed: {problem}")]
    Invalid {
        /// What is wrong.
        problem: String,
    },
    /// The value has no form in JSON.
    #[error("the value cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// The engine no longer runs.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
