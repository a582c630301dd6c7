//! Opening a journal: never makes one where one was expected, never shortens one in silence.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use chrono::Utc;
use uuid::Uuid;

use super::anchor::{self, Anchor};
use super::base::{self, Base, Bases, Lost, Origin};
use super::checkpoint;
use super::error::OpenError;
use super::files::{self, Folder};
use super::index::{self, Rescue};
use super::lock::{Lock, LockError};
use super::payloads::Payloads;
use super::recover::{self, Rebuilt};
use super::segment::{self, Flaw, Frames, Map, Position, SegmentWriter, Survey, Worth, survey};
use super::store::OpenMode;
use crate::codec::PayloadHash;
use crate::event::{Event, JournalRecovered, RecoveryMethod, TailCut};
use crate::id::Seq;
use crate::store::tail::{Batch, Tail, first_record};
use crate::time::Timestamp;

/// A journal that is ready for writing.
pub(super) struct Opened {
    pub(super) journal: Uuid,
    pub(super) writer: SegmentWriter,
    pub(super) map: Map,
    pub(super) anchor: Anchor,
    pub(super) lock: Lock,
    pub(super) tail: Tail,
    /// What stands for the records that were dropped.
    pub(super) base: Option<Base>,
    /// Kept records that are to be left out of that once their loss is recorded.
    pub(super) lost: Option<Lost>,
    /// What the opening did.
    pub(super) mended: Option<Mended>,
}

/// What an opening did.
#[derive(Debug)]
pub(super) struct Mended {
    pub(super) event: Event,
    /// Whether it is the last record already.
    pub(super) is_recorded: bool,
}

/// Opens the journal in a folder, or makes it if the mode allows that.
pub(super) fn open(dir: &Path, mode: OpenMode) -> Result<Opened, OpenError> {
    let place = Place::new(dir);
    let may_create = mode == OpenMode::CreateIfMissing;
    if place.journal()?.is_none() && !may_create {
        return Err(place.missing());
    }
    if may_create {
        place.io("make the folder", make_folder(dir))?;
    }
    let lock = place.lock(Lock::exclusive(dir))?;
    // Another process may have made the journal while this one waited for the lock.
    match place.journal()? {
        Some(journal) => reopen(&place, journal, lock),
        None => create(&place, lock),
    }
}

fn make_folder(dir: &Path) -> io::Result<()> {
    match files::look(dir)? {
        Folder::Journal { .. } => Ok(()),
        _ => files::make_private_dir(dir),
    }
}

fn create(place: &Place, lock: Lock) -> Result<Opened, OpenError> {
    let dir = place.dir.as_path();
    place.io("prepare the folder", files::prepare(dir))?;
    let journal = Uuid::new_v4();
    let first = first_record(journal, Timestamp::from(Utc::now()));
    let mut batch = Batch::default();
    let tail = Tail::default()
        .encode(Seq::ZERO, &[first], &mut batch)
        .map_err(|error| place.failed("write the first record", io::Error::other(error)))?;

    let mut writer = place.io("make a segment", SegmentWriter::create(dir, journal, 1))?;
    let begin =
        place.io("write the first record", writer.append(&batch.bytes).map_err(Into::into))?;
    place.io("sync the first record", writer.sync())?;
    let anchor = place.io("write the head", Anchor::create(dir, tail))?;
    place.io("sync the folder", files::sync_created(dir))?;
    place.io("write the marker", files::write_marker(dir, journal))?;
    place.io("sync the folder", files::finish(dir))?;
    let map = Map::new(dir, journal, tail.head, Vec::new());
    map.note(tail.head, begin);
    map.note_end(writer.end());
    let (base, lost, mended) = (None, None, None);
    Ok(Opened { journal, writer, map, anchor, lock, tail, base, lost, mended })
}

fn reopen(place: &Place, journal: Uuid, lock: Lock) -> Result<Opened, OpenError> {
    let dir = place.dir.as_path();
    place.io("sync the folder", files::finish(dir))?;
    place.io("end a repair", recover::finish(dir))?;
    place.io("remove a draft", Payloads::new(dir).tidy())?;
    place.io("sync the payloads", Payloads::new(dir).sync_left())?;
    place.io("end a trimming", base::remove_drafts(dir))?;
    place.io("end a renewal of the index", index::settle(dir))?;
    let mut bases = place.bases(journal)?;
    let known = place.io("read the head", anchor::read(dir))?;
    // Without it the other copy says how far the journal went at least.
    let known = match known {
        None => {
            let rescue = Rescue::open(dir, journal).and_then(|rescue| rescue.tail());
            place.io("read the index", rescue)?
        }
        known => known,
    };
    let checkpoint = checkpoint::position(dir);
    // A checkpoint is written once its record is durable.
    let kept = checkpoint.map(|position| position.tail);
    let known = known.into_iter().chain(kept).max_by_key(|tail| tail.head);
    let mut found = place.survey(journal, bases.origin(), known, checkpoint)?;
    let (mut mended, mut is_recorded) = (None, false);
    if let (Worth::Torn { .. }, Some(said)) = (&found.survey.worth, &found.survey.unreadable) {
        // What cannot be read just now must not be cut off.
        return Err(place.failed("read the segments", io::Error::other(said.clone())));
    }
    match found.survey.worth.clone() {
        Worth::Whole => {}
        Worth::Torn { to, problem, .. } => mended = Some(TailCut { to, problem }.into()),
        Worth::Damaged { problem, .. } => {
            let (whole, event) = mend(place, journal, &mut bases, known, &found, problem)?;
            is_recorded = event.is_recorded;
            (found, mended) = (whole, Some(event.event));
        }
        Worth::Newer { problem } => return Err(place.newer(problem)),
    }
    let lost = place.lost_of_kept(&bases, &found)?;
    let mended = tell_untold(&bases, mended).map(|event| Mended { event, is_recorded });
    let mended = lost.as_ref().map(|lost| tell_lost(lost, mended.as_ref())).or(mended);
    let Found { segments, map, survey, .. } = found;
    let end = survey.whole.end;
    let writer = place
        .io("go on in the last segment", SegmentWriter::resume(dir, journal, &segments, end))?;
    let mut anchor = place.io("open the head", Anchor::reopen(dir, survey.whole.tail))?;
    place.io("write the head", anchor.write(survey.whole.tail))?;
    if is_recorded {
        // What it said before may be of records that are lost, which is told by now.
        let written = anchor.write(survey.whole.tail).and_then(|()| anchor.sync());
        place.io("write the head", written)?;
    }
    place.io("write both copies of the base", bases.mend(dir))?;
    place.io("remove what was dropped", recover::remove_dropped(dir, journal, bases.origin()))?;
    map.end_at(survey.whole);
    let (tail, base) = (survey.whole.tail, bases.base);
    Ok(Opened { journal, writer, map, anchor, lock, tail, base, lost, mended })
}

/// Adds the loss of kept records to what is to be recorded, or has it recorded by itself.
fn tell_lost(lost: &Lost, mended: Option<&Mended>) -> Mended {
    let also = mended.filter(|mended| !mended.is_recorded).map(|mended| mended.event.clone());
    Mended { event: lost.tell(also), is_recorded: false }
}

/// Puts a damaged journal together again, and says what is lost.
fn mend(
    place: &Place,
    journal: Uuid,
    bases: &mut Bases,
    known: Option<Tail>,
    damaged: &Found,
    problem: String,
) -> Result<(Found, Mended), OpenError> {
    let (dir, origin, durable) = (place.dir.as_path(), bases.origin(), damaged.survey.durable);
    let tell = |lost: Option<(Seq, Seq)>, method| {
        let ((lost_from, lost_to), problem) = (lost.unzip(), problem.clone());
        also_untold(bases, JournalRecovered { lost_from, lost_to, method, problem })
    };
    let rebuilt = recover::replace(dir, journal, origin, durable, &tell);
    if let Some(Rebuilt { whole, event, .. }) = place.io("put it together again", rebuilt)? {
        for hash in &damaged.changed {
            place.io("move a payload aside", Payloads::new(dir).quarantine(*hash))?;
        }
        let mut found = place.survey(journal, origin, None, None)?;
        // A batch of which only the beginning is left still counts.
        found.survey.whole = whole;
        return Ok((found, Mended { event: event.into(), is_recorded: true }));
    }
    let orphaned = base::orphaned(journal, &damaged.segments).filter(|_| bases.base.is_none());
    let Some(origin) = orphaned else {
        return Err(place.lost(journal, &damaged.segments, problem));
    };
    // What stood for the first records is gone in both copies; what came later is not.
    let problem = nothing_in_front_of(origin);
    place.io("write the base", bases.lose(dir, journal, origin))?;
    *bases = place.bases(journal)?;
    let found = place.survey(journal, origin, known, None)?;
    if let Worth::Damaged { problem, .. } = found.survey.worth.clone() {
        return mend(place, journal, bases, known, &found, problem);
    }
    // What is lost is told because the base says so.
    let (lost_from, lost_to, method) = (None, None, RecoveryMethod::Prefix);
    let event = JournalRecovered { lost_from, lost_to, method, problem };
    Ok((found, Mended { event: event.into(), is_recorded: false }))
}

/// Adds the loss of the first records to what is told, if no record tells it yet.
fn tell_untold(bases: &Bases, mended: Option<Event>) -> Option<Event> {
    if bases.untold().is_none() {
        return mended;
    }
    let event = match mended {
        Some(Event::JournalRecovered(event)) => event,
        // A torn end was never acknowledged: the loss says more.
        _ => JournalRecovered {
            lost_from: None,
            lost_to: None,
            method: RecoveryMethod::Prefix,
            problem: nothing_in_front_of(bases.origin()),
        },
    };
    Some(also_untold(bases, event).into())
}

fn also_untold(bases: &Bases, mut event: JournalRecovered) -> JournalRecovered {
    if let Some((from, to)) = bases.untold() {
        (event.lost_from, event.lost_to) = (Some(from), event.lost_to.max(Some(to)));
    }
    event
}

fn nothing_in_front_of(origin: Origin) -> String {
    format!("nothing stands for the records in front of {}", origin.first)
}

/// Segments as they were found.
struct Found {
    segments: Vec<segment::SegmentFile>,
    map: Map,
    survey: Survey,
    /// Bodies that are not what was written.
    changed: BTreeSet<PayloadHash>,
    /// Whether every record was read, as no checkpoint stands for any.
    is_all: bool,
}

/// The folder that all errors of an opening name.
pub(super) struct Place {
    dir: PathBuf,
    location: String,
}

impl Place {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), location: dir.display().to_string() }
    }

    /// The journal, if there is one; what is neither that nor room for one is an error.
    pub(super) fn journal(&self) -> Result<Option<Uuid>, OpenError> {
        match self.io("look into the folder", files::look(&self.dir))? {
            Folder::Journal { journal } => Ok(Some(journal)),
            Folder::Missing | Folder::Unmade => Ok(None),
            Folder::Newer { format } => Err(self.newer(format!("format {format}"))),
            Folder::Foreign { problem } => {
                Err(OpenError::Foreign { location: self.location.clone(), problem })
            }
        }
    }

    /// Reads what stands for the records that were dropped.
    pub(super) fn bases(&self, journal: Uuid) -> Result<Bases, OpenError> {
        let bases = self.io("read the base", base::look(&self.dir, journal))?;
        bases.newer.clone().map_or(Ok(bases), |problem| Err(self.newer(problem)))
    }

    /// Reads the bodies of kept records if all others were read; those that are not what was
    /// written go into quarantine.
    fn lost_of_kept(&self, bases: &Bases, found: &Found) -> Result<Option<Lost>, OpenError> {
        let Some(base) = bases.base.as_ref().filter(|_| found.is_all) else { return Ok(None) };
        let payloads = Payloads::new(&self.dir);
        let lost = self.io("read the payloads", Lost::look(base, &payloads))?;
        if let Some(lost) = &lost {
            // What was derived from them says more than is left.
            self.io("forget the checkpoint", checkpoint::clear(&self.dir))?;
            for hash in lost.changed() {
                self.io("move a payload aside", payloads.quarantine(hash))?;
            }
        }
        Ok(lost)
    }

    /// Reads the segments: what is behind the checkpoint, or all of them if it does not fit.
    fn survey(
        &self,
        journal: Uuid,
        origin: Origin,
        anchor: Option<Tail>,
        checkpoint: Option<Position>,
    ) -> Result<Found, OpenError> {
        let segments = self.io("list the segments", origin.segments(&self.dir))?;
        let starts = recover::starts(journal, &segments);
        let is_dense = starts.len() + 1 >= segments.len()
            && starts.first().is_some_and(|first| first.0 == origin.first);
        let map = Map::new(&self.dir, journal, origin.first, segments.clone());
        for (seq, place) in &starts {
            map.note(*seq, *place);
        }
        let is_there = |from: &Position| {
            segment::ends_with(&segments, journal, from.end, from.tail.chain).unwrap_or(false)
        };
        if let Some(from) = checkpoint.filter(|from| is_dense && is_there(from)) {
            let (survey, changed) = self.read(journal, &segments, from, origin.first, anchor, &map);
            if matches!(survey.worth, Worth::Whole | Worth::Torn { .. }) {
                return Ok(Found { segments, map, survey, changed, is_all: false });
            }
        }
        let from = origin.position();
        let (survey, changed) = self.read(journal, &segments, from, origin.first, anchor, &map);
        Ok(Found { segments, map, survey, changed, is_all: true })
    }

    /// Reads frames from a position on, and the bodies that are not in them.
    fn read(
        &self,
        journal: Uuid,
        segments: &[segment::SegmentFile],
        from: Position,
        first: Seq,
        anchor: Option<Tail>,
        map: &Map,
    ) -> (Survey, BTreeSet<PayloadHash>) {
        let next = from.tail.head.next();
        let frames = Frames::new(journal, segments.iter().cloned(), from.end, next);
        let payloads = Payloads::new(&self.dir);
        let mut changed = BTreeSet::new();
        let vetted = frames.map(|piece| payloads.vet(piece)).inspect(|piece| {
            changed.extend(piece.seal.as_ref().err().and_then(Flaw::changed_payload));
        });
        let survey = survey(vetted, from, first, anchor, |seq, place| map.note(seq, place));
        (survey, changed)
    }

    pub(super) fn lock<T>(&self, result: Result<T, LockError>) -> Result<T, OpenError> {
        result.map_err(|error| match error {
            LockError::Held { pid } => OpenError::Locked { location: self.location.clone(), pid },
            LockError::Io(source) => self.failed("take the lock", source),
        })
    }

    pub(super) fn io<T>(
        &self,
        action: &'static str,
        result: io::Result<T>,
    ) -> Result<T, OpenError> {
        result.map_err(|source| self.failed(action, source))
    }

    pub(super) fn missing(&self) -> OpenError {
        OpenError::Missing { location: self.location.clone() }
    }

    /// Nothing can be read under this name; what was written under another one is not lost.
    pub(super) fn lost(
        &self,
        journal: Uuid,
        segments: &[segment::SegmentFile],
        problem: String,
    ) -> OpenError {
        if let Some(other) = segment::named_by_all(segments).filter(|other| *other != journal) {
            let problem = format!(
                "its {} file names journal {journal}, its segments are of {other}",
                files::MARKER
            );
            return OpenError::Foreign { location: self.location.clone(), problem };
        }
        OpenError::Lost { location: self.location.clone(), problem }
    }

    pub(super) fn failed(&self, action: &'static str, source: io::Error) -> OpenError {
        OpenError::Io { location: self.location.clone(), action, source }
    }

    pub(super) fn newer(&self, problem: String) -> OpenError {
        OpenError::NewerFormat { location: self.location.clone(), problem }
    }
}

#[cfg(test)]
mod tests;
