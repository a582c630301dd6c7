//! What should be running, less what is running.

use std::collections::BTreeMap;

use resurge_journal::failure::Condition;
use resurge_journal::state::{Hold, Run, RunPhase, StepPhase};
use resurge_journal::{AttemptNo, RunId, Seq, State, StepIndex};
use resurge_steps::StopReason;

/// The attempts that have a task, ended or not, until the task is gone.
pub(crate) type Running = BTreeMap<(RunId, StepIndex), AttemptNo>;

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    pub(crate) spawn: Vec<Spawn>,
    pub(crate) stop: Vec<Stop>,
    /// Every condition that steps of the run wait for, and no other.
    pub(crate) watch: Vec<Watch>,
}

/// Something that a step waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) step: StepIndex,
    pub(crate) condition: Condition,
}

/// An attempt that needs a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spawn {
    pub(crate) run: RunId,
    pub(crate) step: StepIndex,
    pub(crate) attempt: AttemptNo,
}

/// A task whose attempt is no longer wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) run: RunId,
    pub(crate) step: StepIndex,
    pub(crate) attempt: AttemptNo,
    pub(crate) reason: StopReason,
}

/// What to spawn and stop for one run.
///
/// Looks only at what is durable: a step whose last move is not on disk yet is left as it is,
/// and looked at again when that move is. A step whose old task still winds down gets no second
/// one beside it; the shell asks again when the task is gone.
pub(crate) fn reconcile(state: &State, durable: Seq, run: RunId, running: &Running) -> Plan {
    state.run(run).map(|run| plan_of(run, state, durable, running)).unwrap_or_default()
}

/// The same for a run at hand.
pub(crate) fn plan_of(run: &Run, state: &State, durable: Seq, running: &Running) -> Plan {
    let mut plan = Plan::default();
    let id = run.id;
    let steps = (id, StepIndex::new(0))..=(id, StepIndex::new(u16::MAX));
    let mut tasks = running.range(steps).peekable();
    let is_paused = matches!(run.phase, RunPhase::Paused { .. }) && run.since <= durable;
    for (step, _, entry) in run.steps() {
        // The tasks of a run stand in the order of its steps.
        let task = tasks.next_if(|((_, known), _)| *known == step).map(|(_, attempt)| *attempt);
        if entry.since > durable {
            continue;
        }
        let wanted = match &entry.phase {
            StepPhase::Running { attempt, epoch, .. } if *epoch == state.epoch() && !is_paused => {
                Some(*attempt)
            }
            _ => None,
        };
        if let StepPhase::Held { on: Hold::Condition(condition), .. } = &entry.phase
            && run.phase == RunPhase::Active
        {
            plan.watch.push(Watch { step, condition: condition.clone() });
        }
        match (wanted, task) {
            (Some(attempt), None) => plan.spawn.push(Spawn { run: id, step, attempt }),
            (wanted, Some(attempt)) if wanted != Some(attempt) => {
                plan.stop.push(Stop { run: id, step, attempt, reason: stop_reason(run) });
            }
            _ => {}
        }
    }
    plan
}

const fn stop_reason(run: &Run) -> StopReason {
    match run.phase {
        RunPhase::Cancelled { .. } => StopReason::Cancelled,
        RunPhase::Paused { .. } => StopReason::Paused,
        _ => StopReason::Superseded,
    }
}
