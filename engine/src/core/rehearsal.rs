//! What a change of settings would do, found out by those who would decide; nothing is changed.

use resurge_journal::event::Event;
use resurge_journal::state::Tuning;
use resurge_journal::{Json, ResourceKey, RunId, Timestamp};

use super::command::{Ambient, Command};
use super::core::Core;
use super::decide::{self, Asked};

/// What was found to begin.
#[derive(Debug, Default)]
pub(crate) struct Rehearsed {
    /// The runs of which attempts would begin; one for each attempt.
    pub(crate) begun: Vec<RunId>,
    /// Whether there may be more of them: nobody else is served while this is found out.
    pub(crate) is_cut: bool,
}

impl Core {
    /// What would begin at once if settings were changed.
    ///
    /// What would begin without the change is left out. The changes must have been checked.
    pub(crate) fn rehearse(&self, changes: &[(String, Json)], now: Timestamp) -> Rehearsed {
        let has_probes = self.state().unsettled_breakers().next().is_some();
        if !has_probes && self.state().startable(now).next().is_none() {
            return Rehearsed::default();
        }
        let mut twin = self.clone();
        twin.begins(Command::Wake, now);
        let mut all = Rehearsed::default();
        for (name, value) in changes {
            let asked = Asked { actor: String::new(), reason: String::new() };
            let (name, value) = (name.clone(), value.clone());
            let Rehearsed { begun, is_cut } =
                twin.begins(Command::Tune { name, value, asked }, now);
            all.begun.extend(begun);
            all.is_cut |= is_cut;
        }
        all
    }

    /// Carries a command out with all that follows.
    fn begins(&mut self, command: Command, now: Timestamp) -> Rehearsed {
        let mut begun = Vec::new();
        let mut next = command;
        for _ in 0..BATCHES_MAX {
            // A twin that breaks or refuses shows no more than it has shown.
            let Ok(Ok(records)) = self.handle(next, Ambient { now, entropy: 0 }) else {
                return Rehearsed { begun, is_cut: false };
            };
            let started = records.iter().filter(|r| matches!(r.event, Event::AttemptStarted(_)));
            begun.extend(started.filter_map(|record| record.run));
            let is_behind = self.wake_at().is_some_and(|at| at <= now);
            if records.is_empty() || !is_behind {
                return Rehearsed { begun, is_cut: false };
            }
            next = Command::Wake;
        }
        Rehearsed { begun, is_cut: true }
    }

    /// Most attempts under way at the same time under these settings.
    pub(crate) fn in_flight_max(&self, tuning: &Tuning, now: Timestamp) -> usize {
        decide::in_flight_max(&self.world(), tuning, now)
    }

    /// Closed breakers that would open with one more failure under these settings.
    pub(crate) fn about_to_open(&self, tuning: &Tuning, now: Timestamp) -> Vec<ResourceKey> {
        let world = self.world();
        let keys = self.state().breakers().map(|(key, _)| key);
        keys.filter(|key| decide::would_open(&world, key, tuning, now)).cloned().collect()
    }
}

/// Batches of records, of about a thousand each, after which a rehearsal has shown enough.
const BATCHES_MAX: u32 = 4;
