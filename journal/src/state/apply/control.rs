//! Events about what people asked for.

use super::{Problem, check_run, check_step, edit, set_run, set_step, step_index, unblock};
use crate::event::{
    Event, ForceRetry, RecoveryCancelled, RetryNow, RunPaused, StepSkipped, Verdict,
};
use crate::id::{StepIndex, StepKey};
use crate::record::Record;
use crate::state::run::{Run, RunPhase};
use crate::state::step::{Step, StepPhase};
use crate::state::transitions::{RunMove, StepMove};
use crate::state::world::{Agenda, State};
use crate::time::Timestamp;

impl State {
    pub(super) fn control(&mut self, record: &Record) -> Result<(), Problem> {
        match &record.event {
            Event::RunPaused(event) => self.pause(record, event),
            Event::RunResumed(_) => self.resume(record),
            Event::RetryNow(RetryNow { steps, .. }) => self.again(record, steps, false),
            Event::ForceRetry(ForceRetry { steps, .. }) => self.again(record, steps, true),
            Event::RecoveryCancelled(event) => self.cancel_recovery(record, event),
            Event::StepSkipped(event) => self.skip(record, event),
            _ => Err("this event is not about what somebody asked for".to_owned()),
        }
    }

    fn pause(&mut self, record: &Record, event: &RunPaused) -> Result<(), Problem> {
        let (run, agenda) = self.run_of(record)?;
        check_run(run, RunMove::Pause)?;
        agenda.remove_deadline(run);
        run.doubt = None;
        let phase = RunPhase::Paused {
            actor: event.actor.clone(),
            reason: event.reason.clone(),
            at: record.at,
            freezes_timers: event.freezes_timers,
        };
        set_run(run, agenda, phase, record);
        agenda.insert_deadline(run);
        Ok(())
    }

    fn resume(&mut self, record: &Record) -> Result<(), Problem> {
        let (run, agenda) = self.run_of(record)?;
        check_run(run, RunMove::Resume)?;
        agenda.remove_deadline(run);
        if let RunPhase::Paused { at, freezes_timers: true, .. } = run.phase {
            // Nothing of it stands in the agenda while it is paused.
            thaw(run, at, record.at);
        }
        set_run(run, agenda, RunPhase::Active, record);
        agenda.insert_deadline(run);
        Ok(())
    }

    fn again(&mut self, record: &Record, keys: &[StepKey], force: bool) -> Result<(), Problem> {
        let id = record.run.ok_or("the record names no run")?;
        let known = self.run(id).ok_or_else(|| format!("there is no run {id}"))?;
        let steps = indices(known, keys)?;
        let is_reopened = known.phase.is_final();
        if is_reopened {
            check_run(known, RunMove::Reopen)?;
        } else {
            check_run(known, RunMove::Work)?;
        }
        for index in &steps {
            check_step(known, *index, StepMove::Again)?;
        }
        if is_reopened {
            self.claim_key(id)?;
        }
        if is_reopened {
            self.trimmed.reopened.insert(id, record.seq);
        }
        let (run, agenda) = self.run_of(record)?;
        if is_reopened {
            reopen(run, agenda, record);
        }
        for index in steps {
            set_step(run, agenda, index, StepPhase::Ready, record);
            edit(run, index, |step| {
                if is_reopened || force {
                    step.begin_anew();
                }
                step.hurried = true;
                step.forced |= force;
            });
        }
        unblock(run, agenda, record);
        Ok(())
    }

    /// A run that is reopened takes its key back, unless another run has it by now.
    fn claim_key(&mut self, id: crate::id::RunId) -> Result<(), Problem> {
        let Some(key) = self.run(id).and_then(|run| run.started.key.clone()) else {
            return Ok(());
        };
        match self.run_by_key(&key) {
            Some(holder) if holder.id != id && !holder.phase.is_final() => {
                Err(format!("run {} holds the same key and has not ended", holder.id))
            }
            _ => {
                self.keys.insert(key, id);
                Ok(())
            }
        }
    }

    fn cancel_recovery(
        &mut self,
        record: &Record,
        event: &RecoveryCancelled,
    ) -> Result<(), Problem> {
        let (run, agenda) = self.run_of(record)?;
        check_run(run, RunMove::Work)?;
        let steps = indices(run, &event.steps)?;
        for index in &steps {
            check_step(run, *index, StepMove::GiveUp)?;
        }
        run.recovery_cancelled = true;
        // It moves the run even where no step moves, so that whoever saw it before is told.
        run.since = record.seq;
        for index in steps {
            let phase = StepPhase::Failed { verdict: Verdict::NotRetryable };
            set_step(run, agenda, index, phase, record);
        }
        Ok(())
    }

    fn skip(&mut self, record: &Record, event: &StepSkipped) -> Result<(), Problem> {
        let id = record.run.ok_or("the record names no run")?;
        let known = self.run(id).ok_or_else(|| format!("there is no run {id}"))?;
        let index = step_index(known, &event.step)?;
        check_step(known, index, StepMove::Skip)?;
        let is_reopened = known.phase.is_final();
        check_run(known, if is_reopened { RunMove::Reopen } else { RunMove::Work })?;
        if is_reopened {
            self.claim_key(id)?;
        }
        if is_reopened {
            self.trimmed.reopened.insert(id, record.seq);
        }
        let (run, agenda) = self.run_of(record)?;
        if is_reopened {
            reopen(run, agenda, record);
        }
        run.was_skipped = true;
        set_step(run, agenda, index, StepPhase::Succeeded { output: event.output.clone() }, record);
        edit(run, index, Step::forget_failures);
        unblock(run, agenda, record);
        Ok(())
    }
}

fn indices(run: &Run, keys: &[StepKey]) -> Result<Vec<StepIndex>, Problem> {
    keys.iter().map(|key| step_index(run, key)).collect()
}

/// A run that had ended goes on; a deadline that has passed counts no more.
fn reopen(run: &mut Run, agenda: &mut Agenda, record: &Record) {
    set_run(run, agenda, RunPhase::Active, record);
    run.ended_at = None;
    run.recovery_cancelled = false;
    run.deadline_at = run.deadline_at.filter(|deadline| *deadline > record.at);
    agenda.open.insert(run.id);
    agenda.insert_deadline(run);
    let stopped: Vec<StepIndex> = run
        .steps()
        .filter(|(_, _, step)| StepMove::Reopen.from(step.phase.kind()).is_some())
        .map(|(index, _, _)| index)
        .collect();
    for index in stopped {
        set_step(run, agenda, index, StepPhase::Blocked, record);
        // The time between the end and now is not theirs.
        edit(run, index, Step::begin_anew);
    }
}

/// Moves every time that a run waits for by as much of it as the pause has cost.
fn thaw(run: &mut Run, paused_at: Timestamp, now: Timestamp) {
    // What began during the pause, such as the delay after a last report, stood still from then on.
    let later = |at: &mut Timestamp, begun: Timestamp| {
        *at = at.after(now.since(begun.max(paused_at)));
    };
    if let Some(deadline) = &mut run.deadline_at {
        later(deadline, paused_at);
    }
    for step in &mut run.steps {
        if let Some(since) = &mut step.trying_since {
            later(since, *since);
        }
        match &mut step.phase {
            StepPhase::Waiting { due_at } => later(due_at, step.since_at),
            // It hangs on the deadline, not on when the step was held.
            StepPhase::Held { force_at: Some(force_at), .. } => later(force_at, paused_at),
            _ => {}
        }
    }
}
