//! What happened in the last minutes, counted as the records come in.

use std::collections::{BTreeMap, VecDeque};

use resurge::Timestamp;
use resurge::journal::Record;
use resurge::journal::event::Event;

use super::model::MinuteCard;

/// The last minutes in which something happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Minutes {
    /// The newest last.
    counted: VecDeque<(i64, Minute)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    succeeded: u32,
    failed: u32,
    retries: u32,
}

/// How many minutes are kept.
const MINUTES: i64 = 30;
const MILLIS: i64 = 60_000;

impl Minutes {
    /// Takes a record in.
    pub(crate) fn apply(&mut self, record: &Record) {
        let count: fn(&mut Minute) -> &mut u32 = match &record.event {
            Event::RunSucceeded(_) => |minute| &mut minute.succeeded,
            Event::RunFailed(_) | Event::RunExhausted(_) => |minute| &mut minute.failed,
            Event::AttemptStarted(started) if started.attempt.get() > 1 => {
                |minute| &mut minute.retries
            }
            _ => return,
        };
        let number = record.at.as_millis().div_euclid(MILLIS);
        if self.counted.back().is_none_or(|(newest, _)| *newest < number) {
            self.counted.push_back((number, Minute::default()));
        }
        while self.counted.front().is_some_and(|(oldest, _)| number - oldest >= MINUTES) {
            self.counted.pop_front();
        }
        if let Some((_, minute)) = self.counted.back_mut() {
            let counter = count(minute);
            *counter = counter.saturating_add(1);
        }
    }

    /// The minutes in which something happened by how long ago they began: the number of this minute is 0.
    pub(crate) fn cards(&self, now: Timestamp) -> BTreeMap<String, MinuteCard> {
        let newest = now.as_millis().div_euclid(MILLIS);
        let lately = self.counted.iter().filter(|(number, _)| newest - number < MINUTES);
        let card = |(number, minute): &(i64, Minute)| {
            let from = Timestamp::from_millis(number * MILLIS).to_string();
            let Minute { succeeded, failed, retries } = *minute;
            ((newest - number).to_string(), MinuteCard { from, succeeded, failed, retries })
        };
        lately.map(card).collect()
    }
}
