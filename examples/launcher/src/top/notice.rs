//! What the last line says: what became of something, or a question.

use resurge::Timestamp;

use super::ask::Ask;
use super::ink::Tone;

/// Something that is said for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) tone: Tone,
    at: Timestamp,
}

/// How long something is said.
const SAID_MS: i64 = 8_000;

impl Said {
    pub(crate) const fn new(text: String, tone: Tone, at: Timestamp) -> Self {
        Self { text, tone, at }
    }

    /// Whether it is still to be said.
    pub(crate) const fn is_fresh(&self, here: Timestamp) -> bool {
        here.as_millis().saturating_sub(self.at.as_millis()) < SAID_MS
    }
}

/// A question before something that cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) text: String,
    /// What a yes does; none is to leave.
    pub(crate) ask: Option<Ask>,
}
