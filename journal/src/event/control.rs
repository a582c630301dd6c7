//! Facts about what people asked for.

use serde::{Deserialize, Serialize};

use crate::id::{StepKey, WorkflowName};
use crate::json::Json;

/// Somebody halted a run. Moves it from active to paused; attempts under way are stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPaused {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Whether its timers stand still until it is resumed.
    pub freezes_timers: bool,
}

/// Somebody lets a run go on. Moves it from paused to active; frozen timers go on from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResumed {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// Somebody does not want to wait. Moves waiting and held steps to ready, and reopens a run that
/// was out of retries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryNow {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The steps that are tried again.
    pub steps: Vec<StepKey>,
}

/// Somebody wants another attempt whatever class and breaker say. Moves the steps to ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceRetry {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The steps that are tried again.
    pub steps: Vec<StepKey>,
}

/// Somebody does not want any more retries. Moves waiting and held steps to failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCancelled {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The steps that are given up at once; an attempt under way may end.
    pub steps: Vec<StepKey>,
}

/// Somebody did a step's work by hand. Moves it to succeeded, its dependants on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSkipped {
    /// The step.
    pub step: StepKey,
    /// What the steps after it get.
    pub output: Json,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// Somebody changed a setting while the engine ran. Applies to decisions after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChanged {
    /// Name of the setting.
    pub name: String,
    /// What it was; null if it was not set.
    pub old: Json,
    /// What it is; null if it is not set any more.
    pub new: Json,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// A policy was found to contradict what people expect of it. Changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintFound {
    /// The workflow.
    pub workflow: WorkflowName,
    /// Its version.
    pub version: u32,
    /// The step.
    pub step: StepKey,
    /// What kind of contradiction, in snake case.
    pub code: String,
    /// What it means and what to do.
    pub message: String,
}
