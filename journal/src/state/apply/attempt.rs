//! Events about the attempts of a step.

use super::{Problem, check_run, check_step, edit, set_step, step_index, unblock};
use crate::event::{
    AttemptFailed, AttemptInterrupted, AttemptStarted, AttemptSucceeded, Budget, CheckpointSaved,
    Event, InterruptCause, OutputsInvalidated, Verdict,
};
use crate::failure::Advice;
use crate::id::{AttemptNo, Epoch, StepIndex, StepKey};
use crate::record::Record;
use crate::state::run::Run;
use crate::state::step::{Hold, Step, StepPhase};
use crate::state::transitions::{RunMove, StepMove};
use crate::state::world::{Agenda, State};

impl State {
    pub(super) fn move_attempt(&mut self, record: &Record) -> Result<(), Problem> {
        let (epoch, crowd) = (self.epoch, self.crowd);
        let (run, agenda) = self.run_of(record)?;
        let action = match &record.event {
            Event::AttemptStarted(_) => RunMove::Work,
            _ => RunMove::Report,
        };
        check_run(run, action)?;
        match &record.event {
            Event::AttemptStarted(event) => self.started(record, event, epoch),
            Event::AttemptSucceeded(event) => succeeded(run, agenda, record, event),
            Event::AttemptFailed(event) => self.failed(record, event),
            Event::AttemptInterrupted(event) => interrupted(run, agenda, record, event, crowd),
            Event::CheckpointSaved(event) => checkpoint_saved(run, event),
            Event::OutputsInvalidated(event) => outputs_invalidated(run, agenda, record, event),
            _ => Err("this event does not move a step".to_owned()),
        }
    }

    fn started(
        &mut self,
        record: &Record,
        event: &AttemptStarted,
        epoch: Epoch,
    ) -> Result<(), Problem> {
        let (run, agenda) = self.run_of(record)?;
        let index = step_index(run, &event.step)?;
        check_step(run, index, StepMove::Start)?;
        let expected = run.step(index).map_or(AttemptNo::NONE, |step| step.attempts).next();
        if event.attempt != expected {
            return Err(format!("attempt {expected} must come here"));
        }
        let phase = StepPhase::Running {
            attempt: event.attempt,
            epoch,
            started_at: record.at,
            admission: event.admission.clone(),
            forced: event.forced,
            has_saved: false,
            timeout_ms: event.timeout_ms,
        };
        set_step(run, agenda, index, phase, record);
        edit(run, index, |step| {
            step.attempts = event.attempt;
            step.last_interrupt = None;
            step.trying_since.get_or_insert(record.at);
            step.forced = false;
            step.hurried = false;
        });
        let id = run.id;
        self.admitted(id, index, event.attempt, &event.admission, record);
        Ok(())
    }

    fn failed(&mut self, record: &Record, event: &AttemptFailed) -> Result<(), Problem> {
        let (run, agenda) = self.run_of(record)?;
        let (action, phase) = match event.verdict {
            Verdict::Retry { due_at, .. } => (StepMove::Retry, StepPhase::Waiting { due_at }),
            Verdict::Park { force_at } => {
                let Advice::WhenReady(condition) = &event.failure.advice else {
                    return Err("a parked step must name what it waits for".to_owned());
                };
                let on = Hold::Condition(condition.clone());
                (StepMove::Park, StepPhase::Held { on, force_at })
            }
            verdict @ (Verdict::Exhausted | Verdict::NotRetryable) => {
                (StepMove::Fail, StepPhase::Failed { verdict })
            }
        };
        let index = current(run, &event.step, event.attempt, action)?;
        set_step(run, agenda, index, phase, record);
        run.first_failed_at.get_or_insert(record.at);
        edit(run, index, |step| {
            step.charged = event.charged;
            step.reached = event.reached;
            step.streak = event.streak;
            step.server_waited_ms = event.server_waited_ms;
            step.lost_inputs = 0;
            step.crashes = 0;
            step.blame = 0;
            step.last_parts = event.parts;
            step.exhausted_by = event.exhausted_by;
            step.last_delay_ms = match event.verdict {
                Verdict::Retry { delay, .. } => u64::try_from(delay.as_millis()).ok(),
                _ => None,
            };
            if event.is_refunded {
                step.trying_since = Some(record.at);
            }
            step.last_failure = Some(event.failure.clone());
        });
        if let Some(Budget { key, paid_at }) = &event.budget {
            self.budgets.retain(|_, paid_at| *paid_at > record.at);
            self.budgets.insert(key.clone(), *paid_at);
        }
        self.ease = event.ease.or(self.ease);
        Ok(())
    }
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
    edit(run, index, Step::forget_failures);
    unblock(run, agenda, record);
    Ok(())
}

fn interrupted(
    run: &mut Run,
    agenda: &mut Agenda,
    record: &Record,
    event: &AttemptInterrupted,
    crowd: u32,
) -> Result<(), Problem> {
    let index = current(run, &event.step, event.attempt, StepMove::Interrupt)?;
    let (has_saved, was_forced) = match run.step(index).map(|step| &step.phase) {
        Some(StepPhase::Running { has_saved, forced, .. }) => (*has_saved, *forced),
        _ => (false, false),
    };
    set_step(run, agenda, index, StepPhase::Ready, record);
    edit(run, index, |step| {
        step.last_interrupt = Some(event.cause);
        // What somebody forced is still to be done, unless it may be what ended the process.
        step.forced |= was_forced && event.cause != InterruptCause::Crash;
        if event.cause == InterruptCause::Crash && !has_saved {
            step.crashes = step.crashes.saturating_add(1);
            step.blame = step.blame.saturating_add((Step::BLAME / crowd.max(1)).max(1));
        } else {
            step.crashes = 0;
            step.blame = 0;
        }
    });
    Ok(())
}

fn checkpoint_saved(run: &mut Run, event: &CheckpointSaved) -> Result<(), Problem> {
    let index = current(run, &event.step, event.attempt, StepMove::Checkpoint)?;
    edit(run, index, |step| {
        // Saying the same again is no progress.
        let is_new = step.checkpoint.as_ref().is_none_or(|known| *known != event.checkpoint);
        step.checkpoint = Some(event.checkpoint.clone());
        if let StepPhase::Running { has_saved, .. } = &mut step.phase {
            *has_saved |= is_new;
        }
    });
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
