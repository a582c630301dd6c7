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
    ring: Mutex<VecDeque<Kept>>,
    head: watch::Sender<Head>,
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
            let surplus = (ring.len() + records.len() - overtaken).saturating_sub(RING_RECORDS_MAX);
            ring.drain(..surplus);
            ring.extend(records.drain(..).skip(overtaken).map(Kept::Alone));
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
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let first = ring.front()?.seq();
        let skip = usize::try_from(from.get().checked_sub(first.get())?).ok()?;
        let skip = skip.min(ring.len());
        let shared: Vec<Arc<Record>> = ring.drain(skip..).map(Kept::share).collect();
        ring.extend(shared.iter().cloned().map(Kept::Shared));
        Some(shared)
    }
}

impl Kept {
    fn seq(&self) -> Seq {
        match self {
            Self::Alone(record) => record.seq,
            Self::Shared(record) => record.seq,
        }
    }

    fn share(self) -> Arc<Record> {
        match self {
            Self::Alone(record) => Arc::new(record),
            Self::Shared(record) => record,
        }
    }
}

const RING_RECORDS_MAX: usize = 1_024;
