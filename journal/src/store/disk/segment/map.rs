//! Where records stand, roughly: enough to find any of them with a short walk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::frames::Frames;
use super::header::{Place, SegmentFile};
use super::writer::Position;
use crate::id::Seq;
use crate::store::contract::Cut;

/// Bytes between two records whose places are remembered.
const STRIDE_BYTES: u64 = 64 * 1024;

/// The segments of a journal that is open, with the places of some records.
#[derive(Debug)]
pub(in crate::store::disk) struct Map {
    dir: PathBuf,
    journal: Uuid,
    /// The first record.
    first: AtomicU64,
    marks: Mutex<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    places: BTreeMap<Seq, Place>,
    segments: Vec<SegmentFile>,
    /// Segments that hold records, by their ordinals.
    spans: BTreeMap<u64, Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    /// The record that it begins with.
    first: Seq,
    /// Where its records end.
    end: u64,
}

impl Map {
    pub(in crate::store::disk) fn new(
        dir: &Path,
        journal: Uuid,
        first: Seq,
        segments: Vec<SegmentFile>,
    ) -> Self {
        let marks = Marks { segments, ..Marks::default() };
        let first = AtomicU64::new(first.get());
        Self { dir: dir.to_owned(), journal, first, marks: Mutex::new(marks) }
    }

    /// The first record.
    pub(in crate::store::disk) fn first(&self) -> Seq {
        Seq::new(self.first.load(Ordering::Acquire))
    }

    /// Remembers where a record begins, unless one close before it is known.
    pub(in crate::store::disk) fn note(&self, seq: Seq, place: Place) {
        let mut marks = self.marks();
        let before = marks.places.range(..=seq).next_back().map(|(_, place)| *place);
        let is_far = before.is_none_or(|before| {
            before.ordinal != place.ordinal || before.offset + STRIDE_BYTES <= place.offset
        });
        if is_far {
            // A second one is a copy.
            let known = marks.places.entry(seq).or_insert(place);
            *known = place.min(*known);
        }
        if marks.segments.last().is_none_or(|last| last.ordinal < place.ordinal) {
            marks.segments.push(SegmentFile::new(&self.dir, place.ordinal));
        }
        if place == Place::start_of(place.ordinal) {
            marks.spans.insert(place.ordinal, Span { first: seq, end: place.offset });
        }
    }

    /// Remembers where the records of a segment end.
    pub(in crate::store::disk) fn note_end(&self, end: Place) {
        if let Some(span) = self.marks().spans.get_mut(&end.ordinal) {
            span.end = span.end.max(end.offset);
        }
    }

    /// Forgets what was seen behind the end of the journal.
    pub(in crate::store::disk) fn end_at(&self, end: Position) {
        let mut marks = self.marks();
        let behind = |seq: Seq| seq > end.tail.head;
        marks.places.retain(|seq, place| !behind(*seq) && *place < end.end);
        marks.spans.retain(|ordinal, span| !behind(span.first) && *ordinal <= end.end.ordinal);
        marks.segments.retain(|segment| segment.ordinal <= end.end.ordinal);
        for segment in marks.segments.clone() {
            // Segments behind which others begin were cut to what they hold.
            let bytes = fs::metadata(&segment.path).map_or(0, |found| found.len());
            if let Some(span) = marks.spans.get_mut(&segment.ordinal) {
                span.end = if segment.ordinal == end.end.ordinal { end.end.offset } else { bytes };
            }
        }
    }

    /// Where the journal can be trimmed, oldest first.
    pub(in crate::store::disk) fn cuts(&self) -> Vec<Cut> {
        let (first, mut bytes_behind) = (self.first(), 0);
        let mut cuts = Vec::new();
        for (ordinal, span) in self.marks().spans.iter().rev() {
            bytes_behind += span.end.saturating_sub(Place::start_of(*ordinal).offset);
            if span.first > first {
                cuts.push(Cut { first: span.first, bytes_behind });
            }
        }
        cuts.reverse();
        cuts
    }

    /// The segment that begins with a record, if it is not the first one.
    pub(in crate::store::disk) fn segment_from(&self, seq: Seq) -> Option<u64> {
        let is_behind = seq > self.first();
        let marks = self.marks();
        let mut found = marks.spans.iter().filter(|(_, span)| is_behind && span.first == seq);
        found.next().map(|(ordinal, _)| *ordinal)
    }

    /// Forgets everything in front of a record that a segment begins with; gives those in front.
    pub(in crate::store::disk) fn trim(&self, first: Seq, ordinal: u64) -> Vec<SegmentFile> {
        let mut marks = self.marks();
        marks.places = marks.places.split_off(&first);
        marks.spans = marks.spans.split_off(&ordinal);
        let at = marks.segments.partition_point(|segment| segment.ordinal < ordinal);
        let behind = marks.segments.split_off(at);
        self.first.store(first.get(), Ordering::Release);
        std::mem::replace(&mut marks.segments, behind)
    }

    /// The last record in front of another one whose place is known.
    pub(in crate::store::disk) fn mark_before(&self, seq: Seq) -> Option<Seq> {
        self.marks().places.range(..=seq).next_back().map(|(seq, _)| *seq)
    }

    /// Frames from the last known place in front of a record on.
    pub(in crate::store::disk) fn frames_near(&self, seq: Seq) -> Frames {
        let marks = self.marks();
        let near = marks.places.range(..=seq).next_back().or_else(|| marks.places.iter().next());
        let begin = || (self.first(), Place::start_of(0));
        let (next, place) = near.map_or_else(begin, |(s, p)| (*s, *p));
        Frames::new(self.journal, marks.segments.iter().cloned(), place, next)
    }

    /// Keeps everybody else from asking, as long as what it gives lives.
    #[cfg(test)]
    pub(in crate::store::disk) fn hold(&self) -> impl Drop + '_ {
        self.marks()
    }

    /// The marks; a panic elsewhere cannot have left them half-changed.
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
