//! The status as JSON; stable, fields may be added.

use resurge::journal::state::{Run, RunPhase, Step, StepPhase};
use resurge::{Failure, RunKey, Timestamp};
use serde::Serialize;

/// One run. Times are RFC 3339 in UTC with milliseconds.
#[derive(Debug, Serialize)]
struct RunStatus<'a> {
    name: Option<&'a str>,
    run: String,
    workflow: &'a str,
    /// `pending`, `in_progress`, `recovering`, `success`, `failed`, `exhausted`, `paused` or
    /// `cancelled`.
    status: &'static str,
    /// Why it is paused or was cancelled.
    reason: Option<&'a str>,
    started_at: String,
    ended_at: Option<String>,
    /// Attempts over all steps.
    attempts: u32,
    /// The earliest one of its steps.
    next_attempt_at: Option<String>,
    /// The failure that ended the run, or that it is recovering from.
    failure: Option<FailureStatus<'a>>,
    steps: Vec<StepStatus<'a>>,
}

#[derive(Debug, Serialize)]
struct StepStatus<'a> {
    step: &'a str,
    /// `blocked`, `ready`, `running`, `waiting`, `succeeded`, `failed` or `stopped`.
    ///
    /// `running` in a journal that no engine has open: it was cut off and will begin again.
    status: &'static str,
    attempts: u32,
    /// Failures in a row that count; progress sets them back.
    charged: u32,
    max_attempts: u32,
    next_attempt_at: Option<String>,
    failure: Option<FailureStatus<'a>>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct FailureStatus<'a> {
    class: &'static str,
    group: &'static str,
    kind: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
}

/// The runs as one array.
pub(super) fn array(runs: &[&Run]) -> String {
    let runs: Vec<RunStatus<'_>> = runs.iter().map(|run| status(run)).collect();
    serde_json::to_string_pretty(&runs).expect("texts and numbers can be written as JSON")
}

/// When the next attempt of a step is due.
pub(super) const fn due(step: &Step) -> Option<Timestamp> {
    match step.phase {
        StepPhase::Waiting { due_at } => Some(due_at),
        _ => None,
    }
}

fn status(run: &Run) -> RunStatus<'_> {
    let steps: Vec<StepStatus<'_>> = run
        .steps()
        .map(|(_, spec, step)| StepStatus {
            step: spec.key.as_str(),
            status: phase(&step.phase),
            attempts: step.attempts.get(),
            charged: step.charged,
            max_attempts: spec.max_attempts(),
            next_attempt_at: due(step).map(|due| due.to_string()),
            failure: step.last_failure.as_ref().map(failure),
        })
        .collect();
    RunStatus {
        name: run.started.key.as_ref().map(RunKey::as_str),
        run: run.id.to_string(),
        workflow: run.started.manifest.workflow.as_str(),
        status: run.status().name(),
        reason: match &run.phase {
            RunPhase::Parked { reason } | RunPhase::Cancelled { reason, .. } => Some(reason),
            _ => None,
        },
        started_at: run.started_at.to_string(),
        ended_at: run.ended_at.map(|at| at.to_string()),
        attempts: steps.iter().map(|step| step.attempts).sum(),
        next_attempt_at: run
            .steps()
            .filter_map(|(_, _, step)| due(step))
            .min()
            .map(|due| due.to_string()),
        failure: steps.iter().filter_map(|step| step.failure).next_back(),
        steps,
    }
}

const fn failure(failure: &Failure) -> FailureStatus<'_> {
    FailureStatus {
        class: failure.class.name(),
        group: failure.class.group().name(),
        kind: failure.kind.as_str(),
        message: failure.message.as_str(),
        hint: match &failure.hint {
            Some(hint) => Some(hint.as_str()),
            None => None,
        },
    }
}

const fn phase(phase: &StepPhase) -> &'static str {
    match phase {
        StepPhase::Blocked => "blocked",
        StepPhase::Ready => "ready",
        StepPhase::Running { .. } => "running",
        StepPhase::Waiting { .. } => "waiting",
        StepPhase::Succeeded { .. } => "succeeded",
        StepPhase::Failed { .. } => "failed",
        StepPhase::Stopped => "stopped",
    }
}
