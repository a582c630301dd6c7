//! The store itself: appends, reads, the end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;

use super::anchor::Anchor;
use super::checkpoint;
use super::error::OpenError;
use super::files::{Unwritten, journal_bytes};
use super::index::Index;
use super::lock::Lock;
use super::open::{Mended, Opened, Place, open};
use super::past::Past;
use super::patch::Patched;
use super::payloads::Payloads;
use super::segment::{self, Flaw, Map, Position, SegmentWriter};
use crate::event::Event;
use crate::id::Seq;
use crate::record::Record;
use crate::store::cache::{Cache, CacheError};
use crate::store::contract::{Cut, Scan, Store};
use crate::store::error::{AppendError, ReadError, TrimError};
use crate::store::tail::{Batch, Tail, Unread, excuse, record, records};
use crate::time::Timestamp;

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// A power cut: every commit is synced to the disk.
    #[default]
    Power,
    /// A killed process: commits are left to the system, which loses them when the power fails.
    Process,
}

/// What to do where no journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenMode {
    /// Make one, if the path leads to nothing or to an empty folder.
    CreateIfMissing,
    /// Refuse with [`OpenError::Missing`].
    Existing,
}

/// Keeps records on a disk.
///
/// Every record is in a segment file, and a little later in a database as well: what one of the
/// two loses is put together again from the other. A body that is too large for a frame is in a file
/// of its own, and nowhere else.
#[derive(Debug)]
pub struct DiskStore {
    location: String,
    dir: PathBuf,
    /// The last record that is durable.
    head: Arc<AtomicU64>,
    /// What that was when the journal was opened.
    opened_at: Seq,
    writer: Mutex<Writer>,
    map: Arc<Map>,
    payloads: Payloads,
    past: Past,
    index: Index,
    is_closed: AtomicBool,
    /// Whether the disk had no space for the next segment, or for what was to be added.
    is_scarce: AtomicBool,
    /// Whether damage was seen in front of the checkpoint.
    is_damaged: AtomicBool,
    mended: Option<Event>,
}

#[derive(Debug)]
struct Writer {
    tail: Tail,
    state: State,
    /// Kept between appends, so that none has to allocate.
    batch: Batch,
}

#[derive(Debug)]
enum State {
    Open(Disk),
    /// Holds on to the files: nobody else may write before they are let go.
    Poisoned(Disk),
    Closed,
}

/// The open files of a journal.
#[derive(Debug)]
struct Disk {
    segments: SegmentWriter,
    anchor: Anchor,
    durability: Durability,
    /// The last field: let go of when everything else is closed.
    lock: Lock,
}

impl DiskStore {
    /// Opens the journal in a folder, which no other store may have open.
    ///
    /// Reads and checks every record behind the last checkpoint. A torn end that was never
    /// acknowledged is cut off, and damage is mended from the other copy; both are recorded, and
    /// [`mended`](Self::mended) tells. A new journal gets its first record here.
    ///
    /// # Durability
    /// A journal that is made here is on the disk, whatever the durability, when this returns.
    ///
    /// # Errors
    /// [`OpenError`] says what is there instead, and what to do.
    pub fn open(
        dir: impl AsRef<Path>,
        mode: OpenMode,
        durability: Durability,
    ) -> Result<Self, OpenError> {
        let dir = dir.as_ref();
        let Opened { journal, mut writer, map, anchor, lock, tail, base, lost, mended } =
            open(dir, mode)?;
        let is_scarce = AtomicBool::new(!writer.has_room());
        let (map, head) = (Arc::new(map), Arc::new(AtomicU64::new(tail.head.get())));
        let past = Past::new(dir, journal, Arc::clone(&map), base);
        let payloads = Payloads::opened(dir);
        let index =
            Index::start(dir, journal, Arc::clone(&map), Arc::clone(&head), payloads.clone());
        let place = Place::new(dir);
        let index = place.io("start a thread", index)?;
        let disk = Disk { segments: writer, anchor, durability, lock };
        let writer = Writer { tail, state: State::Open(disk), batch: Batch::default() };
        let mut store = Self {
            location: dir.display().to_string(),
            dir: dir.to_owned(),
            head,
            opened_at: tail.head,
            writer: Mutex::new(writer),
            map,
            payloads,
            past,
            index,
            is_closed: AtomicBool::new(false),
            is_scarce,
            is_damaged: AtomicBool::new(false),
            mended: mended.as_ref().map(|mended| mended.event.clone()),
        };
        if let Some(Mended { event, is_recorded: false }) = mended {
            let at = Timestamp::from(Utc::now());
            let record = Record { seq: tail.head.next(), at, run: None, event };
            let recorded = store.append(tail.head, &[record]);
            recorded.map_err(|error| {
                place.failed("record what was mended", std::io::Error::other(error))
            })?;
            store.opened_at = store.head();
        }
        if store.mended.is_some() {
            place.io("write the base", store.tell())?;
        }
        if let Some(lost) = &lost {
            // Their loss is told, and that is on the disk.
            place.io("write the base", store.past.leave_out(lost))?;
        }
        Ok(store)
    }

    /// What the opening had to mend: a tail that was cut off, or damage.
    pub const fn mended(&self) -> Option<&Event> {
        self.mended.as_ref()
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Lets the next opening read everything, and mend what it finds: no checkpoint may stand in
    /// front of damage.
    fn distrust(&self) {
        if !self.is_damaged.swap(true, Ordering::Relaxed) {
            // One that stays is found out by the next scan.
            let _ = checkpoint::clear(&self.dir);
        }
    }

    /// A record of the database, if its body is there.
    fn record(&self, seq: Seq, frame: &[u8]) -> Option<Record> {
        record(seq, frame, &self.payloads).ok()
    }

    /// Makes sure that what stays is on the disk before anything else goes.
    fn settle(&self) -> Result<(), TrimError> {
        let mut writer = self.writer();
        let State::Open(disk) = &writer.state else { return Err(TrimError::Closed) };
        if disk.durability == Durability::Process
            && let Err(source) = self.payloads.sync().and_then(|()| disk.segments.sync())
        {
            writer.poison();
            return Err(TrimError::Io { location: self.location.clone(), source });
        }
        Ok(())
    }

    /// Writes down that a record tells what was lost, if anything was, once that is on the disk.
    fn tell(&self) -> std::io::Result<()> {
        self.settle().map_err(std::io::Error::other)?;
        self.past.tell()
    }

    /// The frame of a record that the segments have lost.
    fn other(&self, seq: Seq) -> Option<Vec<u8>> {
        // What was dropped meanwhile is not lost.
        if seq < self.first() {
            return None;
        }
        self.distrust();
        self.index.frame_at_last(seq)
    }

    /// Where a record ends.
    fn position(&self, seq: Seq) -> Option<Position> {
        let piece = self.map.frames_near(seq).find(|piece| piece.key >= seq)?;
        let seal = piece.seal.ok().filter(|seal| seal.seq == seq)?;
        let tail = Tail { head: seq, chain: seal.crc };
        let offset = piece.place.offset + piece.bytes.len() as u64;
        Some(Position { tail, end: segment::Place { offset, ..piece.place } })
    }
}

impl Store for DiskStore {
    fn head(&self) -> Seq {
        Seq::new(self.head.load(Ordering::Acquire))
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        let mut writer = self.writer();
        let Writer { tail, state, batch: frames } = &mut *writer;
        let disk = match state {
            State::Open(disk) => disk,
            State::Poisoned(_) => return Err(AppendError::Poisoned),
            State::Closed => return Err(AppendError::Closed),
        };
        let after = tail.encode(expected, batch, frames)?;
        if frames.bytes.is_empty() {
            return Ok(after.head);
        }
        match disk.commit(after, frames, &self.payloads) {
            Ok(begin) => {
                self.map.note(tail.head.next(), begin);
                self.map.note_end(disk.segments.end());
                let has_room = disk.segments.has_room() && self.payloads.has_room();
                self.is_scarce.store(!has_room, Ordering::Relaxed);
            }
            Err(Unwritten::NoRoom(source)) => {
                frames.aside.clear();
                self.is_scarce.store(true, Ordering::Relaxed);
                return Err(AppendError::NoRoom { location: self.location.clone(), source });
            }
            Err(Unwritten::Failed(source)) => {
                writer.poison();
                return Err(AppendError::Io { location: self.location.clone(), source });
            }
        }
        *tail = after;
        self.head.store(after.head.get(), Ordering::Release);
        self.payloads.settle();
        frames.aside.clear();
        drop(writer);
        self.index.nudge();
        Ok(after.head)
    }

    fn scan(&self, from: Seq) -> Scan<'_> {
        if self.is_closed() {
            return Box::new(std::iter::once(Err(ReadError::Closed)));
        }
        let (from, to) = (from.max(self.first()), self.head());
        let frames = Patched::new(self.map.frames_near(from), from, to, |seq| self.other(seq));
        // This is how the state is made anew; later, others look at what there is.
        let needs_all = from <= self.first() && to <= self.opened_at;
        let found = records(from, to, frames, self.payloads.clone());
        let found = excuse(found, || self.first());
        // Whoever still reads when the journal is let go of does not go on to its end.
        let mut is_over = false;
        let found = found.map_while(move |found| {
            let was_over = std::mem::replace(&mut is_over, self.is_closed());
            (!was_over).then_some(if is_over { Err(ReadError::Closed) } else { found })
        });
        Box::new(found.inspect(move |found| {
            // Without a body, whoever folds all records cannot go on; others can do without it.
            if needs_all && found.as_ref().is_err_and(ReadError::is_of_payload) {
                self.distrust();
            }
        }))
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        if self.is_closed() {
            return Err(ReadError::Closed);
        }
        if seq == Seq::ZERO || seq > self.head() {
            return Ok(None);
        }
        if seq < self.first() {
            return self.past.read(seq, &self.payloads);
        }
        if let Some(found) = self.index.frame(seq).and_then(|frame| self.record(seq, &frame)) {
            return Ok(Some(found));
        }
        match self.scan(seq).next().transpose()? {
            // It was dropped since: what comes first is another one.
            Some(found) if found.seq != seq => self.past.read(seq, &self.payloads),
            found => Ok(found),
        }
    }

    fn first(&self) -> Seq {
        self.map.first()
    }

    fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        self.past.residue()
    }

    fn scan_kept(&self) -> Scan<'_> {
        if self.is_closed() {
            return Box::new(std::iter::once(Err(ReadError::Closed)));
        }
        Box::new(self.past.scan(&self.payloads).inspect(|found| {
            // The same: whoever looks at all of them folds them.
            if found.as_ref().is_err_and(ReadError::is_of_payload) {
                self.distrust();
            }
        }))
    }

    fn cuts(&self) -> Vec<Cut> {
        let mut cuts = self.map.cuts();
        let (frames, all) = (|from| self.map.frames_near(from), (self.first(), self.head()));
        self.payloads.weigh(&mut cuts, frames, all, || self.is_closed());
        cuts
    }

    fn trim(&self, first: Seq, residue: &[u8], kept: &[Seq]) -> Result<(), TrimError> {
        self.settle()?;
        self.past.trim(first, residue, kept, &|seq| self.other(seq))?;
        self.index.nudge();
        Ok(())
    }

    fn has_room(&self) -> bool {
        !self.is_scarce.load(Ordering::Relaxed)
    }

    fn seek_room(&self) -> bool {
        let has_room = match &mut self.writer().state {
            State::Open(disk) => disk.segments.seek_room() && self.payloads.seek_room(),
            State::Poisoned(_) | State::Closed => true,
        };
        self.is_scarce.store(!has_room, Ordering::Relaxed);
        has_room
    }

    fn cache(&self) -> Option<&dyn Cache> {
        Some(&self.index)
    }

    fn save_checkpoint(&self, at: Seq, image: &[u8]) -> Result<(), CacheError> {
        if self.is_closed() {
            return Err(CacheError::Closed);
        }
        if self.is_damaged.load(Ordering::Relaxed) {
            let problem = "records in front of it are damaged; open the journal again to mend them";
            return Err(std::io::Error::other(problem).into());
        }
        let position = self.position(at).ok_or_else(|| {
            std::io::Error::other(format!("record {at} is not where it should be"))
        })?;
        Ok(checkpoint::save(&self.dir, position, image)?)
    }

    fn forget_checkpoint(&self) -> Result<(), CacheError> {
        if self.is_closed() {
            return Err(CacheError::Closed);
        }
        Ok(checkpoint::clear(&self.dir)?)
    }

    fn load_checkpoint(&self) -> Option<(Seq, Vec<u8>)> {
        let (position, image) = checkpoint::load(&self.dir)?;
        // One that speaks of another history is none.
        let ours = self.position(position.tail.head)?;
        (ours == position).then_some((position.tail.head, image))
    }

    fn disk_bytes(&self) -> Option<u64> {
        journal_bytes(&self.dir).ok()
    }

    fn location(&self) -> &str {
        &self.location
    }

    fn close(&self) {
        self.past.end(|| self.index.begin_to_close());
        let state = std::mem::replace(&mut self.writer().state, State::Closed);
        self.is_closed.store(true, Ordering::Release);
        self.index.close();
        match state {
            State::Open(disk) => disk.close(Some(&self.payloads)),
            State::Poisoned(disk) => disk.close(None),
            State::Closed => {}
        }
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl Writer {
    fn poison(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(disk) | State::Poisoned(disk) => State::Poisoned(disk),
            State::Closed => State::Closed,
        };
    }
}

impl Disk {
    /// Adds the frames of a batch; durable, and the anchor says so, when this returns.
    fn commit(
        &mut self,
        after: Tail,
        batch: &Batch,
        payloads: &Payloads,
    ) -> Result<segment::Place, Unwritten> {
        // No frame refers to what is not there.
        payloads.keep(&batch.aside, self.durability)?;
        if self.segments.is_full_for(&batch.bytes) {
            payloads.sync()?;
        }
        let begin = self.segments.append(&batch.bytes)?;
        if self.durability == Durability::Power {
            self.segments.sync()?;
        }
        self.anchor.write(after)?;
        Ok(begin)
    }

    /// Lets go of everything, the lock last; gives the bodies if it is sound.
    fn close(self, payloads: Option<&Payloads>) {
        let Self { segments, anchor, durability: _, lock } = self;
        if let Some(payloads) = payloads {
            // What stays marked is synced by the next opening.
            let _ = payloads.sync_at_end();
            segments.close();
            // Only saves the anchor itself; every record is durable already.
            let _ = anchor.sync();
        } else {
            segments.abandon();
        }
        drop(anchor);
        drop(lock);
    }
}

/// A piece as the walk along the chain takes it.
pub(super) fn keyed(piece: segment::Piece) -> (Seq, Result<Vec<u8>, Unread>) {
    let frame = match piece.seal {
        Ok(_) => Ok(piece.bytes),
        Err(Flaw::Frame(error)) => Err(Unread::Frame(error)),
        Err(Flaw::Foreign(problem)) => Err(Unread::Foreign(problem)),
        Err(Flaw::Other(error)) => Err(Unread::Io(error)),
    };
    (piece.key, frame)
}

#[cfg(all(test, target_os = "linux"))]
mod no_room;
#[cfg(all(test, unix))]
mod tests;
