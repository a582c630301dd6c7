//! An attempt ended, moved or saved where it stands.

use resurge_journal::event::{
    AttemptInterrupted, AttemptSucceeded, CheckpointSaved, Health, InterruptCause,
    LateResultIgnored, OutputsInvalidated, ProbePassed, ReleaseCause, Sign, StepReleased,
};
use resurge_journal::failure::{Advice, Class, Failure, Scope};
use resurge_journal::manifest::StepSpec;
use resurge_journal::state::{Gate, Hold, Run, RunPhase, Step, StepPhase};
use resurge_journal::{AttemptNo, Json, RunId, StepIndex, Timestamp};

use super::World;
use super::begin::LAST_ATTEMPT;
use super::breaker::server_directed;
use super::failure::failed;
use crate::core::command::{Ambient, Fact, Outcome, Refusal, Seen};

/// An attempt that is current: the only kind whose result counts.
pub(super) struct Current<'a> {
    pub(super) run: &'a Run,
    pub(super) spec: &'a StepSpec,
    pub(super) step: &'a Step,
    pub(super) attempt: AttemptNo,
}

impl Current<'_> {
    /// Whether this attempt was made in spite of breakers because its time was nearly up.
    pub(super) fn was_last(&self, limit: Option<Timestamp>, now: Timestamp) -> bool {
        let StepPhase::Running { forced, .. } = self.step.phase else { return false };
        forced && limit.is_some_and(|limit| limit <= now.after(LAST_ATTEMPT))
    }
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
    let now = ambient.now;
    match outcome {
        Outcome::Succeeded { output, .. } if output.len() > world.settings.payload_bytes_max => {
            let failure = output_too_large(output.len(), world.settings.payload_bytes_max);
            vec![failed(world, &current, failure, &Seen::default(), now)]
        }
        Outcome::Succeeded { output, seen } => {
            let health = all_alive(&current, &seen);
            vec![Fact::about(run, AttemptSucceeded { step: key, attempt, output, health })]
        }
        Outcome::Failed { failure, seen } => {
            let failure = blaming(&current, *failure, &seen);
            let opened = shared_limit(world, &current, &failure, now);
            let fact = failed(world, &current, failure, &seen, now);
            [fact].into_iter().chain(opened).collect()
        }
        Outcome::InputsLost { lost, reason } => {
            vec![inputs_lost(world, &current, &lost, reason, now)]
        }
        Outcome::Interrupted => {
            // A run may have been resumed while its attempt still wound down.
            let is_paused = matches!(current.run.phase, RunPhase::Paused { .. });
            let cause = if is_paused || !world.draining {
                InterruptCause::Pause
            } else {
                InterruptCause::Shutdown
            };
            vec![Fact::about(run, AttemptInterrupted { step: key, attempt, cause })]
        }
    }
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

/// A probe has moved: what it needs works, however long the attempt goes on.
pub(super) fn moved(
    world: &World<'_>,
    run: RunId,
    index: StepIndex,
    attempt: AttemptNo,
) -> Vec<Fact> {
    let Some(current) = current(world, run, index, attempt) else { return Vec::new() };
    let is_probe_of = |gate: &Gate| match gate {
        Gate::HalfOpen { probe: Some(probe), .. } => {
            (probe.run, probe.step, probe.attempt) == (run, index, attempt)
        }
        _ => false,
    };
    let probed = current.step.admission().iter().filter(|admitted| {
        world.state.breaker(&admitted.key).is_some_and(|breaker| is_probe_of(&breaker.gate))
    });
    let passed = |key: &resurge_journal::ResourceKey| {
        let (step, key) = (current.spec.key.clone(), key.clone());
        Fact::about(run, ProbePassed { step, attempt, key })
    };
    probed.map(|admitted| passed(&admitted.key)).collect()
}

/// What a held step waited for has come true.
pub(super) fn ready(world: &World<'_>, run: RunId, index: StepIndex) -> Vec<Fact> {
    let known = world.state.run(run).filter(|run| run.phase == RunPhase::Active);
    let fact = known.and_then(|known| {
        let step = known.step(index)?;
        let StepPhase::Held { on: Hold::Condition(_), .. } = step.phase else { return None };
        let step = known.started.manifest.step(index)?.key.clone();
        let cause = ReleaseCause::Ready;
        Some(Fact::about(run, StepReleased { step, cause, wave: None }))
    });
    fact.into_iter().collect()
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

/// Success shows that everything used works; that is all that was let pass if nobody said more.
fn all_alive(current: &Current<'_>, seen: &Seen) -> Vec<Health> {
    let admission = current.step.admission();
    let mut health: Vec<Health> = seen.health.clone();
    let unsaid = admission.iter().map(|admitted| &admitted.key).filter(|key| {
        let is_used = seen.used.as_ref().is_none_or(|used| used == *key || !key.is_host());
        is_used && health.iter().all(|known| known.key != **key)
    });
    let alive: Vec<Health> =
        unsaid.map(|key| Health { key: key.clone(), sign: Sign::Alive }).collect();
    health.extend(alive);
    health.retain(|known| admission.iter().any(|admitted| admitted.key == known.key));
    health
}

/// A failure of a host that nobody named is one of the host in use, or of the only one needed.
fn blaming(current: &Current<'_>, mut failure: Failure, seen: &Seen) -> Failure {
    if failure.resource.is_none() && failure.scope == Scope::Host {
        let only = match current.step.admission() {
            [only] => Some(&only.key),
            _ => None,
        };
        let culprit = seen.used.as_ref().or(only).filter(|key| key.kind() != "volume");
        failure.resource = culprit.cloned();
    }
    failure
}

/// The server speaks of a limit that all requests share, or tells a second run to wait as well.
fn shared_limit(
    world: &World<'_>,
    current: &Current<'_>,
    failure: &Failure,
    now: Timestamp,
) -> Option<Fact> {
    let Advice::After { delay, shared } = failure.advice else { return None };
    let key = failure.resource.as_ref().filter(|_| failure.class == Class::Throttled)?;
    let others = world.state.breaker(key).and_then(|breaker| breaker.throttled);
    let is_second = others.is_some_and(|(run, until)| run != current.run.id && until > now);
    let until = now.after(delay.min(world.settings.server_delay_max));
    (shared || is_second).then(|| server_directed(world, key, until, now)).flatten()
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
        return failed(world, current, failure, &Seen::default(), now);
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
