//! Durable records on their way to whoever watches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use resurge_journal::{Record, Seq};
use tokio::sync::watch;

/// The newest durable records, and the word that there are more.
///
/// A watcher that falls behind the ring reads from the store instead: nobody misses a record, and
/// nobody slow holds the engine up.
#[derive(Debug)]
pub(crate) struct Feed {
    ring: Mutex<Ring>,
    head: watch::Sender<Head>,
}

/// The newest records, of all their payloads together no more than so many bytes.
#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<Kept>,
    payload_bytes: usize,
}

/// A record that is shared once somebody asks for it: most are never asked for.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "to box each of them is what this avoids")]
enum Kept {
    Alone(Record),
    Shared(Arc<Record>),
}

/// How far the feed is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// The last record that is durable.
    pub(crate) seq: Seq,
    /// Whether the engine has stopped, so that no record follows.
    pub(crate) ended: bool,
}

impl Feed {
    pub(crate) fn new(head: Seq) -> Self {
        let head = watch::Sender::new(Head { seq: head, ended: false });
        Self { ring: Mutex::default(), head }
    }

    /// Takes in records that are durable now.
    pub(super) fn publish(&self, records: &mut Vec<Record>) {
        let Some(seq) = records.last().map(|record| record.seq) else { return };
        {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            // What would be pushed out at once is never put in.
            let overtaken = records.len().saturating_sub(RING_RECORDS_MAX);
            ring.make_room(records.len() - overtaken);
            for record in records.drain(..).skip(overtaken) {
                ring.payload_bytes += record.payload_bytes();
                ring.records.push_back(Kept::Alone(record));
            }
            ring.lighten();
        }
        self.head.send_modify(|head| head.seq = seq);
    }

    /// Tells the watchers that no record follows.
    pub(super) fn end(&self) {
        self.head.send_modify(|head| head.ended = true);
    }

    /// The durable head, and a way to wait for the next one.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// Records from a position on, if the ring still holds that position.
    pub(crate) fn recent(&self, from: Seq) -> Option<Vec<Arc<Record>>> {
        let ring = &mut self.ring.lock().unwrap_or_else(PoisonError::into_inner).records;
        let first = ring.front()?.seq();
        let skip = usize::try_from(from.get().checked_sub(first.get())?).ok()?;
        let skip = skip.min(ring.len());
        let shared: Vec<Arc<Record>> = ring.drain(skip..).map(Kept::share).collect();
        ring.extend(shared.iter().cloned().map(Kept::Shared));
        Some(shared)
    }
}

impl Ring {
    /// Lets go of the oldest records, so that so many more fit.
    fn make_room(&mut self, records: usize) {
        let surplus = (self.records.len() + records).saturating_sub(RING_RECORDS_MAX);
        for kept in self.records.drain(..surplus) {
            self.payload_bytes -= kept.record().payload_bytes();
        }
    }

    /// Lets go of the oldest records until the payloads of the others are small enough.
    fn lighten(&mut self) {
        while self.payload_bytes > RING_PAYLOAD_BYTES_MAX {
            let Some(kept) = self.records.pop_front() else { break };
            self.payload_bytes -= kept.record().payload_bytes();
        }
    }
}

impl Kept {
    fn record(&self) -> &Record {
        match self {
            Self::Alone(record) => record,
            Self::Shared(record) => record,
        }
    }

    fn seq(&self) -> Seq {
        self.record().seq
    }

    fn share(self) -> Arc<Record> {
        match self {
            Self::Alone(record) => Arc::new(record),
            Self::Shared(record) => record,
        }
    }
}

const RING_RECORDS_MAX: usize = 1_024;
const RING_PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use resurge_journal::event::CheckpointSaved;
    use resurge_journal::{AttemptNo, Json, StepKey, Timestamp};

    use super::*;

    fn record(seq: u64, bytes: usize) -> Record {
        let checkpoint = Json::of(&"x".repeat(bytes)).unwrap();
        let (step, attempt) = (StepKey::new("step").unwrap(), AttemptNo::new(1));
        let event = CheckpointSaved { step, attempt, checkpoint }.into();
        Record { seq: Seq::new(seq), at: Timestamp::default(), run: None, event }
    }

    #[test]
    fn a_ring_of_large_records_is_a_short_one() {
        let feed = Feed::new(Seq::new(1));
        for seq in 2..100 {
            feed.publish(&mut vec![record(seq, 1024 * 1024)]);
        }
        assert_eq!(feed.recent(Seq::new(2)), None, "it is in the journal");
        assert_eq!(feed.recent(Seq::new(90)).unwrap().len(), 10);
        let before = feed.ring.lock().unwrap().payload_bytes;
        assert!((12 << 20..=16 << 20).contains(&before), "{before}");
        // Small ones push large ones out by and by, and what they weighed with them.
        feed.publish(&mut (100..1_124).map(|seq| record(seq, 10)).collect());
        assert_eq!(feed.ring.lock().unwrap().payload_bytes, 1_024 * 12);
        assert_eq!(feed.recent(Seq::new(100)).unwrap().len(), 1_024);
    }
}
