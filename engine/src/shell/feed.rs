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
    ring: Mutex<VecDeque<Arc<Record>>>,
    head: watch::Sender<Head>,
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
    pub(super) fn publish(&self, records: Vec<Arc<Record>>) {
        let Some(seq) = records.last().map(|record| record.seq) else { return };
        {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            ring.extend(records);
            let surplus = ring.len().saturating_sub(RING_RECORDS_MAX);
            ring.drain(..surplus);
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
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let first = ring.front()?.seq;
        let skip = usize::try_from(from.get().checked_sub(first.get())?).ok()?;
        Some(ring.iter().skip(skip).cloned().collect())
    }
}

const RING_RECORDS_MAX: usize = 1_024;
