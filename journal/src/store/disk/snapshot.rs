//! Reading a journal without touching it, also while somebody writes to it.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::anchor;
use super::base::{self, Base, Bases, Origin};
use super::error::OpenError;
use super::lock::Lock;
use super::open::Place;
use super::past;
use super::payloads::Payloads;
use super::segment::{Frames, Piece, SegmentFile, Survey, Worth, survey};
use super::store::keyed;
use crate::id::Seq;
use crate::store::contract::Scan;
use crate::store::error::ReadError;
use crate::store::tail::{Tail, excuse, records_from};

/// How often a journal is looked at again because it was trimmed meanwhile.
pub(super) const TRIMMED_MEANWHILE_MAX: u32 = 8;

/// A journal as it stood at one moment, for reading; damaged ones and those in use as well.
///
/// Only reads files, and takes no lock: whoever writes is not disturbed.
#[derive(Debug)]
pub struct Snapshot {
    dir: PathBuf,
    journal: Uuid,
    bases: Bases,
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

    /// Looks again if the journal was trimmed meanwhile.
    fn look(place: &Place, dir: &Path, id: Uuid, is_in_use: bool) -> Result<Self, OpenError> {
        let look = || Self::look_once(place, dir, id, is_in_use);
        until_still(|| base::first_in(dir, id), look)
    }

    fn look_once(place: &Place, dir: &Path, id: Uuid, is_in_use: bool) -> Result<Self, OpenError> {
        let bases = place.io("read the base", base::look(dir, id))?;
        let origin = bases.origin();
        // First the anchor, then the segments: what it speaks of is there.
        let known = place.io("read the head", anchor::read(dir))?;
        let segments = place.io("list the segments", origin.segments(dir))?;
        let acknowledged = known.filter(|_| is_in_use);
        // Behind that, frames are seen while they are written.
        let limit = acknowledged.map(|tail| tail.head);
        let frames = origin.frames(id, segments.iter().cloned());
        let frames = frames.take_while(|piece| limit.is_none_or(|limit| piece.key <= limit));
        let mut found = survey(frames, origin.position(), origin.first, known, |_, _| {});
        if let Some(problem) = bases.newer.clone() {
            found.worth = Worth::Newer { problem };
        }
        let (last, whole, condition) = judge(found, acknowledged);
        let (dir, journal, payloads) = (dir.to_owned(), id, Payloads::new(dir));
        Ok(Self { dir, journal, bases, segments, payloads, whole, last, condition, is_in_use })
    }

    /// Tells this journal from every other.
    pub const fn journal(&self) -> Uuid {
        self.journal
    }

    /// The frames of the part that is whole.
    pub(super) fn frames(&self) -> impl Iterator<Item = Piece> {
        let to = self.whole;
        self.all().take_while(move |piece| piece.key <= to)
    }

    fn all(&self) -> Frames {
        self.origin().frames(self.journal, self.segments.iter().cloned())
    }

    /// Where the records that are all there begin.
    pub(super) fn origin(&self) -> Origin {
        self.bases.origin()
    }

    /// What stands for those that were dropped.
    pub(super) const fn base(&self) -> Option<&Base> {
        self.bases.base.as_ref()
    }

    /// Whether the journal was trimmed since.
    pub(super) fn was_trimmed(&self) -> bool {
        self.first_now() > self.first()
    }

    /// The first record from which on none was dropped: 1, unless the journal was trimmed.
    pub fn first(&self) -> Seq {
        self.origin().first
    }

    /// What stands in the place of the records in front of [`first`](Self::first), if the journal
    /// was trimmed.
    ///
    /// # Errors
    /// [`ReadError`] if it was, and this is gone or cannot be read.
    pub fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        self.base().map_or(Ok(None), |base| past::residue(base).map(Some))
    }

    /// The records in front of [`first`](Self::first) that were kept, oldest first, with gaps.
    pub fn scan_kept(&self) -> Scan<'_> {
        match self.base() {
            Some(base) => Box::new(past::scan(base, &self.payloads, || self.first_now())),
            None => Box::new(std::iter::empty()),
        }
    }

    /// How many records in front of [`first`](Self::first) were kept.
    pub fn kept(&self) -> u64 {
        self.base().map_or(0, |base| base.head().kept)
    }

    /// Copies of the file that stands for dropped records which are not what they should be, and
    /// why. The next opening mends them, as long as one is whole.
    pub fn flaws_of_base(&self) -> impl Iterator<Item = String> {
        let flaws = self.bases.flaws.iter();
        let untold = self.bases.untold().map(|(from, to)| {
            format!("records {from} to {to} are lost, which the next opening records")
        });
        flaws.map(|(name, problem)| format!("its {name} file: {problem}")).chain(untold)
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

    /// The end of the part that is whole from the first record on.
    pub const fn whole(&self) -> Seq {
        self.whole
    }

    /// Where the journal begins by now.
    fn first_now(&self) -> Seq {
        let now = base::first_in(&self.dir, self.journal);
        // Where a copy is damaged, nothing that it says is an excuse.
        let now = now.filter(|_| self.bases.flaws.is_empty());
        now.map_or_else(|| self.first(), |now| now.first)
    }

    /// All records from [`first`](Self::first) on as [`Store::scan`](crate::store::Store::scan)
    /// gives them, with errors for what is known to be gone.
    ///
    /// Says of records that are dropped while it reads that they were.
    pub fn scan(&self) -> Scan<'_> {
        let to = self.last;
        let frames = self.all().take_while(move |piece| piece.key <= to).map(keyed);
        let found = records_from(self.origin().tail(), to, frames, self.payloads.clone());
        Box::new(excuse(found, || self.first_now()))
    }
}

/// Looks until nothing was trimmed meanwhile, or it was too often.
///
/// What is compared is what the head of the file says, which need not be what counts.
fn until_still<T>(
    mut first: impl FnMut() -> Option<Origin>,
    mut look: impl FnMut() -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let mut before = first();
    let mut seen = look()?;
    for _ in 0..TRIMMED_MEANWHILE_MAX {
        let now = first();
        if now == before {
            break;
        }
        before = now;
        seen = look()?;
    }
    Ok(seen)
}

/// The last record that is shown, the last that is whole, and the condition.
///
/// Behind what was acknowledged, a journal in use is whatever its writer is about to make it.
fn judge(found: Survey, acknowledged: Option<Tail>) -> (Seq, Seq, Condition) {
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
    (last, whole.min(last), condition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_looked_at_again_only_if_it_was_trimmed_meanwhile() {
        let at = |first| Some(Origin { first: Seq::new(first), ordinal: 2, chain: 0 });
        let looks = |firsts: &[u64]| {
            let (mut firsts, mut looks) = (firsts.iter().copied(), 0);
            let look = || {
                looks += 1;
                Ok(())
            };
            until_still(|| firsts.next().and_then(at), look).expect("looked at");
            looks
        };
        assert_eq!(looks(&[]), 1, "never trimmed");
        assert_eq!(looks(&[9, 9]), 1, "whatever was seen");
        assert_eq!(looks(&[9, 17, 17]), 2);
        let always: Vec<u64> = (2..99).collect();
        assert_eq!(looks(&always), 1 + TRIMMED_MEANWHILE_MAX);
    }
}
