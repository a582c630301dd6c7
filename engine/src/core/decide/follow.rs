//! What follows from any change: runs settle, deadlines pass, attempts begin.
//!
//! All of it looks at the state alone, so that it also catches up on what a crash cut off.

use resurge_journal::RunId;
use resurge_journal::event::{
    AttemptStarted, Event, ExhaustReason, RunExhausted, RunFailed, RunSucceeded, Verdict,
};
use resurge_journal::state::{Run, RunPhase, StepPhase};
use resurge_journal::{StepIndex, Timestamp};

use super::World;
use crate::core::command::Fact;

/// Ends a run whose steps leave nothing to do.
pub(in crate::core) fn settle(world: &World<'_>, run: RunId) -> Vec<Fact> {
    let run = world.state.run(run).filter(|run| run.phase == RunPhase::Active);
    let fact = run.and_then(|run| end_of(run).map(|event| Fact { run: Some(run.id), event }));
    fact.into_iter().collect()
}

fn end_of(run: &Run) -> Option<Event> {
    for (_, spec, step) in run.steps() {
        let StepPhase::Failed { verdict } = step.phase else { continue };
        let key = spec.key.clone();
        return Some(match verdict {
            Verdict::Exhausted => {
                // Retries left, and still no other attempt: the deadline came first.
                let retries = step.charged >= spec.max_attempts();
                let reason = if retries { ExhaustReason::Retries } else { ExhaustReason::Deadline };
                RunExhausted { reason, step: Some(key) }.into()
            }
            _ => RunFailed { step: key }.into(),
        });
    }
    let all_done = run.steps().all(|(_, _, step)| step.output().is_some());
    all_done.then(|| RunSucceeded {}.into())
}

/// Runs whose deadline has passed are given up.
pub(in crate::core) fn overdue(world: &World<'_>, now: Timestamp) -> Vec<Fact> {
    let exhausted = RunExhausted { reason: ExhaustReason::Deadline, step: None };
    world.state.overdue(now).map(|run| Fact::about(run, exhausted.clone())).collect()
}

/// Begins as many attempts as the limit allows: what is due first, then what is ready longest.
pub(in crate::core) fn start_attempts(world: &World<'_>, now: Timestamp) -> Vec<Fact> {
    let free = world.settings.attempts_in_flight_max.saturating_sub(world.state.running());
    let startable = world.state.startable(now).take(free);
    startable.filter_map(|(run, step)| attempt_started(world, run, step)).collect()
}

fn attempt_started(world: &World<'_>, run: RunId, index: StepIndex) -> Option<Fact> {
    let known = world.state.run(run)?;
    let spec = known.started.manifest.step(index)?;
    let step = known.step(index)?;
    let event = AttemptStarted {
        step: spec.key.clone(),
        attempt: step.attempts.next(),
        charged: step.charged,
        max_attempts: spec.max_attempts(),
    };
    Some(Fact::about(run, event))
}
