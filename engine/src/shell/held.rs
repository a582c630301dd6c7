//! Messages that wait for runs which cannot be read for now.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use resurge_journal::{RunId, RunKey};

use super::message::Message;
use crate::core::Wanted;

/// Messages that wait for runs which cannot be read for now, in their order.
#[derive(Default)]
pub(super) struct Held {
    messages: VecDeque<Message>,
    /// What they are about.
    runs: HashSet<RunId>,
    keys: HashSet<RunKey>,
    may_go_on: bool,
}

impl Held {
    pub(super) fn push(&mut self, message: Message) {
        match message.wants() {
            Some(Wanted::Run(run) | Wanted::Late(run)) => drop(self.runs.insert(run)),
            Some(Wanted::Newest(key)) => drop(self.keys.insert(key)),
            Some(Wanted::Due | Wanted::Misfits) | None => {}
        }
        self.messages.push_back(message);
    }

    /// Whether there is room for more.
    pub(super) fn has_room(&self) -> bool {
        self.messages.len() < HELD_MAX
    }

    /// Whether one of them is about the same, so that another has to wait behind it.
    pub(super) fn is_about(&self, wanted: &Wanted) -> bool {
        match wanted {
            Wanted::Run(run) | Wanted::Late(run) => self.runs.contains(run),
            Wanted::Newest(key) => self.keys.contains(key),
            Wanted::Due | Wanted::Misfits => false,
        }
    }

    /// Lets them go on.
    pub(super) const fn release(&mut self) {
        self.may_go_on = true;
    }

    /// Those that go on now; whichever cannot comes back in its order.
    pub(super) fn released(&mut self) -> VecDeque<Message> {
        if !std::mem::take(&mut self.may_go_on) {
            return VecDeque::new();
        }
        self.runs.clear();
        self.keys.clear();
        std::mem::take(&mut self.messages)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("messages", &self.messages.len()).finish_non_exhaustive()
    }
}

/// Messages beyond which no others are taken.
const HELD_MAX: usize = 16_384;
