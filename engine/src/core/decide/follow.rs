//! What follows from any change: runs settle, deadlines pass, attempts begin.
//!
//! All of it looks at the state alone, so that it also catches up on what a crash cut off.

use std::collections::BTreeSet;

use resurge_journal::event::{
    Event, ExhaustReason, RunExhausted, RunFailed, RunSucceeded, Verdict,
};
use resurge_journal::state::{Run, RunPhase, StepPhase};
use resurge_journal::{ResourceKey, RunId, Timestamp};

use super::begin::begin;
use super::breaker::breakers;
use super::{World, call};
use crate::core::command::Fact;

/// Ends a run whose steps leave nothing to do, or that nobody can carry on.
pub(in crate::core) fn settle(world: &World<'_>, run: RunId) -> Vec<Fact> {
    let run = world.state.run(run).filter(|run| run.phase == RunPhase::Active);
    let fact = run.and_then(|run| {
        let end = end_of(run).map(|event| Fact { run: Some(run.id), event });
        end.or_else(|| call::orphaned(world, run))
    });
    fact.into_iter().collect()
}

fn end_of(run: &Run) -> Option<Event> {
    for (_, spec, step) in run.steps() {
        let StepPhase::Failed { verdict } = step.phase else { continue };
        let key = spec.key.clone();
        return Some(match verdict {
            Verdict::Exhausted => {
                let reason = step.exhausted_by.unwrap_or(ExhaustReason::Retries);
                RunExhausted { reason, step: Some(key) }.into()
            }
            _ => RunFailed { step: key }.into(),
        });
    }
    let all_done = run.steps().all(|(_, _, step)| step.output().is_some());
    all_done.then(|| RunSucceeded {}.into())
}

/// What follows next: deadlines that have passed, breakers that turn, attempts that begin.
///
/// `showed` are resources about which something was learnt since the command.
pub(in crate::core) fn next(
    world: &World<'_>,
    showed: &BTreeSet<ResourceKey>,
    now: Timestamp,
) -> Vec<Fact> {
    let overdue = overdue(world, now);
    if !overdue.is_empty() {
        return overdue;
    }
    let turned = breakers(world, showed, now);
    if turned.is_empty() { begin(world, now) } else { turned }
}

/// Runs whose deadline has passed are given up.
fn overdue(world: &World<'_>, now: Timestamp) -> Vec<Fact> {
    let exhausted = RunExhausted { reason: ExhaustReason::Deadline, step: None };
    world.state.overdue(now).map(|run| Fact::about(run, exhausted.clone())).collect()
}
