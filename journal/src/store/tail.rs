//! The end of a chain of frames, and the walk along it.

use super::error::{AppendError, ReadError};
use crate::codec::{self, Decoded, Encoded, Link};
use crate::event::JournalCreated;
use crate::id::Seq;
use crate::record::Record;
use crate::time::Timestamp;
use uuid::Uuid;

/// The last frame of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tail {
    pub(super) head: Seq,
    /// Checksum of the last frame; 0 in front of the first.
    pub(super) chain: u32,
}

impl Tail {
    /// Checks a batch and writes it as frames, without changing anything.
    pub(super) fn encode(
        self,
        expected: Seq,
        batch: &[Record],
    ) -> Result<(Vec<Encoded>, Self), AppendError> {
        if expected != self.head {
            return Err(AppendError::Conflict { expected, head: self.head });
        }
        let mut tail = self;
        let mut frames = Vec::with_capacity(batch.len());
        for record in batch {
            if record.seq != tail.head.next() {
                return Err(AppendError::Misnumbered {
                    expected: tail.head.next(),
                    found: record.seq,
                });
            }
            let frame = codec::encode(record, Link { chain: tail.chain, durable: self.head })?;
            tail = Self { head: record.seq, chain: frame.crc };
            frames.push(frame);
        }
        Ok((frames, tail))
    }
}

/// The first record of every journal.
pub(super) fn first_record(journal: Uuid, at: Timestamp) -> Record {
    Record { seq: Seq::new(1), at, run: None, event: JournalCreated { journal }.into() }
}

/// Follows a chain from record to record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    next: Seq,
    /// Checksum of the record before; none if it is not known.
    chain: Option<u32>,
}

/// What a walk makes of the bytes under a key.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) problems: Vec<ReadError>,
    pub(super) decoded: Option<Decoded>,
}

impl Step {
    /// The record, or the last of the problems with it.
    pub(super) fn into_record(mut self) -> Result<Option<Record>, ReadError> {
        self.problems.pop().map_or(Ok(self.decoded.map(|decoded| decoded.record)), Err)
    }
}

impl Walk {
    /// Starts where a record is expected whose predecessor has this checksum.
    pub(super) fn new(next: Seq, chain: Option<u32>) -> Self {
        let chain = if next <= Seq::new(1) { Some(0) } else { chain };
        Self { next: next.max(Seq::new(1)), chain }
    }

    /// The record that is expected next.
    pub(super) const fn next(&self) -> Seq {
        self.next
    }

    /// Takes the bytes found under a key, which is the next one or a later one.
    pub(super) fn step(&mut self, key: Seq, frame: &[u8]) -> Step {
        let mut step = Step::default();
        step.problems.extend(self.skip_to(key));
        match codec::decode(key, frame) {
            Ok(decoded) => {
                if self.chain.is_some_and(|chain| chain != decoded.link.chain) {
                    step.problems.push(ReadError::Chain { seq: key });
                }
                self.chain = Some(decoded.crc);
                step.decoded = Some(decoded);
            }
            Err(source) => {
                self.chain = None;
                step.problems.push(ReadError::Undecodable { seq: key, source });
            }
        }
        self.next = key.next();
        step
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
