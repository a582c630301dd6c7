//! What the frames of a journal keep aside, as far as they were read; each is read once.

use std::collections::{HashMap, HashSet};
use std::io;

use crate::codec::PayloadHash;
use crate::id::Seq;
use crate::store::contract::Cut;
use crate::store::disk::segment::Piece;

/// Frames that are read before anybody else has a turn.
const FRAMES_AT_ONCE: usize = 4_096;

/// What the frames of a journal keep aside.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The last frame that refers to each body, and the bytes of the body.
    last: HashMap<PayloadHash, (Seq, u64)>,
    /// All in front of this one were read, back to where the journal began then.
    next: Seq,
}

impl Seen {
    /// Reads some of the frames from `first` to `last` that were not read yet, and tells whether
    /// that was all; an error unless they are there.
    ///
    /// `frames` gives those from a position on, perhaps with some in front of it.
    pub(super) fn read_some<I: Iterator<Item = Piece>>(
        &mut self,
        frames: impl FnOnce(Seq) -> I,
        first: Seq,
        last: Seq,
    ) -> io::Result<bool> {
        self.last.retain(|_, (seq, _)| *seq >= first);
        self.next = self.next.max(first);
        let (from, mut pieces) = (self.next, frames(self.next));
        for _ in 0..FRAMES_AT_ONCE {
            if self.next > last {
                break;
            }
            let missing = || io::Error::other(format!("record {} is missing", self.next));
            let piece = pieces.find(|piece| piece.key >= from).ok_or_else(missing)?;
            let seal = piece.seal.ok().filter(|seal| seal.seq == self.next);
            let damaged = || io::Error::other(format!("record {} is damaged", self.next));
            let seal = seal.ok_or_else(damaged)?;
            let aside = seal.aside.map(|aside| (aside.hash, (seal.seq, u64::from(aside.bytes))));
            self.last.extend(aside);
            self.next = self.next.next();
        }
        Ok(self.next > last)
    }

    /// The bodies that they refer to.
    pub(super) fn referenced(&self) -> HashSet<PayloadHash> {
        self.last.keys().copied().collect()
    }

    /// Adds the bytes of the bodies that would stay to those of the frames; cuts are in order.
    pub(super) fn weigh(&self, cuts: &mut [Cut]) {
        let mut bytes_between = vec![0_u64; cuts.len()];
        for (seq, bytes) in self.last.values() {
            // All cuts up to this one leave the frame where it is.
            let behind = cuts.partition_point(|cut| cut.first <= *seq);
            if let Some(between) = behind.checked_sub(1).and_then(|at| bytes_between.get_mut(at)) {
                *between += bytes;
            }
        }
        let mut behind = 0;
        for (cut, between) in cuts.iter_mut().zip(bytes_between).rev() {
            behind += between;
            cut.bytes_behind += behind;
        }
    }
}
