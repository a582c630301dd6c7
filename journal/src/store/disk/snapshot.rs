//! Reading a journal without touching it, also while somebody writes to it.

use std::path::Path;

use uuid::Uuid;

use super::anchor;
use super::error::OpenError;
use super::lock::Lock;
use super::open::Place;
use super::payloads::Payloads;
use super::recover;
use super::segment::{self, Frames, Piece, SegmentFile, Survey, Worth, survey};
use super::store::keyed;
use crate::id::Seq;
use crate::store::contract::Scan;
use crate::store::tail::{Tail, records};

/// A journal as it stood at one moment, for reading; damaged ones and those in use as well.
///
/// Only reads files, and takes no lock: whoever writes is not disturbed.
#[derive(Debug)]
pub struct Snapshot {
    journal: Uuid,
    segments: Vec<SegmentFile>,
    payloads: Payloads,
    whole: Seq,
    last: Seq,
    condition: Condition,
    is_in_use: bool,
}

/// What state a journal is in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// Everything that was ever durable is there.
    Whole,
    /// A batch that was never acknowledged is there in part; the next opening cuts it off.
    Torn {
        /// The first record that is not whole.
        from: Seq,
        /// The last record of which anything is there.
        to: Seq,
        /// What is wrong with the first.
        problem: String,
    },
    /// Records are gone that were durable once.
    Damaged {
        /// The first record that is gone.
        from: Seq,
        /// The last record that may be gone.
        to: Seq,
        /// How it was noticed.
        problem: String,
    },
    /// Written by a newer release.
    Newer {
        /// What is newer.
        problem: String,
    },
}

impl Snapshot {
    /// Looks at the journal in a folder.
    ///
    /// # Errors
    /// [`OpenError`] if there is no journal, or it cannot be read. A damaged one is no error: see
    /// [`condition`](Self::condition).
    pub fn take(journal: &Path) -> Result<Self, OpenError> {
        let place = Place::new(journal);
        let id = place.journal()?.ok_or_else(|| place.missing())?;
        let is_in_use = Lock::is_held(journal);
        let seen = Self::look(&place, journal, id, is_in_use)?;
        // Somebody began to write meanwhile, and what was seen half written is no damage.
        if !is_in_use && Lock::is_held(journal) {
            return Self::look(&place, journal, id, true);
        }
        Ok(seen)
    }

    fn look(place: &Place, dir: &Path, id: Uuid, is_in_use: bool) -> Result<Self, OpenError> {
        // First the anchor, then the segments: what it speaks of is there.
        let known = place.io("read the head", anchor::read(dir))?;
        let segments = place.io("list the segments", segment::list(dir))?;
        let origin = recover::origin(&segments);
        let acknowledged = known.filter(|_| is_in_use);
        // Behind that, frames are seen while they are written.
        let limit = acknowledged.map(|tail| tail.head);
        let frames = Frames::new(id, segments.iter().cloned(), origin.end, Seq::new(1));
        let frames = frames.take_while(|piece| limit.is_none_or(|limit| piece.key <= limit));
        let found = survey(frames, origin, known, |_, _| {});
        let payloads = Payloads::new(dir);
        Ok(Self::of(id, segments, payloads, found, acknowledged, is_in_use))
    }

    /// Behind what was acknowledged, a journal in use is whatever its writer is about to make it.
    fn of(
        journal: Uuid,
        segments: Vec<SegmentFile>,
        payloads: Payloads,
        found: Survey,
        acknowledged: Option<Tail>,
        is_in_use: bool,
    ) -> Self {
        let Survey { whole, last, worth, .. } = found;
        let (whole, acknowledged) = (whole.tail.head, acknowledged.map(|tail| tail.head));
        let (last, worth) = match (worth, acknowledged) {
            (Worth::Torn { .. } | Worth::Whole, Some(head)) => (head, Worth::Whole),
            (Worth::Whole, None) => (whole, Worth::Whole),
            (worth, _) => (last, worth),
        };
        let (last, condition) = match worth {
            Worth::Whole => (last, Condition::Whole),
            Worth::Torn { from, to, problem } => (last, Condition::Torn { from, to, problem }),
            Worth::Damaged { from, to, problem } => {
                (last.max(to), Condition::Damaged { from, to, problem })
            }
            Worth::Newer { problem } => (last, Condition::Newer { problem }),
        };
        let whole = whole.min(last);
        Self { journal, segments, payloads, whole, last, condition, is_in_use }
    }

    /// Tells this journal from every other.
    pub const fn journal(&self) -> Uuid {
        self.journal
    }

    /// The frames of the part that is whole.
    pub(super) fn frames(&self) -> impl Iterator<Item = Piece> {
        let origin = recover::origin(&self.segments);
        let segments = self.segments.iter().cloned();
        let frames = Frames::new(self.journal, segments, origin.end, Seq::new(1));
        let to = self.whole;
        frames.take_while(move |piece| piece.key <= to)
    }

    /// Bodies that are not in their frames.
    pub(super) const fn payloads(&self) -> &Payloads {
        &self.payloads
    }

    /// What state the journal is in.
    pub const fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Whether somebody had it open.
    pub const fn is_in_use(&self) -> bool {
        self.is_in_use
    }

    /// The end of the part that is whole from record 1 on.
    pub const fn whole(&self) -> Seq {
        self.whole
    }

    /// All records as [`Store::scan`](crate::store::Store::scan) gives them, with errors for what
    /// is known to be gone.
    pub fn scan(&self) -> Scan<'_> {
        let origin = recover::origin(&self.segments);
        let segments = self.segments.iter().cloned();
        let frames = Frames::new(self.journal, segments, origin.end, Seq::new(1));
        let to = self.last;
        let frames = frames.take_while(move |piece| piece.key <= to).map(keyed);
        Box::new(records(Seq::ZERO, to, frames, self.payloads.clone()))
    }
}
