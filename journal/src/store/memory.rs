//! Records in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::cache::{Cache, CacheError, MemoryCache};
use super::contract::{Scan, Store};
use super::error::{AppendError, ReadError};
use super::tail::{Batch, Tail, first_record, record, records};
use crate::id::Seq;
use crate::record::Record;
use crate::time::Timestamp;

/// Keeps records in memory, as the very frames that a disk would hold.
///
/// A clone is another handle to the same records: drop an engine, open another on the clone, and
/// it finds what a crash would have left. The first record is of 1970, under the nil id, so that
/// equal tests have equal journals.
#[derive(Debug)]
pub struct MemoryStore {
    shared: Arc<Mutex<Kept>>,
    cache: Arc<MemoryCache>,
    closed: AtomicBool,
}

#[derive(Debug, Default, Clone)]
struct Kept {
    tail: Tail,
    frames: Vec<Arc<[u8]>>,
    checkpoint: Option<(Seq, Vec<u8>)>,
}

impl Kept {
    fn get(&self, seq: Seq) -> Option<Arc<[u8]>> {
        let index = usize::try_from(seq.get().checked_sub(1)?).ok()?;
        self.frames.get(index).cloned()
    }

    fn append(&mut self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        let mut frames = Batch::default();
        self.tail = self.tail.encode(expected, batch, &mut frames)?;
        self.frames.extend(frames.frames().map(Arc::from));
        Ok(self.tail.head)
    }
}

impl MemoryStore {
    /// A new journal, with its first record.
    pub fn new() -> Self {
        let mut frames = Kept::default();
        let first = first_record(Uuid::nil(), Timestamp::default());
        let appended = frames.append(Seq::ZERO, &[first]);
        debug_assert!(appended.is_ok(), "the first record is small and numbered: {appended:?}");
        Self::over(frames)
    }

    /// A copy that ends at a position, as if everything behind it had been lost.
    #[must_use]
    pub fn truncated(&self, head: Seq) -> Self {
        let mut frames = self.frames().clone();
        frames.frames.truncate(usize::try_from(head.get()).unwrap_or(usize::MAX));
        let last = frames.frames.last().and_then(|frame| frame.last_chunk());
        // Nothing is kept of what was derived from more records than there are.
        frames.checkpoint = None;
        frames.tail = Tail {
            head: Seq::new(frames.frames.len() as u64),
            chain: last.map_or(0, |crc| u32::from_be_bytes(*crc)),
        };
        Self::over(frames)
    }

    fn over(frames: Kept) -> Self {
        Self {
            shared: Arc::new(Mutex::new(frames)),
            cache: Arc::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// The frames; a panic elsewhere cannot have left them half-changed.
    fn frames(&self) -> MutexGuard<'_, Kept> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for MemoryStore {
    /// Another handle to the same records; open, even if this one is closed.
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            cache: Arc::clone(&self.cache),
            closed: AtomicBool::new(false),
        }
    }
}

impl Store for MemoryStore {
    fn head(&self) -> Seq {
        self.frames().tail.head
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        if self.is_closed() {
            return Err(AppendError::Closed);
        }
        self.frames().append(expected, batch)
    }

    fn scan(&self, from: Seq) -> Scan<'_> {
        if self.is_closed() {
            return Box::new(std::iter::once(Err(ReadError::Closed)));
        }
        let last = self.head();
        let frames = (from.get().max(1)..=last.get()).map_while(|seq| {
            let seq = Seq::new(seq);
            self.frames().get(seq).map(|frame| (seq, Ok(frame)))
        });
        Box::new(records(from, last, frames))
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        if self.is_closed() {
            return Err(ReadError::Closed);
        }
        let frame = self.frames().get(seq);
        frame.map(|frame| record(seq, &frame)).transpose()
    }

    fn cache(&self) -> Option<&dyn Cache> {
        Some(self.cache.as_ref())
    }

    fn save_checkpoint(&self, at: Seq, image: &[u8]) -> Result<(), CacheError> {
        self.frames().checkpoint = Some((at, image.to_vec()));
        Ok(())
    }

    fn load_checkpoint(&self) -> Option<(Seq, Vec<u8>)> {
        self.frames().checkpoint.clone()
    }

    fn location(&self) -> &'static str {
        "memory"
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunUnparked;

    fn record(seq: u64) -> Record {
        let event = RunUnparked {}.into();
        Record { seq: Seq::new(seq), at: Timestamp::default(), run: None, event }
    }

    #[test]
    fn a_clone_is_another_handle_to_the_same_records() {
        let store = MemoryStore::new();
        let other = store.clone();
        assert_eq!(store.append(Seq::new(1), &[record(2)]).expect("accepted"), Seq::new(2));
        store.close();
        assert_eq!(other.head(), Seq::new(2));
        assert_eq!(other.append(Seq::new(2), &[record(3)]).expect("accepted"), Seq::new(3));
    }

    #[test]
    fn a_truncated_copy_goes_on_where_it_ends() {
        let store = MemoryStore::new();
        store.append(Seq::new(1), &[record(2), record(3)]).expect("accepted");
        let cut = store.truncated(Seq::new(2));
        cut.append(Seq::new(2), &[record(3), record(4)]).expect("accepted");
        assert_eq!(cut.scan(Seq::ZERO).filter_map(Result::ok).count(), 4);
        assert_eq!(store.head(), Seq::new(3));
    }
}
