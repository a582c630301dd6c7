//! Reading past damage: what the segments have lost the database may still have.

use super::segment::{Frames, Piece};
use super::store::keyed;
use crate::codec;
use crate::id::Seq;
use crate::store::tail::Unread;

/// Frames in their order, those of the database in the place of those that are damaged.
pub(super) struct Patched<F> {
    frames: Frames,
    /// A frame that comes after a gap.
    ahead: Option<Piece>,
    next: Seq,
    to: Seq,
    /// Checksum of the frame before; none if it is not known.
    chain: Option<u32>,
    other: F,
}

impl<F: FnMut(Seq) -> Option<Vec<u8>>> Patched<F> {
    /// Reads from one position to another; asks `other` for what is not there.
    pub(super) fn new(frames: Frames, from: Seq, to: Seq, other: F) -> Self {
        Self { frames, ahead: None, next: from, to, chain: None, other }
    }

    /// The next record out of the database.
    fn patch(&mut self) -> Option<(Seq, Result<Vec<u8>, Unread>)> {
        let frame = (self.other)(self.next)?;
        let seal = codec::check(self.next, &frame).ok()?;
        let fits = self.chain.is_none_or(|chain| chain == seal.link.chain);
        fits.then(|| self.give(self.next, Ok(frame), Some(seal.crc)))
    }

    fn give(
        &mut self,
        seq: Seq,
        frame: Result<Vec<u8>, Unread>,
        crc: Option<u32>,
    ) -> (Seq, Result<Vec<u8>, Unread>) {
        self.next = seq.next();
        self.chain = crc;
        (seq, frame)
    }
}

impl<F: FnMut(Seq) -> Option<Vec<u8>>> Iterator for Patched<F> {
    type Item = (Seq, Result<Vec<u8>, Unread>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.next <= self.to {
            let Some(piece) = self.ahead.take().or_else(|| self.frames.next()) else {
                return self.patch();
            };
            // In front of the first, or there twice.
            if piece.key < self.next {
                continue;
            }
            let crc = piece.seal.as_ref().ok().map(|seal| seal.crc);
            let continues = piece.key == self.next
                && piece
                    .seal
                    .as_ref()
                    .is_ok_and(|seal| self.chain.is_none_or(|chain| chain == seal.link.chain));
            if !continues && let Some(patch) = self.patch() {
                self.ahead = Some(piece).filter(|_| crc.is_some());
                return Some(patch);
            }
            if piece.key > self.to {
                return None;
            }
            let (key, frame) = keyed(piece);
            return Some(self.give(key, frame, crc));
        }
        None
    }
}
