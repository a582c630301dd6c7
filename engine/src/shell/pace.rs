//! The limit on bandwidth, as the journal says that it is.

use resurge_journal::event::Event;
use resurge_journal::state::Tuning;
use resurge_journal::{Json, Record};
use resurge_steps::Pace;

use crate::policy::effective_bandwidth;
use crate::settings::Settings;

/// Keeps the limit on bandwidth of all attempts at what the durable records say.
#[derive(Debug)]
pub(super) struct Throttle {
    pace: Pace,
    /// The engine's own limit, which holds while nobody has changed it.
    own: u64,
}

impl Throttle {
    /// The limit with what people have changed in earlier lives of the journal.
    pub(super) fn new(settings: &Settings, tuning: &Tuning) -> Self {
        let pace = Pace::new(effective_bandwidth(settings, tuning));
        Self { pace, own: settings.bandwidth_limit }
    }

    /// What attempts are given.
    pub(super) fn pace(&self) -> Pace {
        self.pace.clone()
    }

    /// Takes note of a record that is durable.
    pub(super) fn heed(&self, record: &Record) {
        if let Event::SettingsChanged(event) = &record.event
            && event.name == "bandwidth_limit"
            // Whatever is recorded was checked before.
            && let Ok(limit) = Json::read::<Option<u64>>(&event.new)
        {
            self.pace.set(limit.unwrap_or(self.own));
        }
    }
}
