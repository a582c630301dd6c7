//! Facts about the attempts of a step.

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;
use crate::event::Verdict;
use crate::failure::Failure;
use crate::id::{AttemptNo, StepKey};
use crate::json::Json;

/// An attempt began. Moves the step from ready or waiting to running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// The step.
    pub step: StepKey,
    /// Number of the attempt.
    pub attempt: AttemptNo,
    /// How many failures in a row count against the step already.
    pub charged: u32,
    /// How many failures in a row the step may have.
    pub max_attempts: u32,
}

/// An attempt did its work. Moves the step from running to succeeded, its dependants on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptSucceeded {
    /// The step.
    pub step: StepKey,
    /// Number of the attempt.
    pub attempt: AttemptNo,
    /// What the step gives to the steps after it.
    pub output: Json,
}

/// An attempt failed. Moves the step from running to waiting or failed, as the verdict says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptFailed {
    /// The step.
    pub step: StepKey,
    /// Number of the attempt.
    pub attempt: AttemptNo,
    /// What went wrong.
    pub failure: Failure,
    /// What follows from it.
    pub verdict: Verdict,
    /// Failures in a row that count against the step, this one included.
    ///
    /// An attempt that made enough progress starts the count anew.
    pub charged: u32,
    /// How many failures in a row the step may have.
    pub max_attempts: u32,
    /// By how much the attempt came further than any before it, in the step's own unit.
    pub gained: u64,
    /// The furthest that any attempt of the step has come, in the step's own unit.
    pub reached: u64,
}

coded_enum! {
    /// Why an attempt ended without a result.
    pub enum InterruptCause {
        /// The process ended; noticed when the journal was opened again.
        Crash = 1 "crash",
        /// The engine was shut down.
        Shutdown = 2 "shutdown",
    }
}

/// An attempt ended without a result. Moves the step from running to ready, uncharged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptInterrupted {
    /// The step.
    pub step: StepKey,
    /// Number of the attempt.
    pub attempt: AttemptNo,
    /// What interrupted it.
    pub cause: InterruptCause,
}

/// A running attempt saved where it stands. Replaces the checkpoint of the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointSaved {
    /// The step.
    pub step: StepKey,
    /// Number of the attempt.
    pub attempt: AttemptNo,
    /// Whatever the step needs to go on from here.
    pub checkpoint: Json,
}

/// An attempt found that outputs it builds on are gone.
///
/// Moves the steps that gave them, and all that depends on those, back to blocked or ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputsInvalidated {
    /// The step whose attempt looked.
    pub step: StepKey,
    /// Number of that attempt, which ends here, uncharged.
    pub attempt: AttemptNo,
    /// The steps that have to run again.
    pub lost: Vec<StepKey>,
    /// What is missing.
    pub reason: String,
}

/// A result arrived for an attempt that was no longer current. Changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateResultIgnored {
    /// The step.
    pub step: StepKey,
    /// Number of the attempt that reported late.
    pub attempt: AttemptNo,
    /// What it reported, in one word.
    pub result: String,
}
