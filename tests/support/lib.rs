//! What the tests share: a store that counts and fails as told, and steps that behave as told.

mod clock;
mod host;
mod steps;
mod store;

pub use clock::{SetClock, VirtualClock};
pub use host::{Host, behind, patient, using, visit, visit_behind, visiting};
pub use steps::{Calls, chain, deaf, fail_first};
pub use store::WatchedStore;

use std::sync::Arc;
use std::time::Duration;

use resurge::journal::event::{AttemptFailed, AttemptStarted, Event};
use resurge::journal::store::Store;
use resurge::journal::{Record, Seq};
use resurge::{Engine, EngineBuilder, Settings};

/// An engine with a journal in memory, under virtual time.
pub fn engine() -> EngineBuilder {
    Engine::in_memory().clock(VirtualClock::start()).settings(settings())
}

/// An engine over a store, under virtual time.
pub fn engine_on(store: impl Store) -> EngineBuilder {
    Engine::with_store(Arc::new(store)).clock(VirtualClock::start()).settings(settings())
}

/// The defaults. With `RESURGE_RESTLESS` set, the state is kept after every record and every run
/// that can leaves memory at once, which must change nothing for anybody.
pub fn settings() -> Settings {
    let mut settings = Settings::default();
    if std::env::var_os("RESURGE_RESTLESS").is_some() {
        settings.checkpoint_records = 1;
        settings.checkpoint_quiet = Duration::ZERO;
        settings.rest_after = Duration::ZERO;
    }
    settings
}

/// Every record of an engine's journal so far.
///
/// # Panics
/// If the journal cannot be read.
pub async fn records(engine: &Engine) -> Vec<Record> {
    let mut events = engine.events(Seq::new(1));
    let mut records: Vec<Record> = Vec::new();
    while records.last().is_none_or(|record| record.seq < engine.head()) {
        let next = events.next().await.expect("the journal is readable");
        let Some(record) = next else { break };
        records.push(Record::clone(&record));
    }
    records
}

/// Names of the events of some records.
pub fn names(records: &[Record]) -> Vec<&'static str> {
    records.iter().map(|record| record.event.name()).collect()
}

/// How many of the records hold an event that the filter accepts.
pub fn count(records: &[Record], filter: impl Fn(&Event) -> bool) -> usize {
    records.iter().filter(|record| filter(&record.event)).count()
}

/// Every failed attempt, with its record.
pub fn failures(records: &[Record]) -> Vec<(&Record, &AttemptFailed)> {
    let failed = records.iter().filter_map(|record| match &record.event {
        Event::AttemptFailed(event) => Some((record, event)),
        _ => None,
    });
    failed.collect()
}

/// Every attempt that began, with its record.
pub fn attempts(records: &[Record]) -> Vec<(&Record, &AttemptStarted)> {
    let started = records.iter().filter_map(|record| match &record.event {
        Event::AttemptStarted(event) => Some((record, event)),
        _ => None,
    });
    started.collect()
}
