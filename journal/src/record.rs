//! An event with its place in the journal.

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
