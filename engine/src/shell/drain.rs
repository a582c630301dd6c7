//! A shutdown under way.

use resurge_journal::Timestamp;

use super::message::Reply;

/// A shutdown under way.
#[derive(Debug)]
pub(super) struct Drain {
    pub(super) deadline: Timestamp,
    /// Whether the epoch was closed.
    pub(super) closed: bool,
    pub(super) replies: Vec<Reply<()>>,
}

impl Drain {
    /// One in which attempts may end by themselves until then.
    pub(super) const fn until(deadline: Timestamp) -> Self {
        Self { deadline, closed: false, replies: Vec::new() }
    }

    /// Whoever asks again may be in more of a hurry.
    pub(super) fn hurry(&mut self, deadline: Timestamp) {
        self.deadline = self.deadline.min(deadline);
    }
}
