//! A run as seen at one moment.

use std::collections::BTreeSet;

use resurge_journal::failure::{Condition, Failure};
use resurge_journal::manifest::StepSpec;
use resurge_journal::state::{
    Hold, Run, RunPhase, RunStatus, Step, StepPhase, StepPhaseKind, Tuning,
};
use resurge_journal::{
    AttemptNo, Json, ResourceKey, RunId, RunKey, Seq, StepIndex, StepKey, Timestamp, WorkflowName,
};
use resurge_steps::Progress;

use crate::policy::effective_retry;
use crate::shell::Sight;

/// A run as seen at one moment; everything in it but progress is durable.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunView {
    /// Identity of the run.
    pub id: RunId,
    /// The last record that moved the run or one of its steps; see [`control_if`](crate::Engine::control_if).
    pub version: Seq,
    /// The caller's name for it.
    pub key: Option<RunKey>,
    /// The workflow that it executes.
    pub workflow: WorkflowName,
    /// Version of the workflow.
    pub workflow_version: u32,
    /// The status as people see it.
    pub status: RunStatus,
    /// Why the run is paused, if it is.
    pub paused: Option<String>,
    /// Whether it waits for a definition, or for its caller, and cannot be resumed by hand.
    pub is_parked: bool,
    /// Who called it off, and why, if somebody did.
    pub cancelled: Option<(String, String)>,
    /// Whether somebody does not want any more retries.
    pub recovery_cancelled: bool,
    /// What the run was started with.
    pub input: Json,
    /// What the run gave, once it has succeeded.
    pub output: Option<Json>,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When an attempt failed for the first time.
    pub first_failed_at: Option<Timestamp>,
    /// When it is given up.
    pub deadline_at: Option<Timestamp>,
    /// Its steps, in the order of definition.
    pub steps: Vec<StepView>,
}

/// A step as seen at one moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepView {
    /// Durable identity of the step.
    pub key: StepKey,
    /// Its behaviour, such as `download`.
    pub kind: String,
    /// Steps that must have succeeded before it begins.
    pub needs: Vec<StepKey>,
    /// Where it stands.
    pub status: StepPhaseKind,
    /// Since when it stands there.
    pub since: Timestamp,
    /// What it gave, once it has succeeded.
    pub output: Option<Json>,
    /// Attempts begun so far.
    pub attempts: AttemptNo,
    /// Failures in a row that count against the step.
    pub charged: u32,
    /// How many failures in a row it may have.
    pub max_attempts: u32,
    /// When the next attempt is due, while the step waits.
    pub next_attempt_at: Option<Timestamp>,
    /// Resources whose breakers stand in the way of the next attempt.
    pub held_by: Vec<ResourceKey>,
    /// What has to change before the next attempt, such as space on a drive.
    pub waits_for: Option<Condition>,
    /// The last failure, until the step succeeds.
    pub last_failure: Option<Failure>,
    /// How far the attempt under way is.
    pub progress: Option<Progress>,
}

impl RunView {
    pub(super) fn seen(run: &Run, sight: &Sight<'_>) -> Self {
        Self::new(run, sight.state.tuning(), sight.progress)
    }

    pub(super) fn new(
        run: &Run,
        tuning: &Tuning,
        progress: &dyn Fn(RunId, StepIndex) -> Option<Progress>,
    ) -> Self {
        let progress = |step: StepIndex| progress(run.id, step);
        let manifest = &run.started.manifest;
        let view = |(index, spec, step): (StepIndex, &StepSpec, &Step)| {
            let progress = step.running().and_then(|_| progress(index));
            let retry = effective_retry(&spec.retry, tuning);
            let max_attempts = retry.max_retries.saturating_add(1);
            let needs = spec.needs().filter_map(|need| manifest.step(need));
            let needs = needs.map(|need| need.key.clone()).collect();
            StepView::new(spec, needs, max_attempts, step, progress)
        };
        Self {
            id: run.id,
            version: run.version(),
            key: run.started.key.clone(),
            workflow: manifest.workflow.clone(),
            workflow_version: manifest.version,
            status: run.status(),
            paused: match &run.phase {
                RunPhase::Parked { reason } => Some(reason.clone()),
                RunPhase::Paused { actor, reason, .. } => {
                    Some(format!("paused by {actor}: {reason}"))
                }
                _ => None,
            },
            is_parked: matches!(run.phase, RunPhase::Parked { .. }),
            cancelled: match &run.phase {
                RunPhase::Cancelled { actor, reason } => Some((actor.clone(), reason.clone())),
                _ => None,
            },
            recovery_cancelled: run.recovery_cancelled,
            input: run.started.input.clone(),
            output: run.output().cloned(),
            started_at: run.started_at,
            ended_at: run.ended_at,
            first_failed_at: run.first_failed_at,
            deadline_at: run.deadline_at,
            steps: run.steps().map(view).collect(),
        }
    }

    /// The failure that ended the run, or that it is recovering from.
    pub fn last_failure(&self) -> Option<(&StepKey, &Failure)> {
        let ended = self.steps.iter().filter(|step| step.status == StepPhaseKind::Failed);
        let mut failed = ended.chain(self.steps.iter().rev());
        failed.find_map(|step| Some((&step.key, step.last_failure.as_ref()?)))
    }
}

impl StepView {
    fn new(
        spec: &StepSpec,
        needs: BTreeSet<StepKey>,
        max_attempts: u32,
        step: &Step,
        progress: Option<Progress>,
    ) -> Self {
        let next_attempt_at = match step.phase {
            StepPhase::Waiting { due_at } => Some(due_at),
            _ => None,
        };
        let (held_by, waits_for) = match &step.phase {
            StepPhase::Held { on: Hold::Breakers { keys, .. }, .. } => (keys.clone(), None),
            StepPhase::Held { on: Hold::Condition(condition), .. } => {
                (Vec::new(), Some(condition.clone()))
            }
            _ => (Vec::new(), None),
        };
        Self {
            key: spec.key.clone(),
            kind: spec.kind.clone(),
            needs: needs.into_iter().collect(),
            status: step.phase.kind(),
            since: step.since_at,
            output: step.output().cloned(),
            attempts: step.attempts,
            charged: step.charged,
            max_attempts,
            next_attempt_at,
            held_by,
            waits_for,
            last_failure: step.last_failure.clone(),
            progress,
        }
    }
}
