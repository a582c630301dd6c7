//! Calls: runs whose attempts a caller in this process makes, not the engine.

use resurge_journal::event::{InterruptCause, RunCancelled, RunParked, RunUnparked, StepRefused};
use resurge_journal::state::{Run, RunPhase, StepPhase};
use resurge_journal::{RunId, Timestamp};

use super::World;
use super::begin::{circuit_open, on_open};
use super::control::interrupt;
use super::gate::{Passage, passage};
use crate::core::command::Fact;

/// Name of the workflow, the step and the kind of every call.
pub(crate) const CALL: &str = "call";

/// Why a call waits.
const CALLER_GONE: &str = "whoever made this call is gone; make it again to go on";

/// Whether the attempts of a run are made by a caller.
pub(in crate::core) fn is_call(run: &Run) -> bool {
    let manifest = &run.started.manifest;
    let [step] = &*manifest.steps else { return false };
    manifest.workflow.as_str() == CALL && step.key.as_str() == CALL && step.kind == CALL
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
    if run.started.key.is_none() {
        let (actor, reason) = ("engine".to_owned(), CALLER_GONE.to_owned());
        return Some(Fact::about(run.id, RunCancelled { actor, reason }));
    }
    let is_active = run.phase == RunPhase::Active;
    is_active.then(|| wait_for_caller(run))
}

/// A call waits until it is made again.
pub(super) fn wait_for_caller(run: &Run) -> Fact {
    Fact::about(run.id, RunParked { reason: CALLER_GONE.to_owned() })
}

/// A call that is to go on, such as after a pause, but whose caller is gone.
pub(super) fn orphaned(world: &World<'_>, run: &Run) -> Option<Fact> {
    let is_orphan = is_call(run) && !world.calls.contains_key(&run.id);
    if is_orphan { leave(run) } else { None }
}

/// A call that does not wait for breakers learns at once that one stands in its way.
///
/// Steps of workflows learn it when they are due; here somebody waits for the answer.
pub(in crate::core) fn refuse(world: &World<'_>, run: RunId, now: Timestamp) -> Vec<Fact> {
    let known = world.state.run(run).filter(|run| run.phase == RunPhase::Active && is_call(run));
    let refused = known.and_then(|known| {
        let (index, spec, _) = known
            .steps()
            .find(|(_, _, step)| matches!(step.phase, StepPhase::Waiting { .. }) && !step.forced)?;
        let needs = world.definition(known).ok()?.needs(index, &known.input_of(spec)?);
        let on_open = on_open(world, spec);
        let Passage::Refuse { key, remaining } = passage(world, &needs, on_open, now) else {
            return None;
        };
        let (step, failure) = (spec.key.clone(), circuit_open(&key, remaining));
        Some(Fact::about(run, StepRefused { step, failure }))
    });
    refused.into_iter().collect()
}
