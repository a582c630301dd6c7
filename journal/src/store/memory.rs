//! Records in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::cache::{Cache, CacheError, MemoryCache};
use super::contract::{Cut, Scan, Store};
use super::error::{AppendError, ReadError, TrimError};
use super::tail::{Batch, Tail, excuse, first_record, record, records};
use crate::codec::{self, Aside, Bodies, PayloadHash, PayloadProblem};
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

/// A journal in memory can be trimmed in front of every so many records.
const CUT_RECORDS: u64 = 16;

#[derive(Debug, Default, Clone)]
struct Kept {
    tail: Tail,
    frames: Vec<Arc<[u8]>>,
    /// Records that were dropped in front of the frames.
    dropped: u64,
    /// Those among them that were not.
    older: BTreeMap<Seq, Arc<[u8]>>,
    /// Bodies that no frame has room for.
    bodies: HashMap<PayloadHash, Arc<[u8]>>,
    residue: Option<Vec<u8>>,
    checkpoint: Option<(Seq, Vec<u8>)>,
}

impl Kept {
    const fn first(&self) -> Seq {
        Seq::new(self.dropped + 1)
    }

    fn get(&self, seq: Seq) -> Option<Arc<[u8]>> {
        if seq < self.first() {
            return self.older.get(&seq).cloned();
        }
        let index = usize::try_from(seq.get() - self.first().get()).ok()?;
        self.frames.get(index).cloned()
    }

    fn cuts(&self) -> Vec<Cut> {
        let (mut bytes_behind, mut asides) = (0, HashSet::new());
        let mut cuts = Vec::new();
        for (frame, seq) in self.frames.iter().rev().zip((0..=self.tail.head.get()).rev()) {
            bytes_behind += frame.len() as u64;
            let aside = codec::claim_aside(frame).filter(|aside| asides.insert(aside.hash));
            bytes_behind += aside.map_or(0, |aside| u64::from(aside.bytes));
            if seq % CUT_RECORDS == 1 && seq > self.first().get() {
                cuts.push(Cut { first: Seq::new(seq), bytes_behind });
            }
        }
        cuts.reverse();
        cuts
    }

    fn trim(&mut self, first: Seq, residue: &[u8], kept: &[Seq]) -> Result<(), TrimError> {
        if !self.cuts().iter().any(|cut| cut.first == first) {
            return Err(TrimError::NoCut { first });
        }
        let keep = |seq: &Seq| {
            let frame = self.get(*seq).filter(|_| *seq < first);
            let gone = ReadError::Trimmed { seq: *seq, first: self.first() };
            frame.map(|frame| (*seq, frame)).ok_or(TrimError::Kept(gone))
        };
        self.older = kept.iter().map(keep).collect::<Result<_, _>>()?;
        self.residue = Some(residue.to_vec());
        let more = usize::try_from(first.get() - self.first().get()).unwrap_or(usize::MAX);
        self.frames.drain(..more.min(self.frames.len()));
        self.dropped = first.get() - 1;
        self.collect();
        Ok(())
    }

    /// Drops bodies that no frame refers to any more.
    fn collect(&mut self) {
        let frames = self.frames.iter().chain(self.older.values());
        let asides = frames.filter_map(|frame| codec::claim_aside(frame));
        let referenced: HashSet<_> = asides.map(|aside| aside.hash).collect();
        self.bodies.retain(|hash, _| referenced.contains(hash));
    }

    fn append(&mut self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        let mut frames = Batch::default();
        self.tail = self.tail.encode(expected, batch, &mut frames)?;
        self.frames.extend(frames.frames().map(Arc::from));
        let bodies = frames.aside.into_iter();
        self.bodies.extend(bodies.map(|kept| (kept.aside.hash, kept.body.into())));
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
        let left = head.get().saturating_sub(frames.dropped);
        frames.frames.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        let last = frames.frames.last().and_then(|frame| frame.last_chunk());
        // Nothing is kept of what was derived from more records than there are.
        frames.checkpoint = None;
        frames.tail = Tail {
            head: Seq::new(frames.dropped + frames.frames.len() as u64),
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

impl Bodies for &MemoryStore {
    fn body(&self, aside: Aside) -> Result<Vec<u8>, PayloadProblem> {
        let body = self.frames().bodies.get(&aside.hash).cloned();
        body.map(|body| body.to_vec()).ok_or(PayloadProblem::Missing)
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
        let (from, last) = (from.max(self.first()), self.head());
        // What is dropped while somebody reads is missing, and what comes behind it is there.
        let frames = (from.get()..=last.get()).filter_map(|seq| {
            let seq = Seq::new(seq);
            self.frames().get(seq).map(|frame| (seq, Ok(frame)))
        });
        Box::new(excuse(records(from, last, frames, self), || self.first()))
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        if self.is_closed() {
            return Err(ReadError::Closed);
        }
        let (frame, first) = {
            let frames = self.frames();
            (frames.get(seq), frames.first())
        };
        match frame {
            Some(frame) => record(seq, &frame, &self).map(Some),
            None if seq < first && seq > Seq::ZERO => Err(ReadError::Trimmed { seq, first }),
            None => Ok(None),
        }
    }

    fn first(&self) -> Seq {
        self.frames().first()
    }

    fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.frames().residue.clone())
    }

    fn scan_kept(&self) -> Scan<'_> {
        let kept = self.frames().older.clone();
        Box::new(kept.into_iter().map(move |(seq, frame)| record(seq, &frame, &self)))
    }

    fn cuts(&self) -> Vec<Cut> {
        self.frames().cuts()
    }

    fn trim(&self, first: Seq, residue: &[u8], kept: &[Seq]) -> Result<(), TrimError> {
        if self.is_closed() {
            return Err(TrimError::Closed);
        }
        self.frames().trim(first, residue, kept)
    }

    fn cache(&self) -> Option<&dyn Cache> {
        Some(self.cache.as_ref())
    }

    fn save_checkpoint(&self, at: Seq, image: &[u8]) -> Result<(), CacheError> {
        self.frames().checkpoint = Some((at, image.to_vec()));
        Ok(())
    }

    fn forget_checkpoint(&self) -> Result<(), CacheError> {
        self.frames().checkpoint = None;
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

    #[test]
    fn a_reader_is_told_what_is_dropped_in_front_of_it_and_reads_on() {
        let store = MemoryStore::new();
        for seq in 2..=40 {
            store.append(Seq::new(seq - 1), &[record(seq)]).expect("accepted");
        }
        let mut scan = store.scan(Seq::new(1));
        assert_eq!(scan.next().expect("there").expect("whole").seq, Seq::new(1));
        store.trim(Seq::new(33), b"rest", &[]).expect("trimmed");
        let told = scan.next().expect("there");
        let Err(ReadError::Trimmed { seq, first }) = told else { panic!("{told:?}") };
        assert_eq!((seq, first), (Seq::new(2), Seq::new(33)));
        let rest: Vec<u64> = scan.map(|found| found.expect("whole").seq.get()).collect();
        assert_eq!(rest, (33..=40).collect::<Vec<_>>());
    }

    #[test]
    fn a_trimmed_journal_begins_later_and_keeps_what_is_asked_for() {
        let store = MemoryStore::new();
        for seq in 2..=40 {
            store.append(Seq::new(seq - 1), &[record(seq)]).expect("accepted");
        }
        let cuts: Vec<u64> = store.cuts().iter().map(|cut| cut.first.get()).collect();
        assert_eq!(cuts, [17, 33]);
        let refused = store.trim(Seq::new(20), b"rest", &[]);
        assert!(matches!(refused, Err(TrimError::NoCut { .. })), "{refused:?}");

        store.trim(Seq::new(33), b"rest", &[Seq::new(3), Seq::new(30)]).expect("trimmed");
        let seqs =
            |scan: Scan<'_>| -> Vec<u64> { scan.map(|r| r.expect("whole").seq.get()).collect() };
        assert_eq!(store.first(), Seq::new(33));
        assert_eq!(store.residue().expect("there").as_deref(), Some(&b"rest"[..]));
        assert_eq!(seqs(store.scan_kept()), [3, 30]);
        assert_eq!(seqs(store.scan(Seq::new(1))), (33..=40).collect::<Vec<_>>());
        assert!(store.read(Seq::new(30)).expect("kept").is_some());
        let dropped = store.read(Seq::new(31));
        assert!(matches!(dropped, Err(ReadError::Trimmed { .. })), "{dropped:?}");
        store.append(Seq::new(40), &[record(41)]).expect("it goes on");
        assert_eq!(store.truncated(Seq::new(35)).head(), Seq::new(35));
    }
}
