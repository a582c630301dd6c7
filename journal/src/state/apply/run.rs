//! Events about a run as a whole.

use std::sync::Arc;

use super::{Problem, check_run, edit, set_run, set_step, unblock};
use crate::event::{Event, InterruptCause, RunStarted};
use crate::id::StepIndex;
use crate::record::Record;
use crate::state::run::{Run, RunPhase};
use crate::state::step::{Step, StepPhase};
use crate::state::transitions::{RunMove, StepMove};
use crate::state::world::{Agenda, State};

impl State {
    pub(super) fn start_run(&mut self, record: &Record, event: &RunStarted) -> Result<(), Problem> {
        let id = record.run.ok_or("the record names no run")?;
        if self.runs.contains_key(&id) {
            return Err(format!("run {id} exists already"));
        }
        event.manifest.check().map_err(|error| error.to_string())?;
        if let Some(holder) = event.key.as_ref().and_then(|key| self.run_by_key(key))
            && !holder.phase.is_final()
        {
            return Err(format!("run {} holds the same key and has not ended", holder.id));
        }

        let blocked = Step::new(StepPhase::Blocked, record.seq, record.at);
        let mut run = Run {
            id,
            started: event.clone(),
            started_at: record.at,
            phase: RunPhase::Active,
            since: record.seq,
            ended_at: None,
            deadline_at: event.deadline_at,
            first_failed_at: None,
            was_skipped: false,
            recovery_cancelled: false,
            doubt: None,
            steps: vec![blocked; event.manifest.steps.len()],
        };
        unblock(&mut run, &mut self.agenda, record);
        self.agenda.open.insert(id);
        self.agenda.insert_deadline(&run);
        if let Some(key) = &event.key {
            self.keys.insert(key.clone(), id);
        }
        self.runs.insert(id, Arc::new(run));
        Ok(())
    }

    pub(super) fn move_run(&mut self, record: &Record) -> Result<(), Problem> {
        let (run, agenda) = self.run_of(record)?;
        let (action, phase) = match &record.event {
            Event::RunSucceeded(_) => (RunMove::Succeed, RunPhase::Succeeded),
            Event::RunFailed(event) => {
                (RunMove::Fail, RunPhase::Failed { step: event.step.clone() })
            }
            Event::RunExhausted(event) => (
                RunMove::Exhaust,
                RunPhase::Exhausted { reason: event.reason, step: event.step.clone() },
            ),
            Event::RunCancelled(event) => (
                RunMove::Cancel,
                RunPhase::Cancelled { actor: event.actor.clone(), reason: event.reason.clone() },
            ),
            Event::RunParked(event) => {
                (RunMove::Park, RunPhase::Parked { reason: event.reason.clone() })
            }
            Event::RunUnparked(_) => (RunMove::Unpark, RunPhase::Active),
            _ => return Err("this event does not move a run".to_owned()),
        };
        check_run(run, action)?;
        if phase == RunPhase::Succeeded && !run.steps.iter().all(|step| step.output().is_some()) {
            return Err("a run succeeds when every step has succeeded".to_owned());
        }
        set_run(run, agenda, phase, record);
        if run.phase.is_final() {
            end(run, agenda, record);
        }
        Ok(())
    }
}

/// Stops what is left of a run that has just ended.
fn end(run: &mut Run, agenda: &mut Agenda, record: &Record) {
    run.ended_at = Some(record.at);
    agenda.open.remove(&run.id);
    agenda.remove_deadline(run);
    let unfinished: Vec<StepIndex> = run
        .steps()
        .filter(|(_, _, step)| StepMove::Stop.from(step.phase.kind()).is_some())
        .map(|(index, _, _)| index)
        .collect();
    for index in unfinished {
        if run.step(index).is_some_and(|step| step.running().is_some()) {
            // It may have its effect still, which must be known if the run goes on.
            edit(run, index, |step| step.last_interrupt = Some(InterruptCause::RunEnded));
        }
        set_step(run, agenda, index, StepPhase::Stopped, record);
    }
}
