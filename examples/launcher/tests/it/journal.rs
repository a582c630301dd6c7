//! What the journal of a data directory says.

use std::time::{Duration, SystemTime};

use resurge::journal::event::{AttemptFailed, Event};
use resurge::journal::store::Snapshot;
use resurge::journal::{Record, State};

use crate::bench::Bench;

pub(crate) fn records(bench: &Bench) -> Vec<Record> {
    let snapshot = Snapshot::take(&bench.data().join("journal")).unwrap();
    snapshot.scan().map(Result::unwrap).collect()
}

pub(crate) fn state(bench: &Bench) -> State {
    let mut state = State::new();
    for record in records(bench) {
        state.apply(&record).unwrap();
    }
    state
}

pub(crate) fn failures(bench: &Bench) -> Vec<AttemptFailed> {
    let failed = |record: Record| match record.event {
        Event::AttemptFailed(failed) => Some(failed),
        _ => None,
    };
    records(bench).into_iter().filter_map(failed).collect()
}

/// When the last breaker that opened may be probed.
pub(crate) fn break_ends(bench: &Bench) -> SystemTime {
    let until = |record: Record| match record.event {
        Event::BreakerOpened(opened) => Some(opened.until),
        _ => None,
    };
    let until = records(bench).into_iter().filter_map(until).next_back().unwrap();
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(until.as_millis()).unwrap())
}

pub(crate) fn count(bench: &Bench, event: &str) -> usize {
    records(bench).iter().filter(|record| record.event.name() == event).count()
}
