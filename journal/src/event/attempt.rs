//! Facts about the attempts of a step.

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;
use crate::event::{DelayParts, ExhaustReason, Verdict};
use crate::failure::Failure;
use crate::id::{AttemptNo, BreakerEpoch, ResourceKey, StepKey};
use crate::json::Json;
use crate::time::Timestamp;

/// An attempt began. Moves the step from ready, waiting or held to running.
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
    /// Longest duration of this attempt, in milliseconds; grows after timeouts in a row.
    pub timeout_ms: Option<u64>,
    /// The breakers that let it pass, as they stood.
    pub admission: Vec<Admission>,
    /// Whether it passes in spite of breakers.
    pub forced: bool,
}

/// A breaker that let an attempt pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// What the attempt needs.
    pub key: ResourceKey,
    /// The epoch in which it was let pass; its result counts in that epoch only.
    pub epoch: BreakerEpoch,
    /// Whether it is a probe: one that fails is not charged.
    pub probe: bool,
}

coded_enum! {
    /// What an attempt showed about a resource.
    pub enum Sign {
        /// It works.
        Alive = 1 "alive",
        /// It fails.
        Failing = 2 "failing",
        /// It cannot even be reached, as if this machine were offline.
        Unreachable = 3 "unreachable",
    }
}

/// What an attempt showed about a resource that it needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The resource.
    pub key: ResourceKey,
    /// What it showed.
    pub sign: Sign,
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
    /// What it showed about the resources that it needed.
    pub health: Vec<Health>,
}

/// An attempt failed. Moves the step from running to waiting, held or failed.
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
    /// Failures of this rule in a row, this one included.
    pub streak: u32,
    /// Whether progress gave the step its retries back.
    pub is_refunded: bool,
    /// What ran out, if the verdict is `exhausted`.
    pub exhausted_by: Option<ExhaustReason>,
    /// How the delay came about, if the verdict is `retry`.
    pub parts: Option<DelayParts>,
    /// How long servers have made the step wait since its last progress, in milliseconds.
    pub server_waited_ms: u64,
    /// What the attempt showed about the resources that it needed.
    pub health: Vec<Health>,
    /// The retry budget of a resource after this retry.
    pub budget: Option<Budget>,
    /// How long less is done at the same time, because this machine is short of something.
    pub ease: Option<Ease>,
}

/// The retry budget of a resource: paid back at a steady rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// The resource.
    pub key: ResourceKey,
    /// When all of it is paid back.
    pub paid_at: Timestamp,
}

/// A while in which less is done at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ease {
    /// When it ends.
    pub until: Timestamp,
    /// Most attempts in flight until then.
    pub in_flight_max: u32,
}

coded_enum! {
    /// Why an attempt ended without a result.
    pub enum InterruptCause {
        /// The process ended; noticed when the journal was opened again.
        Crash = 1 "crash",
        /// The engine was shut down.
        Shutdown = 2 "shutdown",
        /// The run was paused.
        Pause = 3 "pause",
        /// Whoever made the attempts is gone.
        CallerGone = 4 "caller_gone",
        /// Its run ended; in no record, since it follows from the end of the run.
        RunEnded = 5 "run_ended",
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
