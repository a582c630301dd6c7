//! What the tests share: a store that counts and fails as told, and steps that behave as told.

mod steps;
mod store;

pub use steps::{Calls, chain, fail_first};
pub use store::WatchedStore;

use resurge::Engine;
use resurge::journal::event::Event;
use resurge::journal::{Record, Seq};

/// Every record of an engine's journal so far, without the one that its making wrote.
///
/// # Panics
/// If the journal cannot be read.
pub async fn records(engine: &Engine) -> Vec<Record> {
    let mut events = engine.events(Seq::new(1));
    let mut records = Vec::new();
    // A record that exists is ready at once; one that never comes is not waited for.
    while let Ok(next) = tokio::time::timeout(std::time::Duration::ZERO, events.next()).await {
        let Some(record) = next.expect("the journal is readable") else { break };
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
