//! Group commit: what is decided while a flush runs goes into the next one.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use resurge_journal::store::{AppendError, Store};
use resurge_journal::{Record, Seq};
use tokio::task::{JoinError, JoinHandle};

use super::ambient::spawn_blocking;

/// Something that must not happen before a record is durable, such as an answer.
type Ack = Box<dyn FnOnce() + Send>;

/// Records on their way to the disk, and the answers that wait for them.
pub(super) struct Committer {
    store: Arc<dyn Store>,
    durable: Seq,
    pending: Vec<Record>,
    acks: VecDeque<(Seq, Ack)>,
    in_flight: Option<JoinHandle<Landed>>,
}

/// What came back from the disk.
type Landed = (Vec<Record>, Result<Seq, AppendError>);

/// Why nothing can be written any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error("the journal's writer stopped")]
    Writer(#[from] JoinError),
}

impl Committer {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let durable = store.head();
        Self { store, durable, pending: Vec::new(), acks: VecDeque::new(), in_flight: None }
    }

    /// The last record that is durable.
    pub(super) const fn durable(&self) -> Seq {
        self.durable
    }

    /// Queues records that follow those queued before.
    pub(super) fn queue(&mut self, records: Vec<Record>) {
        self.pending.extend(records);
    }

    /// Answers once everything up to `seq` is durable: at once if it is.
    pub(super) fn answer_after(&mut self, seq: Seq, ack: impl FnOnce() + Send + 'static) {
        if seq <= self.durable {
            ack();
        } else {
            self.acks.push_back((seq, Box::new(ack)));
        }
    }

    /// Whether nothing is on its way to the disk.
    pub(super) const fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.pending.is_empty()
    }

    /// Whether more may be queued; a disk that hangs must not fill the memory.
    pub(super) fn has_room(&self) -> bool {
        self.pending.len().max(self.acks.len()) < QUEUED_MAX
    }

    /// Begins to flush what is queued, unless a flush is under way.
    pub(super) fn begin(&mut self) {
        if self.in_flight.is_some() || self.pending.is_empty() {
            return;
        }
        let records = std::mem::take(&mut self.pending);
        let (store, expected) = (Arc::clone(&self.store), self.durable);
        self.in_flight = Some(spawn_blocking(move || {
            let landed = store.append(expected, &records);
            (records, landed)
        }));
    }

    /// Waits for the flush that is under way, for ever if there is none.
    ///
    /// # Cancel safety
    /// Safe: the flush goes on, and the next call waits for it again.
    pub(super) async fn landed(&mut self) -> Result<Vec<Record>, CommitError> {
        let Some(in_flight) = &mut self.in_flight else { return std::future::pending().await };
        let landed = in_flight.await;
        self.in_flight = None;
        let (records, head) = landed?;
        self.durable = head?;
        Ok(records)
    }

    /// Gives the answers that have become due.
    pub(super) fn answer(&mut self) {
        while self.acks.front().is_some_and(|(seq, _)| *seq <= self.durable) {
            if let Some((_, ack)) = self.acks.pop_front() {
                ack();
            }
        }
    }
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer")
            .field("durable", &self.durable)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}

/// Records, or answers, that wait for the disk.
const QUEUED_MAX: usize = 65_536;
