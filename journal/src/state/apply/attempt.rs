//! Events about the attempts of a step.

use super::{Problem, check_run, check_step, set_step, step_index, unblock};
use crate::event::{
    AttemptFailed, AttemptInterrupted, AttemptStarted, AttemptSucceeded, CheckpointSaved, Event,
    OutputsInvalidated, Verdict,
};
use crate::id::{AttemptNo, Epoch, StepIndex, StepKey};
use crate::record::Record;
use crate::state::run::Run;
use crate::state::step::{Step, StepPhase};
use crate::state::transitions::{RunMove, StepMove};
use crate::state::world::{Agenda, State};

impl State {
    pub(super) fn move_attempt(&mut self, record: &Record) -> Result<(), Problem> {
        let epoch = self.epoch;
        let (run, agenda) = self.run_of(record)?;
        check_run(run, RunMove::Work)?;
        match &record.event {
            Event::AttemptStarted(event) => started(run, agenda, record, event, epoch),
            Event::AttemptSucceeded(event) => succeeded(run, agenda, record, event),
            Event::AttemptFailed(event) => failed(run, agenda, record, event),
            Event::AttemptInterrupted(event) => interrupted(run, agenda, record, event),
            Event::CheckpointSaved(event) => checkpoint_saved(run, event),
            Event::OutputsInvalidated(event) => outputs_invalidated(run, agenda, record, event),
            _ => Err("this event does not move a step".to_owned()),
        }
    }
}

fn started(
    run: &mut Run,
    agenda: &mut Agenda,
    record: &Record,
    event: &AttemptStarted,
    epoch: Epoch,
) -> Result<(), Problem> {
    let index = step_index(run, &event.step)?;
    check_step(run, index, StepMove::Start)?;
    let expected = run.step(index).map_or(AttemptNo::NONE, |step| step.attempts).next();
    if event.attempt != expected {
        return Err(format!("attempt {expected} must come here"));
    }
    let phase = StepPhase::Running { attempt: event.attempt, epoch, started_at: record.at };
    set_step(run, agenda, index, phase, record);
    edit(run, index, |step| {
        step.attempts = event.attempt;
        step.last_interrupt = None;
    });
    Ok(())
}

fn succeeded(
    run: &mut Run,
    agenda: &mut Agenda,
    record: &Record,
    event: &AttemptSucceeded,
) -> Result<(), Problem> {
    let index = current(run, &event.step, event.attempt, StepMove::Succeed)?;
    let phase = StepPhase::Succeeded { output: event.output.clone() };
    set_step(run, agenda, index, phase, record);
    edit(run, index, |step| {
        step.charged = 0;
        step.lost_inputs = 0;
        step.last_failure = None;
        step.checkpoint = None;
    });
    unblock(run, agenda, record);
    Ok(())
}

fn failed(
    run: &mut Run,
    agenda: &mut Agenda,
    record: &Record,
    event: &AttemptFailed,
) -> Result<(), Problem> {
    let (action, phase) = match event.verdict {
        Verdict::Retry { due_at, .. } => (StepMove::Retry, StepPhase::Waiting { due_at }),
        verdict @ (Verdict::Exhausted | Verdict::NotRetryable) => {
            (StepMove::Fail, StepPhase::Failed { verdict })
        }
    };
    let index = current(run, &event.step, event.attempt, action)?;
    set_step(run, agenda, index, phase, record);
    edit(run, index, |step| {
        step.charged = event.charged;
        step.reached = event.reached;
        step.lost_inputs = 0;
        step.last_failure = Some(event.failure.clone());
    });
    Ok(())
}

fn interrupted(
    run: &mut Run,
    agenda: &mut Agenda,
    record: &Record,
    event: &AttemptInterrupted,
) -> Result<(), Problem> {
    let index = current(run, &event.step, event.attempt, StepMove::Interrupt)?;
    set_step(run, agenda, index, StepPhase::Ready, record);
    edit(run, index, |step| step.last_interrupt = Some(event.cause));
    Ok(())
}

fn checkpoint_saved(run: &mut Run, event: &CheckpointSaved) -> Result<(), Problem> {
    let index = current(run, &event.step, event.attempt, StepMove::Checkpoint)?;
    edit(run, index, |step| step.checkpoint = Some(event.checkpoint.clone()));
    Ok(())
}

fn outputs_invalidated(
    run: &mut Run,
    agenda: &mut Agenda,
    record: &Record,
    event: &OutputsInvalidated,
) -> Result<(), Problem> {
    let finder = current(run, &event.step, event.attempt, StepMove::Invalidate)?;
    let lost: Vec<StepIndex> =
        event.lost.iter().map(|key| step_index(run, key)).collect::<Result<_, _>>()?;
    let needs: Vec<StepIndex> =
        run.started.manifest.step(finder).map(|spec| spec.needs().collect()).unwrap_or_default();
    if lost.is_empty() || lost.iter().any(|step| !needs.contains(step)) {
        return Err(format!("step `{}` takes nothing from the steps said to be lost", event.step));
    }

    let affected = run.started.manifest.closure(&lost);
    for index in &affected {
        check_step(run, *index, StepMove::Invalidate)?;
    }
    for index in affected {
        set_step(run, agenda, index, StepPhase::Blocked, record);
        edit(run, index, |step| step.reached = 0);
    }
    edit(run, finder, |step| step.lost_inputs = step.lost_inputs.saturating_add(1));
    unblock(run, agenda, record);
    Ok(())
}

/// Checks that a step is running this very attempt, and that the move is legal.
fn current(
    run: &Run,
    key: &StepKey,
    attempt: AttemptNo,
    action: StepMove,
) -> Result<StepIndex, Problem> {
    let index = step_index(run, key)?;
    if run.step(index).and_then(Step::running) != Some(attempt) {
        return Err(format!("attempt {attempt} of step `{key}` is not under way"));
    }
    check_step(run, index, action)?;
    Ok(index)
}

fn edit(run: &mut Run, index: StepIndex, change: impl FnOnce(&mut Step)) {
    if let Some(step) = run.steps.get_mut(index.get()) {
        change(step);
    }
}
