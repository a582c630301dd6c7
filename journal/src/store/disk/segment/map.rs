//! Where records stand, roughly: enough to find any of them with a short walk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::frames::Frames;
use super::header::{Place, SegmentFile};
use crate::id::Seq;

/// Bytes between two records whose places are remembered.
const STRIDE_BYTES: u64 = 64 * 1024;

/// The segments of a journal that is open, with the places of some records.
#[derive(Debug)]
pub(in crate::store::disk) struct Map {
    dir: PathBuf,
    journal: Uuid,
    marks: Mutex<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    places: BTreeMap<Seq, Place>,
    segments: Vec<SegmentFile>,
}

impl Map {
    pub(in crate::store::disk) fn new(
        dir: &Path,
        journal: Uuid,
        segments: Vec<SegmentFile>,
    ) -> Self {
        let marks = Mutex::new(Marks { places: BTreeMap::new(), segments });
        Self { dir: dir.to_owned(), journal, marks }
    }

    /// Remembers where a record begins, unless one close before it is known.
    pub(in crate::store::disk) fn note(&self, seq: Seq, place: Place) {
        let mut marks = self.marks();
        let before = marks.places.range(..=seq).next_back().map(|(_, place)| *place);
        let is_far = before.is_none_or(|before| {
            before.ordinal != place.ordinal || before.offset + STRIDE_BYTES <= place.offset
        });
        if is_far {
            marks.places.insert(seq, place);
        }
        if marks.segments.last().is_none_or(|last| last.ordinal < place.ordinal) {
            marks.segments.push(SegmentFile::new(&self.dir, place.ordinal));
        }
    }

    /// Frames from the last known place in front of a record on.
    pub(in crate::store::disk) fn frames_near(&self, seq: Seq) -> Frames {
        let marks = self.marks();
        let near = marks.places.range(..=seq).next_back().or_else(|| marks.places.iter().next());
        let (next, place) = near.map_or((Seq::new(1), Place::start_of(0)), |(s, p)| (*s, *p));
        Frames::new(self.journal, marks.segments.iter().cloned(), place, next)
    }

    /// The marks; a panic elsewhere cannot have left them half-changed.
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
