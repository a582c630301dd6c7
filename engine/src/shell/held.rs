//! Messages that wait for runs which cannot be read for now.

use std::collections::VecDeque;
use std::fmt;

use super::message::Message;
use crate::core::Wanted;

/// Messages that wait for runs which cannot be read for now, in their order.
#[derive(Default)]
pub(super) struct Held {
    messages: VecDeque<Message>,
    may_go_on: bool,
}

impl Held {
    pub(super) fn push(&mut self, message: Message) {
        self.messages.push_back(message);
    }

    /// Whether there is room for more.
    pub(super) fn has_room(&self) -> bool {
        self.messages.len() < HELD_MAX
    }

    /// Whether one of them is about the same, so that another has to wait behind it.
    pub(super) fn is_about(&self, wanted: &Wanted) -> bool {
        let is_same = |message: &Message| message.wants().is_some_and(|held| held.is_same(wanted));
        self.messages.iter().any(is_same)
    }

    /// Lets them go on.
    pub(super) const fn release(&mut self) {
        self.may_go_on = true;
    }

    /// Those that go on now; whichever cannot comes back in its order.
    pub(super) fn released(&mut self) -> VecDeque<Message> {
        let may_go_on = std::mem::take(&mut self.may_go_on);
        if may_go_on { std::mem::take(&mut self.messages) } else { VecDeque::new() }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("messages", &self.messages.len()).finish_non_exhaustive()
    }
}

/// Messages beyond which no others are taken.
const HELD_MAX: usize = 16_384;
