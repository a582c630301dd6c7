//! Runs whose attempts are made by a caller in this process, not by the engine.

use resurge_journal::RunId;
use resurge_journal::event::{InterruptCause, RunParked, RunUnparked};
use resurge_journal::state::RunPhase;

use super::World;
use super::control::interrupt;
use crate::core::command::Fact;

/// Why a run waits that a caller made attempts for.
pub(crate) const CALLER_GONE: &str =
    "whoever made the attempts of this call is gone; call it again to go on";

/// The caller of a run is there.
pub(super) fn attach(world: &World<'_>, run: RunId) -> Vec<Fact> {
    let parked = world.state.run(run).filter(|run| matches!(run.phase, RunPhase::Parked { .. }));
    parked.map(|run| Fact::about(run.id, RunUnparked {})).into_iter().collect()
}

/// The caller of a run is gone: the attempt under way ends without a result.
pub(super) fn detach(world: &World<'_>, run: RunId) -> Vec<Fact> {
    let Some(known) = world.state.run(run).filter(|run| !run.phase.is_final()) else {
        return Vec::new();
    };
    let steps = known.steps().map(|(index, _, _)| index);
    let cause = InterruptCause::CallerGone;
    let mut facts: Vec<Fact> =
        steps.filter_map(|index| interrupt(world, run, index, cause)).collect();
    if known.phase == RunPhase::Active {
        facts.push(Fact::about(run, RunParked { reason: CALLER_GONE.to_owned() }));
    }
    facts
}
