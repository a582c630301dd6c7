//! What a change of settings would do, found out by those who would decide; nothing is changed.

use resurge_journal::event::Event;
use resurge_journal::state::Tuning;
use resurge_journal::{Json, ResourceKey, RunId, Timestamp};

use super::command::{Ambient, Command};
use super::core::Core;
use super::decide::{self, Asked};

impl Core {
    /// The runs of which attempts would begin at once if settings were changed; one for each attempt.
    ///
    /// What would begin without the change is left out. The changes must have been checked.
    pub(crate) fn rehearse(&self, changes: &[(String, Json)], now: Timestamp) -> Vec<RunId> {
        let has_probes = self.state().unsettled_breakers().next().is_some();
        if !has_probes && self.state().startable(now).next().is_none() {
            return Vec::new();
        }
        let mut twin = self.clone();
        twin.begins(Command::Wake, now);
        let mut begun = Vec::new();
        for (name, value) in changes {
            let asked = Asked { actor: String::new(), reason: String::new() };
            let (name, value) = (name.clone(), value.clone());
            begun.extend(twin.begins(Command::Tune { name, value, asked }, now));
        }
        begun
    }

    /// Carries a command out with all that follows; gives the runs of which attempts began.
    fn begins(&mut self, command: Command, now: Timestamp) -> Vec<RunId> {
        let mut begun = Vec::new();
        let mut next = command;
        for _ in 0..BATCHES_MAX {
            // A twin that breaks or refuses shows no more than it has shown.
            let Ok(Ok(records)) = self.handle(next, Ambient { now, entropy: 0 }) else { break };
            let started = records.iter().filter(|r| matches!(r.event, Event::AttemptStarted(_)));
            begun.extend(started.filter_map(|record| record.run));
            let is_behind = self.wake_at().is_some_and(|at| at <= now);
            if records.is_empty() || !is_behind {
                break;
            }
            next = Command::Wake;
        }
        begun
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

/// Batches of records after which a rehearsal has shown enough.
const BATCHES_MAX: u32 = 64;
