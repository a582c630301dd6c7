//! What follows from any change: runs settle, deadlines pass, attempts begin.
//!
//! All of it looks at the state alone, so that it also catches up on what a crash cut off.

use resurge_journal::event::{
    Event, ExhaustReason, RunExhausted, RunFailed, RunPaused, RunSucceeded, Verdict,
};
use resurge_journal::state::{Run, RunPhase, StepPhase};
use resurge_journal::{RunId, Timestamp};

use super::{World, call};
use crate::core::command::Fact;

/// Ends a run whose steps leave nothing to do, or that nobody can carry on; halts one that may
/// have gone on in records that were lost.
pub(in crate::core) fn settle(world: &World<'_>, run: RunId) -> Vec<Fact> {
    let run = world.state.run(run).filter(|run| run.phase == RunPhase::Active);
    let fact = run.and_then(|run| {
        let fact = end_of(run).or_else(|| doubted(run));
        let fact = fact.map(|event| Fact { run: Some(run.id), event });
        fact.or_else(|| call::orphaned(world, run))
    });
    fact.into_iter().collect()
}

/// What was done in the records that are gone nobody knows: somebody has to look.
fn doubted(run: &Run) -> Option<Event> {
    let (from, to) = run.doubt?;
    let reason = format!(
        "records {from} to {to} of the journal were lost while it was open; \
         look at what was done, then resume or cancel it"
    );
    Some(RunPaused { actor: "journal".to_owned(), reason, freezes_timers: false }.into())
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

/// Runs whose deadline has passed are given up.
pub(in crate::core) fn overdue(world: &World<'_>, now: Timestamp) -> Vec<Fact> {
    let exhausted = RunExhausted { reason: ExhaustReason::Deadline, step: None };
    world.state.overdue(now).map(|run| Fact::about(run, exhausted.clone())).collect()
}
