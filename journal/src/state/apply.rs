//! The fold: how each event changes the state.

mod attempt;
mod breaker;
mod control;
mod run;

use std::sync::Arc;

use crate::event::{Event, JournalRecovered};
use crate::id::{Epoch, RunId, Seq, StepIndex, StepKey};
use crate::record::Record;
use crate::state::run::{Run, RunPhase};
use crate::state::step::{Step, StepPhase};
use crate::state::transitions::{RunMove, StepMove};
use crate::state::world::{Agenda, State};

/// A record that does not fit the state it meets.
///
/// The engine never writes one; meeting it means that the journal was damaged or forged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} ({event}) does not fit what came before it: {problem}")]
pub struct IllegalTransition {
    /// The record.
    pub seq: Seq,
    /// Name of its event.
    pub event: &'static str,
    /// What does not fit.
    pub problem: String,
}

/// What went wrong inside one arm of the fold, before the record is named.
pub(crate) type Problem = String;

impl State {
    /// Applies one record. The only way to change a state, for live work and replay alike.
    ///
    /// Reads no clock, no luck and no workflow definition. A record that does not fit leaves
    /// the state as it was.
    ///
    /// # Errors
    /// [`IllegalTransition`] if the record does not follow the one before it, or if its event is
    /// not legal in the phase that it meets.
    pub fn apply(&mut self, record: &Record) -> Result<(), IllegalTransition> {
        let applied = self.apply_event(record).or_else(|problem| self.pass_over(record, problem));
        applied.map_err(|problem| IllegalTransition {
            seq: record.seq,
            event: record.event.name(),
            problem,
        })?;
        self.head = record.seq;
        self.last_at = record.at;
        Ok(())
    }

    fn apply_event(&mut self, record: &Record) -> Result<(), Problem> {
        if record.seq != self.head.next() {
            return Err(format!("the record after {} must come here", self.head));
        }
        // A run is looked up among very many: no more often than it must be.
        let mover = record.run.filter(|_| !moves_no_run(&record.event));
        let before = mover.and_then(|id| self.run(id)).map(|run| run.phase.kind());
        let attempt = self.attempt_before(record);
        self.dispatch(record)?;
        if let Some(ending) = attempt {
            self.observe(record, &ending);
        }
        self.release_probes();
        self.stats.attempt(&record.event);
        if let Some(run) = mover.and_then(|id| self.runs.get(&id)).map(Arc::as_ref) {
            match before {
                None => self.stats.total += 1,
                Some(before) if before != run.phase.kind() => self.stats.run_moved(before, run),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Leaves out the run of a record that does not fit, if what it should fit was lost.
    fn pass_over(&mut self, record: &Record, problem: Problem) -> Result<(), Problem> {
        if !self.is_bereft || record.seq != self.head.next() {
            return Err(problem);
        }
        let is_of_breaker = matches!(
            record.event,
            Event::BreakerOpened(_)
                | Event::BreakerHalfOpened(_)
                | Event::BreakerClosed(_)
                | Event::BreakerModeSet(_)
                | Event::BreakerWouldOpen(_)
                | Event::ProbePassed(_)
        );
        if let Some(run) = record.run.filter(|_| !is_of_breaker) {
            self.evict(run);
        }
        Ok(())
    }

    /// Whether an opening may have this number now.
    fn is_next(&self, epoch: Epoch) -> bool {
        epoch == self.epoch.next() || self.is_bereft && epoch > self.epoch
    }

    fn dispatch(&mut self, record: &Record) -> Result<(), Problem> {
        match &record.event {
            Event::JournalCreated(_) if record.seq != Seq::new(1) => {
                Err("a journal is created by its first record".to_owned())
            }
            Event::LateResultIgnored(_) if record.run.is_none() => {
                Err("the record names no run".to_owned())
            }
            Event::JournalCreated(_)
            | Event::EngineClosed(_)
            | Event::TailCut(_)
            // Its run may have been dropped by now.
            | Event::LateResultIgnored(_) => Ok(()),
            Event::JournalRecovered(event) => {
                self.doubt(event);
                Ok(())
            }
            Event::JournalTrimmed(event) => self.trim(event),
            Event::EngineOpened(event) if !self.is_next(event.epoch) => {
                Err(format!("epoch {} must come here", self.epoch.next().get()))
            }
            Event::EngineOpened(event) => {
                self.epoch = event.epoch;
                self.crowd = self.suspects();
                Ok(())
            }
            Event::RunStarted(event) => self.start_run(record, event),
            Event::RunSucceeded(_)
            | Event::RunFailed(_)
            | Event::RunExhausted(_)
            | Event::RunCancelled(_)
            | Event::RunParked(_)
            | Event::RunUnparked(_) => self.move_run(record),
            Event::AttemptStarted(_)
            | Event::AttemptSucceeded(_)
            | Event::AttemptFailed(_)
            | Event::AttemptInterrupted(_)
            | Event::CheckpointSaved(_)
            | Event::OutputsInvalidated(_) => self.move_attempt(record),
            Event::BreakerOpened(_)
            | Event::BreakerHalfOpened(_)
            | Event::BreakerClosed(_)
            | Event::BreakerModeSet(_)
            | Event::BreakerWouldOpen(_) => self.move_breaker(record),
            Event::ProbePassed(event) => self.probe_passed(record, event),
            Event::StepParked(_) | Event::StepReleased(_) | Event::StepRefused(_) => {
                self.move_held(record)
            }
            Event::RunPaused(_)
            | Event::RunResumed(_)
            | Event::RetryNow(_)
            | Event::ForceRetry(_)
            | Event::RecoveryCancelled(_)
            | Event::StepSkipped(_) => self.control(record),
            Event::SettingsChanged(event) => self.tuning.changed(event),
            Event::LintFound(event) => {
                let (workflow, step) = (event.workflow.clone(), event.step.clone());
                self.lints.insert((workflow, event.version, step, event.code.clone()));
                Ok(())
            }
        }
    }

    /// Remembers which runs may have gone on in records that were lost.
    fn doubt(&mut self, event: &JournalRecovered) {
        if let (Some(from), Some(to)) = (event.lost_from, event.lost_to) {
            self.doubt_open(from, to);
        }
    }

    /// Remembers of every open run that it may have gone on in records that were lost.
    pub(crate) fn doubt_open(&mut self, from: Seq, to: Seq) {
        for id in &self.agenda.open {
            if let Some(run) = self.runs.get_mut(id) {
                Arc::make_mut(run).doubt = Some((from, to));
            }
        }
    }

    /// Attempts under way that have saved nothing.
    fn suspects(&self) -> u32 {
        let has_saved_nothing = |(run, step): &(RunId, StepIndex)| {
            let step = self.run(*run).and_then(|run| run.step(*step));
            step.is_some_and(|s| matches!(s.phase, StepPhase::Running { has_saved: false, .. }))
        };
        u32::try_from(self.running_steps().filter(has_saved_nothing).count()).unwrap_or(u32::MAX)
    }

    /// The run that a record belongs to, with the agenda beside it.
    fn run_of(&mut self, record: &Record) -> Result<(&mut Run, &mut Agenda), Problem> {
        let id = record.run.ok_or("the record names no run")?;
        let run = self.runs.get_mut(&id).ok_or_else(|| unknown_run(id))?;
        Ok((Arc::make_mut(run), &mut self.agenda))
    }
}

/// Whether an event leaves the phase of its run as it is, whatever it does to steps.
const fn moves_no_run(event: &Event) -> bool {
    matches!(
        event,
        Event::AttemptStarted(_)
            | Event::AttemptSucceeded(_)
            | Event::AttemptFailed(_)
            | Event::AttemptInterrupted(_)
            | Event::CheckpointSaved(_)
            | Event::OutputsInvalidated(_)
            | Event::LateResultIgnored(_)
            | Event::ProbePassed(_)
            | Event::StepParked(_)
            | Event::StepReleased(_)
            | Event::StepRefused(_)
    )
}

fn unknown_run(id: RunId) -> Problem {
    format!("there is no run {id}")
}

/// Looks a step up by its key.
fn step_index(run: &Run, key: &StepKey) -> Result<StepIndex, Problem> {
    run.started.manifest.index_of(key).ok_or_else(|| format!("the run has no step `{key}`"))
}

/// Checks a move of a run against the table.
fn check_run(run: &Run, action: RunMove) -> Result<(), Problem> {
    match action.from(run.phase.kind()) {
        Some(_) => Ok(()),
        None => Err(format!("{action:?} is not legal for a run that is {:?}", run.phase.kind())),
    }
}

/// Checks a move of a step against the table.
fn check_step(run: &Run, step: StepIndex, action: StepMove) -> Result<(), Problem> {
    let phase = run.step(step).map(|step| step.phase.kind()).ok_or("the run has no such step")?;
    match action.from(phase) {
        Some(_) => Ok(()),
        None => Err(format!("{action:?} is not legal for a step that is {phase:?}")),
    }
}

/// Moves a step that was checked, and keeps the agenda in line.
fn set_step(
    run: &mut Run,
    agenda: &mut Agenda,
    step: StepIndex,
    phase: StepPhase,
    record: &Record,
) {
    agenda.remove_step(run, step);
    if let Some(entry) = run.steps.get_mut(step.get()) {
        entry.phase = phase;
        entry.since = record.seq;
        entry.since_at = record.at;
    }
    agenda.insert_step(run, step);
}

/// Moves a run that was checked, and keeps the agenda in line.
fn set_run(run: &mut Run, agenda: &mut Agenda, phase: RunPhase, record: &Record) {
    let indices: Vec<StepIndex> = run.started.manifest.iter().map(|(index, _)| index).collect();
    for index in &indices {
        agenda.remove_step(run, *index);
    }
    run.phase = phase;
    run.since = record.seq;
    for index in &indices {
        agenda.insert_step(run, *index);
    }
}

fn edit(run: &mut Run, index: StepIndex, change: impl FnOnce(&mut Step)) {
    if let Some(step) = run.steps.get_mut(index.get()) {
        change(step);
    }
}

/// Makes every blocked step ready whose needs have all succeeded.
fn unblock(run: &mut Run, agenda: &mut Agenda, record: &Record) {
    let done = |run: &Run, step: StepIndex| run.step(step).is_some_and(|s| s.output().is_some());
    let free: Vec<StepIndex> = run
        .steps()
        .filter(|(_, _, step)| step.phase == StepPhase::Blocked)
        .filter(|(_, spec, _)| spec.needs().all(|need| done(run, need)))
        .map(|(index, _, _)| index)
        .collect();
    for index in free {
        set_step(run, agenda, index, StepPhase::Ready, record);
    }
}
