//! The status as JSON; stable, fields may be added.

use resurge::journal::State;
use resurge::journal::explain::{Cause, Explanation, StepExplanation, explain};
use resurge::journal::failure::Condition;
use resurge::journal::manifest::StepSpec;
use resurge::journal::state::{Hold, Run, RunPhase, Step, StepPhase};
use resurge::steps::fs::free_space;
use resurge::{Failure, ResourceKey, RunKey, StepKey, Timestamp};
use serde::Serialize;

use super::summary::{self, BreakerStatus};
use crate::ui::why::{self, Turn};
use crate::ui::words;

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
    reason: Option<String>,
    started_at: String,
    ended_at: Option<String>,
    /// Attempts over all steps.
    attempts: u32,
    /// Failures in a row that count, of the step that decides about the run.
    charged: u32,
    /// How many failures in a row that step may have.
    max_attempts: u32,
    /// The earliest one of its steps.
    next_attempt_at: Option<String>,
    /// What it waits for, in words.
    why: Option<String>,
    /// Resources whose breakers stand in its way.
    held_by: Vec<&'a str>,
    /// Those breakers.
    breakers: Vec<BreakerStatus<'a>>,
    /// What has to change before it goes on.
    waits_for: Option<ConditionStatus<'a>>,
    /// The failure that ended the run, or that it is recovering from.
    failure: Option<FailureStatus<'a>>,
    steps: Vec<StepStatus<'a>>,
}

#[derive(Debug, Serialize)]
struct StepStatus<'a> {
    step: &'a str,
    /// `blocked`, `ready`, `running`, `waiting`, `held`, `succeeded`, `failed` or `stopped`.
    ///
    /// `running` in a journal that no engine has open: it was cut off and will begin again.
    status: &'static str,
    attempts: u32,
    /// Failures in a row that count; progress sets them back.
    charged: u32,
    max_attempts: u32,
    next_attempt_at: Option<String>,
    why: Option<String>,
    held_by: Vec<&'a str>,
    waits_for: Option<ConditionStatus<'a>>,
    failure: Option<FailureStatus<'a>>,
}

#[derive(Debug, Clone, Serialize)]
struct ConditionStatus<'a> {
    condition: &'static str,
    path: &'a str,
    /// Bytes that must be free.
    bytes: u64,
    /// Bytes that are free now; null if the system does not tell.
    free: Option<u64>,
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
pub(super) fn array(state: &State, runs: &[&Run], now: Timestamp) -> String {
    let runs: Vec<RunStatus<'_>> = runs.iter().map(|run| status(state, run, now)).collect();
    serde_json::to_string_pretty(&runs).expect("texts and numbers can be written as JSON")
}

/// When the next attempt of a step is due.
const fn due(step: &Step) -> Option<Timestamp> {
    match step.phase {
        StepPhase::Waiting { due_at } => Some(due_at),
        _ => None,
    }
}

fn status<'a>(state: &'a State, run: &'a Run, now: Timestamp) -> RunStatus<'a> {
    let told = explain(state, run.id, now);
    let of_step =
        |key: &StepKey| told.as_ref().and_then(|told| told.steps.iter().find(|s| s.step == *key));
    let view = |(_, spec, step): (_, &'a StepSpec, &'a Step)| {
        step_status(state, spec, step, of_step(&spec.key))
    };
    let steps: Vec<StepStatus<'a>> = run.steps().map(view).collect();
    let decisive = decisive(run, told.as_ref());
    let turn = decisive.map(|(spec, step)| turn(state, spec, step));
    let mut held_by: Vec<&str> = Vec::new();
    for key in steps.iter().flat_map(|step| &step.held_by) {
        if !held_by.contains(key) {
            held_by.push(key);
        }
    }
    let breakers = summary::breakers(state, now, |key| held_by.contains(&key.as_str()));
    RunStatus {
        name: run.started.key.as_ref().map(RunKey::as_str),
        run: run.id.to_string(),
        workflow: run.started.manifest.workflow.as_str(),
        status: run.status().name(),
        reason: reason(run),
        started_at: run.started_at.to_string(),
        ended_at: run.ended_at.map(|at| at.to_string()),
        attempts: steps.iter().map(|step| step.attempts).sum(),
        charged: turn.map_or(0, |turn| turn.charged),
        max_attempts: turn.map_or(0, |turn| turn.max_attempts),
        next_attempt_at: run
            .steps()
            .filter_map(|(_, _, step)| due(step))
            .min()
            .map(|due| due.to_string()),
        why: told.and_then(|told| sentence(state, run, &told)),
        held_by,
        breakers,
        waits_for: steps.iter().find_map(|step| step.waits_for.clone()),
        failure: steps.iter().filter_map(|step| step.failure).next_back(),
        steps,
    }
}

fn step_status<'a>(
    state: &State,
    spec: &'a StepSpec,
    step: &'a Step,
    told: Option<&StepExplanation>,
) -> StepStatus<'a> {
    let turn = turn(state, spec, step);
    StepStatus {
        step: spec.key.as_str(),
        status: step.phase.kind().name(),
        attempts: step.attempts.get(),
        charged: step.charged,
        max_attempts: turn.max_attempts,
        next_attempt_at: due(step).map(|due| due.to_string()),
        why: told.and_then(|told| why::of_cause(&told.cause, turn, step.last_failure.as_ref())),
        held_by: held(step).iter().map(ResourceKey::as_str).collect(),
        waits_for: condition(step),
        failure: step.last_failure.as_ref().map(failure),
    }
}

/// The step that decides about the run: the one that it waits for, or the one that ended it.
fn decisive<'a>(run: &'a Run, told: Option<&Explanation>) -> Option<(&'a StepSpec, &'a Step)> {
    let key = told.and_then(|told| told.step.as_ref());
    let named = run.steps().find(|(_, spec, _)| Some(&spec.key) == key);
    let open = || run.steps().find(|(_, _, step)| step.output().is_none());
    named.or_else(open).or_else(|| run.steps().last()).map(|(_, spec, step)| (spec, step))
}

/// Why the run waits or has ended, in words.
pub(super) fn sentence(state: &State, run: &Run, told: &Explanation) -> Option<String> {
    let (spec, step) = decisive(run, Some(told))?;
    let (turn, failure) = (turn(state, spec, step), step.last_failure.as_ref());
    let is_given_up = matches!(told.cause, Cause::GivenUp { .. });
    let why = why::of_cause(&told.cause, turn, failure)?;
    Some(match failure.filter(|_| is_given_up) {
        Some(failure) => format!("{why}: {}", failure.message),
        None => why,
    })
}

pub(super) fn turn(state: &State, spec: &StepSpec, step: &Step) -> Turn {
    let tuned = state.tuning().max_retries.map(|retries| retries.saturating_add(1));
    let max_attempts = tuned.unwrap_or_else(|| spec.max_attempts());
    Turn { charged: step.charged, max_attempts }
}

fn reason(run: &Run) -> Option<String> {
    match &run.phase {
        RunPhase::Parked { reason } | RunPhase::Cancelled { reason, .. } => {
            Some(words::reason(reason))
        }
        RunPhase::Paused { actor, reason, .. } => {
            Some(format!("paused by {actor}: {}", words::reason(reason)))
        }
        _ => None,
    }
}

fn held(step: &Step) -> &[ResourceKey] {
    match &step.phase {
        StepPhase::Held { on: Hold::Breakers { keys, .. }, .. } => keys,
        _ => &[],
    }
}

fn condition(step: &Step) -> Option<ConditionStatus<'_>> {
    match &step.phase {
        StepPhase::Held { on: Hold::Condition(Condition::DiskSpace { path, bytes }), .. } => {
            Some(ConditionStatus {
                condition: "disk_space",
                path,
                bytes: *bytes,
                free: free_space(path).ok(),
            })
        }
        _ => None,
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
