//! How much of the segments is whole, found out by reading them.

use super::frames::{Flaw, Piece};
use super::header::Place;
use super::writer::Position;
use crate::codec::Seal;
use crate::id::Seq;
use crate::store::tail::Tail;

/// What the segments are worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::disk) enum Worth {
    /// All that was ever durable is there.
    Whole,
    /// A batch that was never acknowledged is there in part.
    Torn { from: Seq, to: Seq, problem: String },
    /// Something that was durable once is gone.
    Damaged { from: Seq, to: Seq, problem: String },
    /// Intact, but written by a newer release.
    Newer { problem: String },
}

/// Segments, read from some position to their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::disk) struct Survey {
    /// The end of the part that is whole; of whole batches, unless it is damaged.
    pub(in crate::store::disk) whole: Position,
    /// The last position under which anything stands.
    pub(in crate::store::disk) last: Seq,
    /// The last record that anything knows to have been durable.
    pub(in crate::store::disk) durable: Seq,
    pub(in crate::store::disk) worth: Worth,
    /// What the disk said where it could not be read.
    pub(in crate::store::disk) unreadable: Option<String>,
}

/// Reads all frames behind a position that is known to be whole, and weighs them against the anchor.
///
/// `first` is the first record of the journal; `visit` is told where each record stands that is
/// whole.
pub(in crate::store::disk) fn survey(
    frames: impl Iterator<Item = Piece>,
    from: Position,
    first: Seq,
    anchor: Option<Tail>,
    mut visit: impl FnMut(Seq, Place),
) -> Survey {
    let mut pass = Pass::new(from, first, anchor);
    for piece in frames {
        let (key, place) = (piece.key, piece.place);
        // What is not part of the chain may be a copy of what stands elsewhere.
        if pass.take(piece) {
            visit(key, place);
        }
    }
    pass.end()
}

struct Pass {
    anchor: Option<Tail>,
    /// The end of the records that are whole.
    whole: Position,
    /// The end of the batches that are whole.
    batch: Position,
    last: Seq,
    /// The first record that is not what it should be.
    bad: Option<(Seq, String)>,
    durable: Seq,
    newer: Option<String>,
    unreadable: Option<String>,
}

impl Pass {
    fn new(from: Position, first: Seq, anchor: Option<Tail>) -> Self {
        // The first record is there before anything says that the journal begins with it.
        let durable = anchor.map_or(Seq::ZERO, |tail| tail.head).max(first);
        let last = from.tail.head;
        Self {
            anchor,
            whole: from,
            batch: from,
            last,
            bad: None,
            durable,
            newer: None,
            unreadable: None,
        }
    }

    fn note(&mut self, seq: Seq, problem: impl FnOnce() -> String) {
        self.bad.get_or_insert_with(|| (seq, problem()));
    }

    /// Weighs a piece; tells whether it extends the whole part.
    fn take(&mut self, piece: Piece) -> bool {
        self.last = self.last.max(piece.key);
        let expected = self.whole.tail.head.next();
        match piece.seal {
            Ok(seal) => {
                self.durable = self.durable.max(seal.link.durable);
                self.follow(expected, seal, piece.place, piece.bytes.len() as u64);
                self.whole.tail.head == expected
            }
            Err(flaw) => {
                self.unreadable = self.unreadable.take().or_else(|| flaw.of_disk());
                if let Flaw::Frame(error) = &flaw
                    && error.is_newer()
                {
                    self.newer.get_or_insert_with(|| format!("record {}: {error}", piece.key));
                }
                self.note(expected, || flaw.to_string());
                false
            }
        }
    }

    /// Extends the whole part by a frame that is intact, if it continues it.
    fn follow(&mut self, expected: Seq, seal: Seal, place: Place, bytes: u64) {
        if self.bad.is_some() {
            return;
        }
        let tail = Tail { head: seal.seq, chain: seal.crc };
        if seal.seq > expected {
            return self.note(expected, || "it is missing".to_owned());
        }
        if seal.seq < expected {
            return self.note(expected, || format!("record {} stands in its place", seal.seq));
        }
        if seal.link.chain != self.whole.tail.chain {
            return self.note(expected, || "it does not continue the record before it".to_owned());
        }
        if self.anchor.is_some_and(|anchor| anchor.head == tail.head && anchor != tail) {
            return self.note(expected, || "it is not the record that was written".to_owned());
        }
        let end = Place { offset: place.offset + bytes, ..place };
        self.whole = Position { tail, end };
        if seal.is_last {
            self.batch = self.whole;
        }
    }

    fn end(mut self) -> Survey {
        if self.batch.tail.head < self.whole.tail.head {
            let next = self.whole.tail.head.next();
            self.note(next, || "its batch is not complete".to_owned());
        }
        let (last, durable) = (self.last, self.durable);
        let ends_early = self.whole.tail.head < durable;
        let worth = match (self.newer.take(), self.bad.take()) {
            (Some(problem), _) => Worth::Newer { problem },
            (None, Some((from, problem))) if from <= durable => {
                Worth::Damaged { from, to: durable.max(last), problem }
            }
            (None, Some((_, problem))) => {
                let from = self.batch.tail.head.next();
                Worth::Torn { from, to: last.max(from), problem }
            }
            (None, None) if ends_early => Worth::Damaged {
                from: self.whole.tail.head.next(),
                to: durable,
                problem: "it ends too early".to_owned(),
            },
            (None, None) => Worth::Whole,
        };
        let whole = match worth {
            Worth::Damaged { .. } => self.whole,
            _ => self.batch,
        };
        Survey { whole, last, durable, worth, unreadable: self.unreadable }
    }
}
