//! One step of a run, and what it did when.

use super::entry::line;
use super::segment::{DelayBy, HoldOn, Outcome, Reach, Segment, SegmentKind};
use crate::dump;
use crate::event::{AttemptFailed, AttemptStarted, StepParked, Verdict};
use crate::explain::{Decider, decider};
use crate::failure::Advice;
use crate::id::{AttemptNo, StepKey};
use crate::state::StepPhaseKind;
use crate::time::Timestamp;

/// What one step did when.
#[derive(Debug, Clone)]
pub struct Lane {
    pub(super) step: StepKey,
    /// Places of the steps that it needs.
    pub(super) needs: Vec<usize>,
    phase: Phase,
    segments: Vec<Segment>,
    dropped: u64,
}

/// Where the step stands, with what it takes to draw that.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    Blocked,
    Ready,
    Running,
    Waiting { by: DelayBy, due_at: Timestamp, since: Timestamp, text: String },
    Held { on: HoldOn, force_at: Option<Timestamp>, text: String },
    Succeeded,
    Failed,
    Stopped,
}

/// A while in which the run does not go on.
#[derive(Debug, Clone)]
pub(super) struct Halt {
    pub(super) since: Timestamp,
    pub(super) freezes_timers: bool,
    pub(super) text: String,
}

/// When something happens, and whether the run is halted then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) at: Timestamp,
    pub(super) halt: Option<&'a Halt>,
}

impl Lane {
    pub(super) const fn new(step: StepKey, needs: Vec<usize>) -> Self {
        Self { step, needs, phase: Phase::Blocked, segments: Vec::new(), dropped: 0 }
    }

    /// The step.
    pub const fn step(&self) -> &StepKey {
        &self.step
    }

    /// Attempts and waits, the oldest first; only the last one may go on.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// How many older segments were dropped.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Where the step stands.
    pub const fn phase(&self) -> StepPhaseKind {
        match self.phase {
            Phase::Blocked => StepPhaseKind::Blocked,
            Phase::Ready => StepPhaseKind::Ready,
            Phase::Running => StepPhaseKind::Running,
            Phase::Waiting { .. } => StepPhaseKind::Waiting,
            Phase::Held { .. } => StepPhaseKind::Held,
            Phase::Succeeded => StepPhaseKind::Succeeded,
            Phase::Failed => StepPhaseKind::Failed,
            Phase::Stopped => StepPhaseKind::Stopped,
        }
    }

    pub(super) fn started(&mut self, event: &AttemptStarted, now: Moment<'_>) {
        self.enter(Phase::Running, now);
        let (number, forced) = (event.attempt, event.forced);
        let kind = SegmentKind::Attempt { number, forced, outcome: Outcome::Running, reach: None };
        let text = if forced { "under way, in spite of breakers" } else { "under way" };
        self.open(kind, text, now.at);
    }

    pub(super) fn failed(&mut self, event: &AttemptFailed, now: Moment<'_>) {
        self.ended(Outcome::Failed, &dump::of_failure(&event.failure), now.at);
        if let Some(Segment { kind: SegmentKind::Attempt { reach, .. }, .. }) =
            self.segments.last_mut()
            && event.reached > 0
        {
            *reach = Some(Reach { gained: event.gained, reached: event.reached });
        }
        self.enter(after(event, now.at), now);
    }

    pub(super) fn parked(&mut self, event: &StepParked, now: Moment<'_>) {
        let on = HoldOn::Breakers(event.keys.clone());
        let text = dump::behind(&event.keys);
        self.enter(Phase::Held { on, force_at: event.force_at, text }, now);
    }

    /// Ends the attempt under way, if there is one.
    pub(super) fn ended(&mut self, became: Outcome, said: &str, at: Timestamp) {
        let Some(segment) = self.segments.last_mut().filter(|segment| segment.is_open()) else {
            return;
        };
        if let SegmentKind::Attempt { outcome, .. } = &mut segment.kind {
            *outcome = became;
            segment.text = line(said);
            segment.to = Some(at.max(segment.from));
        }
    }

    /// Takes note of a result that came too late.
    pub(super) fn late(&mut self, number: AttemptNo, said: &str) {
        let mut past = self.segments.iter_mut().rev();
        let Some(segment) = past.find(|segment| segment.attempt() == Some(number)) else { return };
        if let SegmentKind::Attempt { outcome, .. } = &mut segment.kind
            && !matches!(outcome, Outcome::Running | Outcome::Succeeded | Outcome::Failed)
        {
            *outcome = Outcome::Late;
            segment.text = line(said);
        }
    }

    /// Adds to what is said about the segment that goes on.
    pub(super) fn note(&mut self, more: &str) {
        if let Some(segment) = self.segments.last_mut().filter(|segment| segment.is_open()) {
            segment.text = line(&format!("{}; {more}", segment.text));
        }
    }

    /// Moves the step; whatever goes on ends here.
    pub(super) fn enter(&mut self, phase: Phase, now: Moment<'_>) {
        self.close(now.at);
        self.phase = phase;
        self.wait(now);
    }

    /// Draws again what the step waits for, because the run is halted or goes on.
    pub(super) fn halted(&mut self, now: Moment<'_>) {
        if !matches!(self.phase, Phase::Ready | Phase::Waiting { .. } | Phase::Held { .. }) {
            return;
        }
        let last = self.segments.last_mut().filter(|segment| segment.is_open());
        if let (Some(Segment { kind: SegmentKind::Pause, text, .. }), Some(halt)) = (last, now.halt)
        {
            *text = line(&halt.text);
            return;
        }
        self.close(now.at);
        self.wait(now);
    }

    /// Moves the times that stood still while the run was paused.
    pub(super) fn thaw(&mut self, paused_at: Timestamp, at: Timestamp) {
        match &mut self.phase {
            Phase::Waiting { due_at, since, .. } => {
                // What began during the pause stood still from then on.
                *due_at = due_at.after(at.since(paused_at.max(*since)));
            }
            Phase::Held { force_at: Some(force_at), .. } => {
                *force_at = force_at.after(at.since(paused_at));
            }
            _ => {}
        }
    }

    /// Opens the segment of the wait that the phase is, if it is one.
    fn wait(&mut self, now: Moment<'_>) {
        let (kind, text) = match (&self.phase, now.halt) {
            (Phase::Ready | Phase::Waiting { .. } | Phase::Held { .. }, Some(halt)) => {
                (SegmentKind::Pause, halt.text.clone())
            }
            (Phase::Waiting { by, due_at, text, .. }, None) => {
                (SegmentKind::Delay { by: *by, due_at: *due_at }, text.clone())
            }
            (Phase::Held { on, force_at, text }, None) => {
                (SegmentKind::Hold { on: on.clone(), force_at: *force_at }, text.clone())
            }
            _ => return,
        };
        self.open(kind, &text, now.at);
    }

    fn open(&mut self, kind: SegmentKind, text: &str, at: Timestamp) {
        let end = self.segments.last().map_or(at, |last| last.to.unwrap_or(last.from));
        self.segments.push(Segment { kind, from: at.max(end), to: None, text: line(text) });
        let over = self.segments.len().saturating_sub(super::Timeline::SEGMENTS_MAX);
        self.segments.drain(..over);
        self.dropped = self.dropped.saturating_add(u64::try_from(over).unwrap_or(u64::MAX));
    }

    fn close(&mut self, at: Timestamp) {
        self.ended(Outcome::Lost, "what became of it is not in the journal", at);
        if let Some(segment) = self.segments.last_mut().filter(|segment| segment.is_open()) {
            segment.to = Some(at.max(segment.from));
        }
    }
}

/// Where a failed attempt leaves its step.
fn after(event: &AttemptFailed, at: Timestamp) -> Phase {
    match event.verdict {
        Verdict::Retry { due_at, .. } => {
            let by = match event.parts.as_ref().map_or(Decider::Policy, decider) {
                Decider::Policy => DelayBy::Backoff,
                Decider::Server => DelayBy::Server,
                Decider::Budget => DelayBy::Budget,
            };
            Phase::Waiting { by, due_at, since: at, text: dump::delay(event) }
        }
        Verdict::Park { force_at } => match &event.failure.advice {
            Advice::WhenReady(condition) => {
                let (on, text) = (HoldOn::Condition(condition.clone()), dump::until(condition));
                Phase::Held { on, force_at, text }
            }
            _ => Phase::Failed,
        },
        Verdict::Exhausted | Verdict::NotRetryable => Phase::Failed,
    }
}
