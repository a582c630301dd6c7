//! The fold of the records of one run into what is drawn.

use super::entry::{Entry, Log};
use super::lane::{Halt, Lane, Moment, Phase};
use super::segment::Outcome;
use crate::dump::{interrupted, words};
use crate::event::{Event, InterruptCause, OutputsInvalidated, RunPaused, StepSkipped};
use crate::id::{RunId, Seq, StepKey};
use crate::manifest::Manifest;
use crate::record::Record;
use crate::state::StepPhaseKind;
use crate::time::Timestamp;

/// The story of one run: a lane per step, and the newest events.
///
/// The empty one takes the run of the first record that has one. Without the start of the run its
/// lanes are made as its steps are spoken of.
///
/// A pause of the run is a segment in the lane of every step that could go on: one that is ready,
/// waits or is held. It cuts the wait that it falls into in two, so that the segments of a lane
/// follow each other without overlap.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    run: Option<RunId>,
    head: Seq,
    began_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    halt: Option<Halt>,
    lanes: Vec<Lane>,
    log: Log,
}

impl Timeline {
    /// Most segments that a lane keeps; older ones are dropped and counted.
    pub const SEGMENTS_MAX: usize = 200;
    /// Most events that are kept; older ones are left out.
    pub const EVENTS_MAX: usize = 100;
    /// Longest text, in characters.
    pub const TEXT_CHARS_MAX: usize = 300;

    /// Takes in a record; those of other runs, and those taken in before, change nothing.
    ///
    /// Total: a record that does not fit is drawn as far as it makes sense.
    pub fn apply(&mut self, record: &Record) {
        let Some(run) = record.run else { return };
        if *self.run.get_or_insert(run) != run || record.seq <= self.head {
            return;
        }
        self.head = record.seq;
        self.log.push(Entry::of(record));
        self.tell(&record.event, record.at);
    }

    /// The run, once a record of it was taken in.
    pub const fn run(&self) -> Option<RunId> {
        self.run
    }

    /// The last record that was taken in.
    pub const fn head(&self) -> Seq {
        self.head
    }

    /// When the run began.
    pub const fn began_at(&self) -> Option<Timestamp> {
        self.began_at
    }

    /// When the run ended; none while it goes on, also after it was reopened.
    pub const fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at
    }

    /// The steps in the order of the manifest.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// The newest events, the oldest of them first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.log.entries().iter()
    }

    /// How many older events were left out.
    pub const fn events_left_out(&self) -> u64 {
        self.log.left_out()
    }

    fn tell(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::RunStarted(event) if self.began_at.is_none() => {
                self.began_at = Some(at);
                self.lanes = lanes_of(&event.manifest);
                self.unblock(at);
            }
            Event::RunSucceeded(_)
            | Event::RunFailed(_)
            | Event::RunExhausted(_)
            | Event::RunCancelled(_) => self.end(at),
            Event::RunParked(_) => self.halt(words(event), false, at),
            Event::RunPaused(RunPaused { freezes_timers, .. }) => {
                self.halt(words(event), *freezes_timers, at);
            }
            Event::RunUnparked(_) | Event::RunResumed(_) => self.go_on(at),
            Event::RetryNow(asked) => {
                self.again(&asked.steps, &format!("{} did not wait", who(&asked.actor)), at);
            }
            Event::ForceRetry(asked) => {
                self.again(&asked.steps, &format!("{} did not wait", who(&asked.actor)), at);
            }
            Event::RecoveryCancelled(asked) => {
                let more = format!("given up by {}", who(&asked.actor));
                for key in &asked.steps {
                    self.with(key, at, |lane, now| {
                        lane.note(&more);
                        lane.enter(Phase::Failed, now);
                    });
                }
            }
            Event::StepSkipped(asked) => self.skip(asked, at),
            _ => self.tell_step(event, at),
        }
    }

    /// What happens to one step alone.
    fn tell_step(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::AttemptStarted(event) => {
                self.with(&event.step, at, |lane, now| lane.started(event, now));
            }
            Event::AttemptSucceeded(event) => {
                self.with(&event.step, at, |lane, now| {
                    lane.ended(Outcome::Succeeded, "succeeded", at);
                    lane.enter(Phase::Succeeded, now);
                });
                self.unblock(at);
            }
            Event::AttemptFailed(event) => {
                self.with(&event.step, at, |lane, now| lane.failed(event, now));
            }
            Event::AttemptInterrupted(event) => self.with(&event.step, at, |lane, now| {
                lane.ended(Outcome::Interrupted(event.cause), interrupted(event.cause), at);
                lane.enter(Phase::Ready, now);
            }),
            Event::OutputsInvalidated(event) => self.invalidate(event, at),
            // One that was told to stop and did has no result.
            Event::LateResultIgnored(late) if late.result != "interrupted" => {
                let said = words(event);
                self.with(&late.step, at, |lane, _| lane.late(late.attempt, &said));
            }
            Event::StepParked(event) => {
                self.with(&event.step, at, |lane, now| lane.parked(event, now));
            }
            Event::StepReleased(event) => {
                self.with(&event.step, at, |lane, now| lane.enter(Phase::Ready, now));
            }
            Event::StepRefused(event) => {
                self.with(&event.step, at, |lane, now| lane.enter(Phase::Failed, now));
            }
            _ => {}
        }
    }

    /// Changes the lane of a step, which is made if the manifest is not known.
    fn with(&mut self, step: &StepKey, at: Timestamp, change: impl FnOnce(&mut Lane, Moment<'_>)) {
        let now = Moment { at, halt: self.halt.as_ref() };
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.step == *step) {
            change(lane, now);
        } else if self.began_at.is_none() && self.lanes.len() < LANES_GUESSED_MAX {
            let mut lane = Lane::new(step.clone(), Vec::new());
            change(&mut lane, now);
            self.lanes.push(lane);
        }
    }

    fn halt(&mut self, text: String, freezes_timers: bool, at: Timestamp) {
        if self.ended_at.is_none() {
            self.halt = Some(Halt { since: at, freezes_timers, text });
            self.redraw(at);
        }
    }

    fn go_on(&mut self, at: Timestamp) {
        let Some(halt) = self.halt.take() else { return };
        if halt.freezes_timers {
            self.lanes.iter_mut().for_each(|lane| lane.thaw(halt.since, at));
        }
        self.redraw(at);
    }

    fn redraw(&mut self, at: Timestamp) {
        let now = Moment { at, halt: self.halt.as_ref() };
        self.lanes.iter_mut().for_each(|lane| lane.halted(now));
    }

    fn again(&mut self, steps: &[StepKey], more: &str, at: Timestamp) {
        self.reopen(at);
        for key in steps {
            self.with(key, at, |lane, now| {
                lane.note(more);
                lane.enter(Phase::Ready, now);
            });
        }
        self.unblock(at);
    }

    fn skip(&mut self, asked: &StepSkipped, at: Timestamp) {
        self.reopen(at);
        let text = format!("skipped by {}", who(&asked.actor));
        self.with(&asked.step, at, |lane, now| {
            lane.ended(Outcome::Skipped, &text, at);
            lane.note(&text);
            lane.enter(Phase::Succeeded, now);
        });
        self.unblock(at);
    }

    fn invalidate(&mut self, event: &OutputsInvalidated, at: Timestamp) {
        let mut affected: Vec<bool> = Vec::with_capacity(self.lanes.len());
        for lane in &self.lanes {
            let needs_one = lane.needs.iter().any(|need| affected.get(*need) == Some(&true));
            affected.push(needs_one || event.lost.contains(&lane.step) || lane.step == event.step);
        }
        let now = Moment { at, halt: self.halt.as_ref() };
        for (lane, _) in self.lanes.iter_mut().zip(affected).filter(|(_, is_affected)| *is_affected)
        {
            lane.ended(Outcome::InputsGone, &event.reason, at);
            lane.enter(Phase::Blocked, now);
        }
        self.unblock(at);
    }

    /// A run that had ended goes on, with the steps that were stopped with it.
    fn reopen(&mut self, at: Timestamp) {
        if self.ended_at.take().is_some() {
            self.each(StepPhaseKind::Stopped, at, |lane, now| lane.enter(Phase::Blocked, now));
        }
    }

    fn end(&mut self, at: Timestamp) {
        self.halt = None;
        self.ended_at = Some(at);
        let now = Moment { at, halt: None };
        for lane in &mut self.lanes {
            if !matches!(lane.phase(), StepPhaseKind::Succeeded | StepPhaseKind::Failed) {
                let cause = InterruptCause::RunEnded;
                lane.ended(Outcome::Interrupted(cause), interrupted(cause), at);
                lane.enter(Phase::Stopped, now);
            }
        }
    }

    /// Makes every blocked step ready whose needs have all succeeded.
    fn unblock(&mut self, at: Timestamp) {
        let done: Vec<bool> =
            self.lanes.iter().map(|lane| lane.phase() == StepPhaseKind::Succeeded).collect();
        self.each(StepPhaseKind::Blocked, at, |lane, now| {
            if lane.needs.iter().all(|need| done.get(*need) == Some(&true)) {
                lane.enter(Phase::Ready, now);
            }
        });
    }

    fn each(
        &mut self,
        phase: StepPhaseKind,
        at: Timestamp,
        mut change: impl FnMut(&mut Lane, Moment<'_>),
    ) {
        let now = Moment { at, halt: self.halt.as_ref() };
        for lane in self.lanes.iter_mut().filter(|lane| lane.phase() == phase) {
            change(lane, now);
        }
    }
}

fn who(actor: &str) -> &str {
    if actor.is_empty() { "somebody" } else { actor }
}

/// Steps that are told apart although the graph of the run is not known.
const LANES_GUESSED_MAX: usize = 64;

fn lanes_of(manifest: &Manifest) -> Vec<Lane> {
    let lane = |step: &crate::manifest::StepSpec| {
        Lane::new(step.key.clone(), step.needs().map(crate::id::StepIndex::get).collect())
    };
    manifest.steps.iter().map(lane).collect()
}
