//! An event with its place in the journal.

use crate::codec::{self, EncodeError, Link};
use crate::event::Event;
use crate::id::{RunId, Seq};
use crate::time::Timestamp;

/// An event with its place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Position in the journal; without gaps, from 1.
    pub seq: Seq,
    /// When the event was recorded.
    pub at: Timestamp,
    /// The run that it belongs to; none for events about the engine.
    pub run: Option<RunId>,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// Size of what users gave, in bytes of JSON; costs nothing.
    pub fn payload_bytes(&self) -> usize {
        match &self.event {
            Event::RunStarted(event) => event.input.len(),
            Event::AttemptSucceeded(event) => event.output.len(),
            Event::CheckpointSaved(event) => event.checkpoint.len(),
            Event::StepSkipped(event) => event.output.len(),
            _ => 0,
        }
    }

    /// Size of this record in a journal, in bytes; what is kept beside its frame included.
    ///
    /// Ask before the record joins a batch: one that is too large fails the whole batch.
    ///
    /// # Errors
    /// [`EncodeError`] if the record cannot be written at all.
    pub fn size(&self) -> Result<usize, EncodeError> {
        let (mut frame, mut aside) = (Vec::new(), Vec::new());
        codec::encode(self, Link::default(), false, &mut frame, &mut aside)?;
        Ok(frame.len() + aside.iter().map(|kept| kept.body.len()).sum::<usize>())
    }
}
