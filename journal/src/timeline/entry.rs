//! The newest events in words.

use std::collections::VecDeque;

use crate::dump::{Plain, words};
use crate::event::Event;
use crate::id::{AttemptNo, Seq, StepKey};
use crate::record::Record;
use crate::time::Timestamp;

/// One event of a run, for a list.
///
/// Saves of one attempt with nothing but saves of others between them are one entry, that of the
/// newest: a long download saves where it stands every few seconds, and several of them in turns,
/// which would leave no room for what matters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its record.
    pub seq: Seq,
    /// When it was recorded.
    pub at: Timestamp,
    /// Name of the event, as in JSON lines.
    pub event: &'static str,
    /// The step that it is about.
    pub step: Option<StepKey>,
    /// The attempt that it is about.
    pub attempt: Option<AttemptNo>,
    /// What happened, in one line of at most [`Timeline::TEXT_CHARS_MAX`] characters.
    ///
    /// [`Timeline::TEXT_CHARS_MAX`]: super::Timeline::TEXT_CHARS_MAX
    pub text: String,
    /// How many records it stands for; more than one for saves alone.
    pub times: u32,
}

impl Entry {
    /// What a list says about a record.
    pub fn of(record: &Record) -> Self {
        let (step, attempt) = subject(&record.event);
        Self {
            seq: record.seq,
            at: record.at,
            event: record.event.name(),
            step: step.cloned(),
            attempt,
            text: line(&words(&record.event)),
            times: 1,
        }
    }

    /// Whether the next entry says the same of the same attempt.
    fn is_saved_again_by(&self, next: &Self) -> bool {
        let subject = |entry: &Self| (entry.event, entry.attempt, entry.step.clone());
        next.event == SAVED && subject(self) == subject(next)
    }
}

const SAVED: &str = "checkpoint_saved";

/// The step and the attempt that an event is about.
const fn subject(event: &Event) -> (Option<&StepKey>, Option<AttemptNo>) {
    match event {
        Event::AttemptStarted(event) => (Some(&event.step), Some(event.attempt)),
        Event::AttemptSucceeded(event) => (Some(&event.step), Some(event.attempt)),
        Event::AttemptFailed(event) => (Some(&event.step), Some(event.attempt)),
        Event::AttemptInterrupted(event) => (Some(&event.step), Some(event.attempt)),
        Event::CheckpointSaved(event) => (Some(&event.step), Some(event.attempt)),
        Event::OutputsInvalidated(event) => (Some(&event.step), Some(event.attempt)),
        Event::LateResultIgnored(event) => (Some(&event.step), Some(event.attempt)),
        Event::ProbePassed(event) => (Some(&event.step), Some(event.attempt)),
        Event::StepParked(event) => (Some(&event.step), None),
        Event::StepReleased(event) => (Some(&event.step), None),
        Event::StepRefused(event) => (Some(&event.step), None),
        Event::StepSkipped(event) => (Some(&event.step), None),
        Event::RunFailed(event) => (Some(&event.step), None),
        Event::RunExhausted(event) => (event.step.as_ref(), None),
        _ => (None, None),
    }
}

/// The newest entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    left_out: u64,
}

impl Log {
    pub(super) fn push(&mut self, mut entry: Entry) {
        let mut saves = self.entries.iter().rev().take_while(|known| known.event == SAVED);
        let known = saves.position(|known| known.is_saved_again_by(&entry));
        let spot = known.and_then(|back| self.entries.len().checked_sub(back + 1));
        if let Some(known) = spot.and_then(|spot| self.entries.remove(spot)) {
            entry.times = known.times.saturating_add(1);
            entry.text = line(&format!("{}, {} times in a row", entry.text, entry.times));
        }
        self.entries.push_back(entry);
        if self.entries.len() > super::Timeline::EVENTS_MAX
            && let Some(oldest) = self.entries.pop_front()
        {
            self.left_out = self.left_out.saturating_add(oldest.times.into());
        }
    }

    pub(super) const fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// A text in one line that commands no terminal, cut at a character.
pub(super) fn line(text: &str) -> String {
    let mut line = Plain(text).to_string();
    let most = super::Timeline::TEXT_CHARS_MAX;
    if line.char_indices().nth(most).is_some() {
        let end = line.char_indices().nth(most.saturating_sub(1)).map_or(0, |(at, _)| at);
        line.truncate(end);
        line.push('…');
    }
    line
}
