//! The end of a chain of frames, and the walk along it.

use std::collections::VecDeque;
use std::io;

use uuid::Uuid;

use super::error::{AppendError, ReadError};
use crate::codec::{self, Bodies, DecodeError, Decoded, Kept, Link};
use crate::event::JournalCreated;
use crate::id::Seq;
use crate::record::Record;
use crate::time::Timestamp;

/// The last frame of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tail {
    pub(super) head: Seq,
    /// Checksum of the last frame; 0 in front of the first.
    pub(super) chain: u32,
}

/// Bytes that there is always room for in a batch, once there was.
const ROOM_BYTES_MAX: usize = 1024 * 1024;

/// Frames one behind the other, to be written as one.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    /// Where each frame ends.
    pub(super) ends: Vec<usize>,
    /// Bodies that are kept before the frames are.
    pub(super) aside: Vec<Kept>,
}

impl Batch {
    /// The frames one by one.
    pub(super) fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(|(start, end)| self.bytes.get(start..*end))
    }
}

impl Tail {
    /// Checks records and writes them as frames into an empty batch.
    pub(super) fn encode(
        self,
        expected: Seq,
        records: &[Record],
        batch: &mut Batch,
    ) -> Result<Self, AppendError> {
        if expected != self.head {
            return Err(AppendError::Conflict { expected, head: self.head });
        }
        batch.bytes.clear();
        // What one large body has needed is not kept for ever.
        batch.bytes.shrink_to(ROOM_BYTES_MAX);
        batch.ends.clear();
        batch.aside.clear();
        let mut tail = self;
        for (record, left) in records.iter().zip((0..records.len()).rev()) {
            let next = tail.head.next();
            if record.seq != next {
                return Err(AppendError::Misnumbered { expected: next, found: record.seq });
            }
            let link = Link { chain: tail.chain, durable: self.head };
            let chain = codec::encode(record, link, left == 0, &mut batch.bytes, &mut batch.aside)?;
            batch.ends.push(batch.bytes.len());
            tail = Self { head: record.seq, chain };
        }
        Ok(tail)
    }
}

/// The first record of every journal.
pub(super) fn first_record(journal: Uuid, at: Timestamp) -> Record {
    Record { seq: Seq::new(1), at, run: None, event: JournalCreated { journal }.into() }
}

/// Why there is no frame where one should be.
#[derive(Debug)]
#[cfg_attr(not(feature = "sled"), expect(dead_code, reason = "what is in memory is not damaged"))]
pub(super) enum Unread {
    /// It is not what it should be.
    Frame(DecodeError),
    /// It stands in what is not ours.
    Foreign(String),
    /// It cannot be read.
    Io(io::Error),
}

impl Unread {
    fn at(self, seq: Seq) -> ReadError {
        match self {
            Self::Frame(source) => ReadError::Undecodable { seq, source },
            Self::Foreign(problem) => ReadError::Foreign { seq, problem },
            Self::Io(source) => ReadError::Io { seq, source },
        }
    }
}

/// Follows a chain from record to record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    pub(super) next: Seq,
    /// Checksum of the record before; none if it is not known.
    pub(super) chain: Option<u32>,
    /// The last record that was there.
    pub(super) seen: Seq,
}

impl Walk {
    pub(super) const fn new(next: Seq) -> Self {
        if next.get() <= 1 {
            Self { next: Seq::new(1), chain: Some(0), seen: Seq::ZERO }
        } else {
            Self { next, chain: None, seen: Seq::new(next.get() - 1) }
        }
    }

    /// Goes on behind a frame.
    #[cfg(feature = "sled")]
    pub(super) const fn behind(before: Tail) -> Self {
        Self { next: before.head.next(), chain: Some(before.chain), seen: before.head }
    }

    /// Takes what was found under a key, whichever comes.
    pub(super) fn step(
        &mut self,
        key: Seq,
        frame: Result<impl AsRef<[u8]>, Unread>,
        bodies: &impl Bodies,
    ) -> Vec<Found> {
        let decoded = frame.map_err(|unread| unread.at(key)).and_then(|frame| {
            codec::decode(key, frame.as_ref(), bodies)
                .map_err(|source| ReadError::Undecodable { seq: key, source })
        });
        if key <= self.seen {
            // It takes no part in the chain, which goes on behind the first one.
            return vec![Err(decoded.err().unwrap_or(ReadError::Duplicate { seq: key }))];
        }
        let mut found: Vec<Found> = self.skip_to(key).map(Err).into_iter().collect();
        self.next = key.next();
        let known = self.chain.take();
        match decoded {
            Ok(Decoded { record, link, crc, .. }) => {
                if known.is_some_and(|chain| chain != link.chain) {
                    found.push(Err(ReadError::Chain { seq: key }));
                }
                self.chain = Some(crc);
                self.seen = key;
                found.push(Ok(record));
            }
            Err(error) => found.push(Err(error)),
        }
        found
    }

    /// Notes that nothing stands between the next record and a key.
    pub(super) fn skip_to(&mut self, key: Seq) -> Option<ReadError> {
        if self.next >= key {
            return None;
        }
        let gap = ReadError::Gap { from: self.next, to: Seq::new(key.get() - 1) };
        self.next = key;
        self.chain = None;
        Some(gap)
    }
}

/// A record, or what stands in its place.
pub(super) type Found = Result<Record, ReadError>;

/// Makes records of frames that should run from one position to another without gaps.
///
/// Whatever stands there, it ends when the frames do.
pub(super) fn records<F: AsRef<[u8]>>(
    from: Seq,
    to: Seq,
    frames: impl Iterator<Item = (Seq, Result<F, Unread>)>,
    bodies: impl Bodies,
) -> impl Iterator<Item = Found> {
    walk_along(Walk::new(from), to, frames, bodies)
}

/// As [`records`], behind a frame whose checksum is known.
#[cfg(feature = "sled")]
pub(super) fn records_from<F: AsRef<[u8]>>(
    before: Tail,
    to: Seq,
    frames: impl Iterator<Item = (Seq, Result<F, Unread>)>,
    bodies: impl Bodies,
) -> impl Iterator<Item = Found> {
    walk_along(Walk::behind(before), to, frames, bodies)
}

fn walk_along<F: AsRef<[u8]>>(
    mut walk: Walk,
    to: Seq,
    frames: impl Iterator<Item = (Seq, Result<F, Unread>)>,
    bodies: impl Bodies,
) -> impl Iterator<Item = Found> {
    let mut frames = frames.fuse();
    let mut ready = VecDeque::new();
    std::iter::from_fn(move || {
        if ready.is_empty() {
            match frames.next() {
                Some((key, frame)) => ready.extend(walk.step(key, frame, &bodies)),
                None => ready.extend(walk.skip_to(to.next()).map(Err)),
            }
        }
        ready.pop_front()
    })
}

/// Says of records that are missing that they were dropped, if that is why; once for all of them.
pub(super) fn excuse<'a>(
    found: impl Iterator<Item = Found> + 'a,
    first: impl Fn() -> Seq + 'a,
) -> impl Iterator<Item = Found> + 'a {
    let mut told = Seq::ZERO;
    found.filter_map(move |found| {
        let Err(error) = found else { return Some(found) };
        let seq = error.seq().unwrap_or(Seq::ZERO);
        if seq != Seq::ZERO && seq < told {
            return None;
        }
        let first = first();
        if seq == Seq::ZERO || seq >= first {
            return Some(Err(error));
        }
        told = first;
        Some(Err(ReadError::Trimmed { seq, first }))
    })
}

/// Makes a record of the frame that was found under a key.
pub(super) fn record(key: Seq, frame: &[u8], bodies: &impl Bodies) -> Found {
    codec::decode(key, frame, bodies)
        .map(|decoded| decoded.record)
        .map_err(|source| ReadError::Undecodable { seq: key, source })
}
