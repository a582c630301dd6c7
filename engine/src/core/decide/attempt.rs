//! An attempt ended or saved where it stands.

use std::num::NonZeroU32;

use resurge_journal::event::{
    AttemptFailed, AttemptInterrupted, AttemptSucceeded, CheckpointSaved, InterruptCause,
    LateResultIgnored, OutputsInvalidated, Verdict,
};
use resurge_journal::failure::{Advice, Class, Failure, Group};
use resurge_journal::manifest::StepSpec;
use resurge_journal::state::{Run, Step};
use resurge_journal::{AttemptNo, Json, RunId, StepIndex, Timestamp};

use resurge_steps::Progress;

use super::World;
use crate::core::command::{Ambient, Fact, Outcome, Refusal};
use crate::policy::{delay_before_retry, draw};

/// An attempt that is current: the only kind whose result counts.
struct Current<'a> {
    run: &'a Run,
    spec: &'a StepSpec,
    step: &'a Step,
    attempt: AttemptNo,
}

pub(super) fn finished(
    world: &World<'_>,
    run: RunId,
    step: StepIndex,
    attempt: AttemptNo,
    outcome: Outcome,
    ambient: Ambient,
) -> Vec<Fact> {
    let Some(current) = current(world, run, step, attempt) else {
        return late(world, run, step, attempt, &outcome);
    };
    let key = current.spec.key.clone();
    let fact = match outcome {
        Outcome::Succeeded(output) if output.len() > world.settings.payload_bytes_max => {
            let failure = output_too_large(output.len(), world.settings.payload_bytes_max);
            failed(world, &current, failure, Progress::default(), ambient.now)
        }
        Outcome::Succeeded(output) => {
            Fact::about(run, AttemptSucceeded { step: key, attempt, output })
        }
        Outcome::Failed { failure, progress } => {
            failed(world, &current, *failure, progress, ambient.now)
        }
        Outcome::InputsLost { lost, reason } => {
            inputs_lost(world, &current, &lost, reason, ambient.now)
        }
        Outcome::Interrupted => {
            let cause = InterruptCause::Shutdown;
            Fact::about(run, AttemptInterrupted { step: key, attempt, cause })
        }
    };
    vec![fact]
}

pub(super) fn checkpoint(
    world: &World<'_>,
    run: RunId,
    step: StepIndex,
    attempt: AttemptNo,
    checkpoint: Json,
) -> Result<Vec<Fact>, Refusal> {
    let current = current(world, run, step, attempt).ok_or(Refusal::Superseded)?;
    let step = current.spec.key.clone();
    Ok(vec![Fact::about(run, CheckpointSaved { step, attempt, checkpoint })])
}

fn current<'a>(
    world: &World<'a>,
    run: RunId,
    index: StepIndex,
    attempt: AttemptNo,
) -> Option<Current<'a>> {
    let run = world.state.run(run)?;
    let spec = run.started.manifest.step(index)?;
    let step = run.step(index)?;
    (step.running() == Some(attempt)).then_some(Current { run, spec, step, attempt })
}

/// A result that comes too late changes nothing, but it did happen.
fn late(
    world: &World<'_>,
    run: RunId,
    step: StepIndex,
    attempt: AttemptNo,
    outcome: &Outcome,
) -> Vec<Fact> {
    let spec = world.state.run(run).and_then(|run| run.started.manifest.step(step));
    let fact = spec.map(|spec| {
        let (step, result) = (spec.key.clone(), outcome.name().to_owned());
        Fact::about(run, LateResultIgnored { step, attempt, result })
    });
    fact.into_iter().collect()
}

fn failed(
    world: &World<'_>,
    current: &Current<'_>,
    failure: Failure,
    progress: Progress,
    now: Timestamp,
) -> Fact {
    // What an earlier attempt had reached already is no progress, however it was lost.
    let gained = progress.done.saturating_sub(progress.began_at.max(current.step.reached));
    let reached = progress.done.max(current.step.reached);
    // Progress proves that a line works; it says nothing about a full disk or a wrong digest.
    let proves = matches!(failure.class.group(), Group::Network | Group::Timeout);
    let refund = proves && world.settings.refunds(gained, progress.total);
    let counted = if refund { 0 } else { current.step.charged };
    let charged = NonZeroU32::MIN.saturating_add(counted);
    let max_attempts = current.spec.max_attempts();
    let verdict = if !failure.is_retryable() {
        Verdict::NotRetryable
    } else if charged.get() >= max_attempts {
        Verdict::Exhausted
    } else {
        retry(world, current, charged, &failure, now)
    };
    let step = current.spec.key.clone();
    let (attempt, charged) = (current.attempt, charged.get());
    Fact::about(
        current.run.id,
        AttemptFailed { step, attempt, failure, verdict, charged, max_attempts, gained, reached },
    )
}

/// Another attempt, unless it would begin after the deadline.
fn retry(
    world: &World<'_>,
    current: &Current<'_>,
    charged: NonZeroU32,
    failure: &Failure,
    now: Timestamp,
) -> Verdict {
    let Current { run, spec, attempt, .. } = current;
    let definition = world.registry.find(&run.started.manifest).ok();
    let name = spec.retry.custom.as_ref();
    let custom = name.and_then(|name| definition.and_then(|known| known.custom.get(name)));
    let delay = delay_before_retry(
        &spec.retry,
        custom,
        charged,
        draw(run.id, &spec.key, *attempt),
        failure.advice.server_delay(),
        world.settings.server_delay_max,
    );
    let due_at = now.after(delay);
    if run.started.deadline_at.is_some_and(|deadline| due_at >= deadline) {
        Verdict::Exhausted
    } else {
        Verdict::Retry { delay, due_at }
    }
}

fn inputs_lost(
    world: &World<'_>,
    current: &Current<'_>,
    lost: &[StepIndex],
    reason: String,
    now: Timestamp,
) -> Fact {
    if current.step.lost_inputs >= world.settings.lost_inputs_max {
        let times = current.step.lost_inputs + 1;
        let failure = Failure::new(
            Class::Integrity,
            "inputs_lost",
            format!("what the step builds on was gone {times} times in a row: {reason}"),
        )
        .with_hint("look for another program that removes or changes these files")
        .with_advice(Advice::Never);
        return failed(world, current, failure, Progress::default(), now);
    }
    let graph = &current.run.started.manifest;
    let keys = lost.iter().filter_map(|index| graph.step(*index)).map(|spec| spec.key.clone());
    let event = OutputsInvalidated {
        step: current.spec.key.clone(),
        attempt: current.attempt,
        lost: keys.collect(),
        reason,
    };
    Fact::about(current.run.id, event)
}

fn output_too_large(bytes: usize, bytes_max: usize) -> Failure {
    Failure::new(
        Class::Validation,
        "output_too_large",
        format!("the step gave {bytes} bytes of output, at most {bytes_max} fit the journal"),
    )
    .with_hint("write large data to a file and give its path")
}
