//! Calls: runs whose attempts a caller in this process makes, not the engine.

use resurge_journal::RunId;
use resurge_journal::event::{InterruptCause, RunCancelled, RunParked, RunUnparked};
use resurge_journal::state::{Run, RunPhase};

use super::World;
use super::control::interrupt;
use crate::core::command::Fact;

/// Name of the workflow, the step and the kind of every call.
pub(crate) const CALL: &str = "call";

/// Why a call waits.
const CALLER_GONE: &str = "whoever made this call is gone; make it again to go on";

/// Whether the attempts of a run are made by a caller.
pub(super) fn is_call(run: &Run) -> bool {
    run.started.manifest.steps.first().is_some_and(|step| step.kind == CALL)
}

/// The caller of a run is there.
pub(super) fn attach(run: &Run) -> Vec<Fact> {
    let is_parked = matches!(run.phase, RunPhase::Parked { .. });
    is_parked.then(|| Fact::about(run.id, RunUnparked {})).into_iter().collect()
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
    facts.extend(leave(known));
    facts
}

/// A call without its caller waits for it, or is over if nobody could find it again.
pub(super) fn leave(run: &Run) -> Option<Fact> {
    let reason = CALLER_GONE.to_owned();
    if run.started.key.is_none() {
        let actor = "engine".to_owned();
        return Some(Fact::about(run.id, RunCancelled { actor, reason }));
    }
    let is_active = run.phase == RunPhase::Active;
    is_active.then(|| Fact::about(run.id, RunParked { reason }))
}
