//! Facts about a run as a whole.

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;
use crate::id::{RunKey, StepKey};
use crate::json::Json;
use crate::manifest::Manifest;
use crate::time::Timestamp;

/// A run began. Creates it as active, its steps without needs as ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The caller's name for the run.
    pub key: Option<RunKey>,
    /// The graph that the run follows to its end.
    pub manifest: Manifest,
    /// The input of the run.
    pub input: Json,
    /// When the run is given up, whatever its state.
    pub deadline_at: Option<Timestamp>,
}

/// Every step succeeded. Moves the run from active to succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSucceeded {}

/// A step failed for good although retries were left. Moves the run from active to failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailed {
    /// The step that failed.
    pub step: StepKey,
}

coded_enum! {
    /// What a run ran out of.
    pub enum ExhaustReason {
        /// The retries of a step.
        Retries = 1 "retries",
        /// The time until its deadline.
        Deadline = 2 "deadline",
        /// The retries that its class or rule allows.
        ClassLimit = 3 "class_limit",
        /// The time that recovery may take.
        Elapsed = 4 "elapsed",
        /// The time that servers may make it wait.
        ServerDelay = 5 "server_delay",
    }
}

/// Retries or time were used up. Moves the run from active or parked to exhausted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunExhausted {
    /// What ran out.
    pub reason: ExhaustReason,
    /// The step that was out of retries.
    pub step: Option<StepKey>,
}

/// Somebody called the run off. Moves it from active or parked to cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCancelled {
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// The registered definition does not fit the run. Moves it from active or parked to parked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunParked {
    /// What is different, and what to do.
    pub reason: String,
}

/// A fitting definition is registered again. Moves the run from parked to active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUnparked {}
