//! The events of a journal, as they happen.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;

use resurge_journal::store::{ReadError, Store};
use resurge_journal::{Record, Seq};
use tokio::sync::watch;

use super::error::EventsError;
use crate::shell::{Feed, Head, spawn_blocking};

/// Every durable record from a position on, once and in order, without end.
///
/// A reader that falls behind reads from the journal; it misses nothing that is still there, and
/// holds nobody up. What retention has dropped is passed over.
#[derive(Debug)]
pub struct EventStream {
    feed: Arc<Feed>,
    store: Arc<dyn Store>,
    head: watch::Receiver<Head>,
    next: Seq,
    ready: VecDeque<Arc<Record>>,
}

impl EventStream {
    pub(super) fn new(feed: Arc<Feed>, store: Arc<dyn Store>, from: Seq) -> Self {
        let head = feed.subscribe();
        let next = from.max(Seq::new(1));
        Self { feed, store, head, next, ready: VecDeque::new() }
    }

    /// The next record; none when the engine has stopped and everything was read.
    ///
    /// # Errors
    /// [`EventsError`] if the journal cannot be read, for one by a reader who was far behind when
    /// the engine was shut down and the journal closed.
    ///
    /// # Cancel safety
    /// Safe: a record that was not returned comes with the next call.
    pub async fn next(&mut self) -> Result<Option<Arc<Record>>, EventsError> {
        self.wait().await?;
        let record = self.ready.pop_front();
        self.next = record.as_ref().map_or(self.next, |record| record.seq.next());
        Ok(record)
    }

    /// The next records that are at hand, one at least and so many at most.
    ///
    /// None when the engine has stopped and everything was read. For readers who would rather do
    /// something once for many records than once for each.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    ///
    /// # Cancel safety
    /// Safe: records that were not returned come with the next call.
    pub async fn next_many(&mut self, most: NonZeroUsize) -> Result<Vec<Arc<Record>>, EventsError> {
        self.wait().await?;
        let count = self.ready.len().min(most.get());
        let records: Vec<_> = self.ready.drain(..count).collect();
        self.next = records.last().map_or(self.next, |record| record.seq.next());
        Ok(records)
    }

    /// Waits until a record is at hand, or none will be.
    async fn wait(&mut self) -> Result<(), EventsError> {
        while self.ready.is_empty() {
            let head = *self.head.borrow_and_update();
            if self.next <= head.seq {
                self.ready = self.fetch(head.seq).await?;
            } else if head.ended || self.head.changed().await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn fetch(&self, head: Seq) -> Result<VecDeque<Arc<Record>>, EventsError> {
        if let Some(recent) = self.feed.recent(self.next) {
            return Ok(recent.into());
        }
        let (store, from) = (Arc::clone(&self.store), self.next);
        let page = spawn_blocking(move || {
            let mut payload_bytes = 0;
            let records = store
                .scan(from)
                .filter(|record| !matches!(record, Err(ReadError::Trimmed { .. })))
                .take_while(|record| !matches!(record, Ok(record) if record.seq > head))
                .take_while(|record| {
                    // Begins with one, however large it is.
                    let fits = payload_bytes < PAGE_PAYLOAD_BYTES;
                    payload_bytes += record.as_ref().map_or(0, Record::payload_bytes);
                    fits
                });
            records.take(PAGE_RECORDS).map(|record| record.map(Arc::new)).collect()
        });
        let page: Result<VecDeque<_>, ReadError> = page.await.map_err(|_| EventsError::Panicked)?;
        Ok(page?)
    }
}

const PAGE_RECORDS: usize = 256;
/// Bytes of payloads after which a page ends.
const PAGE_PAYLOAD_BYTES: usize = 4 * 1024 * 1024;
