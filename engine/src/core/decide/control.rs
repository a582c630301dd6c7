//! What people ask for: runs, steps, breakers, settings; and the end of the engine.

use resurge_journal::event::{
    AttemptInterrupted, EngineClosed, Event, ForceRetry, InterruptCause, RecoveryCancelled,
    RetryNow, RunCancelled, RunPaused, RunResumed, SettingsChanged, StepSkipped, Verdict,
};
use resurge_journal::state::{Run, RunPhase, Step, StepMove, StepPhase, StepPhaseKind, Tuning};
use resurge_journal::{Epoch, Json, RunId, Seq, StepIndex, StepKey};

use super::{World, call};
use crate::core::command::{Control, Fact, Refusal};

/// Who asked for something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) actor: String,
    pub(crate) reason: String,
}

pub(super) fn control(
    world: &World<'_>,
    id: RunId,
    control: Control,
    asked: Asked,
    expected: Option<Seq>,
) -> Result<Vec<Fact>, Refusal> {
    let run = world.state.run(id).ok_or(Refusal::UnknownRun)?;
    let version = run.version();
    if expected.is_some_and(|expected| expected != version) {
        return Err(Refusal::Moved { version });
    }
    let is_resumed = control == Control::Resume;
    let event = match control {
        Control::Cancel => cancel(run, asked)?,
        Control::Pause { freezes_timers } => pause(run, freezes_timers, asked)?,
        Control::Resume => resume(world, run, asked)?,
        Control::RetryNow => retry_now(world, run, asked)?,
        Control::ForceRetry => force_retry(world, run, asked)?,
        Control::CancelRecovery => cancel_recovery(run, asked)?,
        Control::Skip { step, output } => Some(skip(world, run, step, output, asked)?),
    };
    let mut facts: Vec<Fact> =
        event.map(|event| Fact { run: Some(id), event }).into_iter().collect();
    if is_resumed && !facts.is_empty() && is_orphan(world, run) {
        facts.push(call::wait_for_caller(run));
    }
    Ok(facts)
}

/// Whether it is a call whose caller is gone; whoever makes it again goes on with it.
fn is_orphan(world: &World<'_>, run: &Run) -> bool {
    call::is_call(run) && !world.calls.contains_key(&run.id)
}

fn cancel(run: &Run, Asked { actor, reason }: Asked) -> Result<Option<Event>, Refusal> {
    match run.phase {
        // Asked for twice is as good as once.
        RunPhase::Cancelled { .. } => Ok(None),
        _ if run.phase.is_final() => Err(Refusal::Ended),
        _ => Ok(Some(RunCancelled { actor, reason }.into())),
    }
}

fn pause(
    run: &Run,
    freezes_timers: bool,
    Asked { actor, reason }: Asked,
) -> Result<Option<Event>, Refusal> {
    match &run.phase {
        RunPhase::Active => Ok(Some(RunPaused { actor, reason, freezes_timers }.into())),
        RunPhase::Paused { freezes_timers: known, .. } if *known == freezes_timers => Ok(None),
        // To pause it in another way is not what it is already.
        RunPhase::Paused { .. } => Err(Refusal::Paused),
        RunPhase::Parked { reason } => Err(Refusal::Parked { reason: reason.clone() }),
        _ => Err(Refusal::Ended),
    }
}

fn resume(
    world: &World<'_>,
    run: &Run,
    Asked { actor, reason }: Asked,
) -> Result<Option<Event>, Refusal> {
    match &run.phase {
        RunPhase::Active => Ok(None),
        RunPhase::Paused { .. } => match world.definition(run) {
            Ok(_) => Ok(Some(RunResumed { actor, reason }.into())),
            Err(_) if is_orphan(world, run) => Ok(Some(RunResumed { actor, reason }.into())),
            // Nobody could make its attempts.
            Err(misfit) => Err(Refusal::Parked { reason: misfit.to_string() }),
        },
        RunPhase::Parked { reason } => Err(Refusal::Parked { reason: reason.clone() }),
        _ => Err(Refusal::Ended),
    }
}

fn retry_now(
    world: &World<'_>,
    run: &Run,
    Asked { actor, reason }: Asked,
) -> Result<Option<Event>, Refusal> {
    let steps = match &run.phase {
        RunPhase::Active => keys(run, |step| {
            matches!(step.phase, StepPhase::Waiting { .. } | StepPhase::Held { .. })
        }),
        RunPhase::Failed { .. } | RunPhase::Exhausted { .. } => {
            may_reopen(world, run)?;
            let failed = keys(run, is_failed);
            let vetoed = |step: &Step| is_failed(step) && !may_be_tried_again(step);
            if let Some(step) = keys(run, vetoed).into_iter().next() {
                return Err(Refusal::NotRetryable { step });
            }
            failed
        }
        _ => return Err(not_now(run)),
    };
    // Whatever is not waiting is tried already.
    let is_waiting = !steps.is_empty() || run.phase.is_final();
    Ok(is_waiting.then(|| RetryNow { actor, reason, steps }.into()))
}

fn force_retry(
    world: &World<'_>,
    run: &Run,
    Asked { actor, reason }: Asked,
) -> Result<Option<Event>, Refusal> {
    let steps = match &run.phase {
        RunPhase::Active => keys(run, |step| {
            matches!(
                step.phase,
                StepPhase::Waiting { .. } | StepPhase::Held { .. } | StepPhase::Ready
            )
        }),
        RunPhase::Failed { .. } | RunPhase::Exhausted { .. } => {
            may_reopen(world, run)?;
            keys(run, is_failed)
        }
        _ => return Err(not_now(run)),
    };
    let is_waiting = !steps.is_empty() || run.phase.is_final();
    Ok(is_waiting.then(|| ForceRetry { actor, reason, steps }.into()))
}

fn cancel_recovery(run: &Run, Asked { actor, reason }: Asked) -> Result<Option<Event>, Refusal> {
    match &run.phase {
        RunPhase::Active | RunPhase::Failed { .. } if run.recovery_cancelled => Ok(None),
        RunPhase::Active => {
            let gives_up = |step: &Step| match step.phase {
                StepPhase::Waiting { .. } | StepPhase::Held { .. } => true,
                StepPhase::Ready => step.last_failure.is_some(),
                _ => false,
            };
            let steps = keys(run, gives_up);
            let retries = |step: &Step| step.running().is_some() && step.last_failure.is_some();
            if steps.is_empty() && keys(run, retries).is_empty() {
                return Err(Refusal::NotRecovering);
            }
            Ok(Some(RecoveryCancelled { actor, reason, steps }.into()))
        }
        _ => Err(not_now(run)),
    }
}

fn skip(
    world: &World<'_>,
    run: &Run,
    key: StepKey,
    output: Json,
    Asked { actor, reason }: Asked,
) -> Result<Event, Refusal> {
    let (index, step) = run.step_by_key(&key).ok_or(Refusal::UnknownStep)?;
    if matches!(run.phase, RunPhase::Failed { .. } | RunPhase::Exhausted { .. }) {
        may_reopen(world, run)?;
    } else if run.phase != RunPhase::Active {
        return Err(not_now(run));
    }
    // A step that the end of its run stopped is ready or blocked once the run is open again.
    if StepMove::Skip.from(step.phase.kind()).is_none() {
        let phase = step.phase.kind();
        return Err(Refusal::CannotSkip { is_done: phase == StepPhaseKind::Succeeded });
    }
    if output.len() > world.settings.payload_bytes_max {
        let (bytes, bytes_max) = (output.len(), world.settings.payload_bytes_max);
        return Err(Refusal::Output { problem: format!("it has {bytes} bytes, {bytes_max} fit") });
    }
    if let Ok(definition) = world.definition(run)
        && let Some(step) = definition.step(index)
        && let Err(error) = step.accepts(&output)
    {
        return Err(Refusal::Output { problem: error.to_string() });
    }
    Ok(StepSkipped { step: key, output, actor, reason }.into())
}

/// Whether a run that has ended can go on: its key must be free, and its definition known.
fn may_reopen(world: &World<'_>, run: &Run) -> Result<(), Refusal> {
    let holder = run.started.key.as_ref().and_then(|key| world.state.run_by_key(key));
    if let Some(holder) = holder.filter(|holder| holder.id != run.id && !holder.phase.is_final()) {
        return Err(Refusal::KeyTaken { run: holder.id });
    }
    match world.definition(run) {
        Ok(_) => Ok(()),
        Err(misfit) => Err(Refusal::Parked { reason: misfit.to_string() }),
    }
}

fn not_now(run: &Run) -> Refusal {
    match &run.phase {
        RunPhase::Paused { .. } => Refusal::Paused,
        RunPhase::Parked { reason } => Refusal::Parked { reason: reason.clone() },
        _ => Refusal::Ended,
    }
}

const fn is_failed(step: &Step) -> bool {
    matches!(step.phase, StepPhase::Failed { .. })
}

/// Whether the failure that ended a step leaves another attempt worth it.
fn may_be_tried_again(step: &Step) -> bool {
    let is_exhausted = matches!(step.phase, StepPhase::Failed { verdict: Verdict::Exhausted });
    is_exhausted
        || step.last_failure.as_ref().is_none_or(resurge_journal::failure::Failure::is_retryable)
}

fn keys(run: &Run, wanted: impl Fn(&Step) -> bool) -> Vec<StepKey> {
    let steps = run.steps().filter(|(_, _, step)| wanted(step));
    steps.map(|(_, spec, _)| spec.key.clone()).collect()
}

pub(super) fn tune(
    world: &World<'_>,
    name: String,
    new: Json,
    Asked { actor, reason }: Asked,
) -> Result<Vec<Fact>, Refusal> {
    Tuning::check(&name, &new).map_err(|problem| Refusal::Setting { problem })?;
    let known = world.state.tuning().get(&name).unwrap_or_else(Json::null);
    if known.says_the_same_as(&new) {
        return Ok(Vec::new());
    }
    let is_set = known != Json::null();
    let old = if is_set { known } else { in_force(world, &name).unwrap_or(known) };
    Ok(vec![Fact::of_engine(SettingsChanged { name, old, new, actor, reason })])
}

/// The value of a setting that nobody has changed; none if each step has its own.
fn in_force(world: &World<'_>, name: &str) -> Option<Json> {
    let settings = world.settings;
    match name {
        "attempts_in_flight_max" => Json::of(&settings.attempts_in_flight_max).ok(),
        "bandwidth_limit" => Json::of(&settings.bandwidth_limit).ok(),
        "circuit_breaker_threshold" => Json::of(&settings.breaker.threshold).ok(),
        "circuit_breaker_timeout_ms" => Json::of(&settings.breaker.break_max_ms).ok(),
        _ => None,
    }
}

/// Attempts that did not end within the grace period are interrupted, then the epoch ends.
pub(super) fn close(world: &World<'_>, epoch: Epoch) -> Vec<Fact> {
    let interrupted = interrupt_running(world, InterruptCause::Shutdown);
    interrupted.into_iter().chain([Fact::of_engine(EngineClosed { epoch })]).collect()
}

/// Every attempt under way ends without a result.
pub(super) fn interrupt_running(world: &World<'_>, cause: InterruptCause) -> Vec<Fact> {
    let running = world.state.running_steps();
    running.filter_map(|(run, index)| interrupt(world, run, index, cause)).collect()
}

/// An attempt under way ends without a result.
pub(super) fn interrupt(
    world: &World<'_>,
    run: RunId,
    index: StepIndex,
    cause: InterruptCause,
) -> Option<Fact> {
    let known = world.state.run(run)?;
    let attempt = known.step(index)?.running()?;
    let step = known.started.manifest.step(index)?.key.clone();
    Some(Fact::about(run, AttemptInterrupted { step, attempt, cause }))
}
