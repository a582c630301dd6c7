//! Runs are called off, the engine closes.

use resurge_journal::event::{AttemptInterrupted, EngineClosed, InterruptCause, RunCancelled};
use resurge_journal::state::RunPhase;
use resurge_journal::{Epoch, RunId};

use super::World;
use crate::core::command::{Fact, Refusal};

pub(super) fn cancel(
    world: &World<'_>,
    run: RunId,
    actor: String,
    reason: String,
) -> Result<Vec<Fact>, Refusal> {
    let known = world.state.run(run).ok_or(Refusal::UnknownRun)?;
    match known.phase {
        // Asked for twice is as good as once.
        RunPhase::Cancelled { .. } => Ok(Vec::new()),
        _ if known.phase.is_final() => Err(Refusal::Ended),
        _ => Ok(vec![Fact::about(run, RunCancelled { actor, reason })]),
    }
}

/// Attempts that did not end within the grace period are interrupted, then the epoch ends.
pub(super) fn close(world: &World<'_>, epoch: Epoch) -> Vec<Fact> {
    let interrupted = interrupt_running(world, InterruptCause::Shutdown);
    interrupted.into_iter().chain([Fact::of_engine(EngineClosed { epoch })]).collect()
}

/// Every attempt under way ends without a result.
pub(super) fn interrupt_running(world: &World<'_>, cause: InterruptCause) -> Vec<Fact> {
    let fact = |(run, index)| {
        let known = world.state.run(run)?;
        let attempt = known.step(index)?.running()?;
        let step = known.started.manifest.step(index)?.key.clone();
        Some(Fact::about(run, AttemptInterrupted { step, attempt, cause }))
    };
    world.state.running_steps().filter_map(fact).collect()
}
