//! Putting segments together again when some of them are damaged.
//!
//! The longest chain that can be proven is written anew, out of what the segments and the database
//! have; what was there before is kept in quarantine.

use std::fs;
use std::io;
use std::path::Path;

use chrono::Utc;
use uuid::Uuid;

use super::base::{Base, Origin};
use super::files;
use super::index::{self, Rescue};
use super::payloads::Payloads;
use super::segment::{self, Frames, Piece, Place, Position, SegmentFile, SegmentWriter};
use super::store::Durability;
use crate::codec::{self, Aside, DecodeError, Kept, PayloadProblem};
use crate::event::{Event, JournalRecovered, RecoveryMethod};
use crate::id::Seq;
use crate::record::Record;
use crate::store::tail::{Batch, Tail};
use crate::time::Timestamp;

/// The folder in which the new segments are made; complete once it has lost this name.
const DRAFT: &str = "segments-new";
/// Stands in the draft once it is complete.
const DONE: &str = "COMPLETE";
/// Where the copy of the database is, for as long as it is asked.
const SCRATCH: &str = "rescue";
/// Frames are written in groups of so many bytes.
const GROUP_BYTES: usize = 64 * 1024;

/// What could be put together again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rebuilt {
    pub(super) whole: Position,
    /// What was lost for good, if anything.
    lost: Option<(Seq, Seq)>,
    /// What tells it, which is the last record.
    pub(super) event: JournalRecovered,
}

/// What tells of a loss, if there is one.
pub(super) type Tell<'a> = &'a dyn Fn(Option<(Seq, Seq)>, RecoveryMethod) -> JournalRecovered;

/// Writes the longest provable chain as the segments of another folder, and what tells of it.
fn rebuild(
    from: &Path,
    journal: Uuid,
    to: &Path,
    origin: Origin,
    durable: Seq,
    tell: Tell<'_>,
) -> io::Result<Option<Rebuilt>> {
    // sled writes to what it opens, and shortens it where the disk fails: it gets a copy.
    let scratch = to.join(SCRATCH);
    files::copy(&from.join(index::DIR), &scratch.join(index::DIR))?;
    let rescue = Rescue::open(&scratch, journal)?;
    let writer = SegmentWriter::create(to, journal, origin.ordinal)?;
    let mut chain = Chain::new(writer, origin, Payloads::new(from));
    let (lost, method) = gather(from, journal, origin, durable, &rescue, &mut chain)?;
    drop(rescue);
    files::remove_all(&scratch)?;
    if chain.tail == origin.tail() {
        return chain.end().map(|_| None);
    }
    let event = tell(lost, method);
    chain.record(event.clone().into())?;
    Ok(Some(Rebuilt { whole: chain.end()?, lost, event }))
}

/// Adds the longest provable chain of a journal to an empty one; tells what is lost.
pub(super) fn gather(
    from: &Path,
    journal: Uuid,
    origin: Origin,
    durable: Seq,
    rescue: &Rescue,
    chain: &mut Chain,
) -> io::Result<(Option<(Seq, Seq)>, RecoveryMethod)> {
    let frames = origin.frames(journal, origin.segments(from)?);
    let mut seen = durable;
    let mut unreadable = None;
    let payloads = chain.payloads.clone();
    for piece in frames.map(|piece| payloads.vet(piece)) {
        if let Err(flaw) = &piece.seal {
            unreadable = unreadable.or_else(|| flaw.of_disk());
        }
        seen = seen.max(piece.key);
        chain.take(&piece, rescue)?;
    }
    // What the segments have lost at their end the database may still have.
    chain.fill(seen.next(), rescue)?;
    let head = chain.tail.head;
    let lost = (head < seen).then(|| (head.next(), seen));
    if let Some(said) = unreadable.filter(|_| lost.is_some()) {
        // Once the disk answers again, it may all be there.
        return Err(io::Error::other(said));
    }
    let method = if chain.filled { RecoveryMethod::Index } else { RecoveryMethod::Prefix };
    Ok((lost, method))
}

/// A chain of frames that is being written.
pub(super) struct Chain {
    writer: SegmentWriter,
    pub(super) tail: Tail,
    /// Whole batches, unless they are the last ones: none is split between segments.
    group: Vec<u8>,
    filled: bool,
    /// Where the bodies are that are not in the frames.
    payloads: Payloads,
    /// Where they go, if that is another place.
    carried_to: Option<Payloads>,
}

impl Chain {
    /// One that begins where a journal begins, and whose bodies are kept in some place; those that
    /// do not fit into a frame.
    pub(super) fn new(writer: SegmentWriter, origin: Origin, payloads: Payloads) -> Self {
        let (tail, group) = (origin.tail(), Vec::new());
        Self { writer, tail, group, filled: false, payloads, carried_to: None }
    }

    /// The same for frames of another journal, whose bodies come along.
    pub(super) fn carried_from(self, from: Payloads) -> Self {
        Self { carried_to: Some(self.payloads), payloads: from, ..self }
    }

    /// Takes the bodies along that the kept frames of a base refer to, as far as they are there.
    pub(super) fn carry_kept(&self, base: &Base) -> io::Result<()> {
        for found in base.kept(Seq::ZERO) {
            let (_, frame) = found?;
            if let Some(aside) = codec::claim_aside(&frame) {
                self.carry(aside)?;
            }
        }
        Ok(())
    }

    /// Makes sure that the body which a frame refers to is there, and where the frame goes.
    fn carry(&self, aside: Aside) -> io::Result<bool> {
        let body = match aside.fetch(&self.payloads) {
            Ok(body) => body,
            Err(DecodeError::Payload { problem: PayloadProblem::Unreadable { said }, .. }) => {
                return Err(io::Error::other(said));
            }
            Err(_) => return Ok(false),
        };
        if let Some(to) = &self.carried_to {
            to.keep(&[Kept { aside, body }], Durability::Power)?;
        }
        Ok(true)
    }

    /// Takes a piece that continues the chain; one that comes later, once the gap is filled.
    fn take(&mut self, piece: &Piece, rescue: &Rescue) -> io::Result<()> {
        let Ok(seal) = &piece.seal else { return Ok(()) };
        if seal.seq > self.tail.head.next() {
            self.fill(seal.seq, rescue)?;
        }
        self.push(seal.seq, &piece.bytes).map(|_| ())
    }

    /// Takes the records before `end` from the database, as far as they continue the chain.
    fn fill(&mut self, end: Seq, rescue: &Rescue) -> io::Result<()> {
        while self.tail.head.next() < end {
            let next = self.tail.head.next();
            match rescue.frame(next)? {
                Some(frame) if self.push(next, &frame)? => self.filled = true,
                _ => break,
            }
        }
        Ok(())
    }

    /// Adds a frame if it is the next one; tells whether it was.
    pub(super) fn push(&mut self, seq: Seq, frame: &[u8]) -> io::Result<bool> {
        let seal = codec::check(seq, frame)
            .ok()
            .filter(|seal| seq == self.tail.head.next() && seal.link.chain == self.tail.chain);
        let Some(seal) = seal else { return Ok(false) };
        if !seal.aside.map_or(Ok(true), |aside| self.carry(aside))? {
            return Ok(false);
        }
        self.tail = Tail { head: seq, chain: seal.crc };
        self.group.extend_from_slice(frame);
        if seal.is_last && self.group.len() >= GROUP_BYTES {
            self.writer.append(&self.group)?;
            self.group.clear();
        }
        Ok(true)
    }

    /// Adds a record of an event.
    pub(super) fn record(&mut self, event: Event) -> io::Result<()> {
        let (tail, at) = (self.tail, Timestamp::from(Utc::now()));
        let record = Record { seq: tail.head.next(), at, run: None, event };
        let mut batch = Batch::default();
        tail.encode(tail.head, &[record], &mut batch).map_err(io::Error::other)?;
        if self.push(tail.head.next(), &batch.bytes)? {
            return Ok(());
        }
        Err(io::Error::other("what tells of it does not continue the records"))
    }

    /// Writes what is left, synced; gives the end.
    pub(super) fn end(mut self) -> io::Result<Position> {
        if !self.group.is_empty() {
            self.writer.append(&self.group)?;
        }
        self.writer.sync()?;
        let whole = Position { tail: self.tail, end: self.writer.end() };
        self.writer.close();
        Ok(whole)
    }
}

/// Replaces damaged segments by what can be put together; the old ones go into quarantine.
///
/// The last of the new records tells what is lost: nothing else may know of it after a crash.
/// Touches nothing and gives none if not even the first record can be read.
pub(super) fn replace(
    dir: &Path,
    journal: Uuid,
    origin: Origin,
    durable: Seq,
    tell: Tell<'_>,
) -> io::Result<Option<Rebuilt>> {
    let draft = dir.join(DRAFT);
    let attempt = || {
        files::remove_all(&draft)?;
        segment::create_dir(&draft)?;
        rebuild(dir, journal, &draft, origin, durable, tell)
    };
    let mut rebuilt = attempt()?;
    if rebuilt.as_ref().is_none_or(|rebuilt| rebuilt.lost.is_some()) {
        // sled takes an error of the disk for the end of its log now and then: it is asked anew.
        rebuilt = attempt()?;
    }
    let Some(rebuilt) = rebuilt else {
        files::remove_all(&draft)?;
        return Ok(None);
    };
    files::create(&draft.join(DONE))?.sync_all()?;
    files::sync_dir(&draft)?;
    // What was derived from the damaged segments may say more than the new ones do.
    super::checkpoint::clear(dir)?;
    if dir.join(segment::DIR).exists() {
        files::quarantine(dir, segment::DIR)?;
    }
    finish(dir)?;
    if rebuilt.lost.is_some() && dir.join(index::DIR).exists() {
        // It may hold what was derived from records that are no longer there. After a crash in front
        // of this it is found not to belong to the new segments.
        files::quarantine(dir, index::DIR)?;
    }
    Ok(Some(rebuilt))
}

/// Ends a replacement that was cut short; one that was not complete is begun anew.
pub(super) fn finish(dir: &Path) -> io::Result<()> {
    let draft = dir.join(DRAFT);
    if draft.join(DONE).exists() && !dir.join(segment::DIR).exists() {
        fs::rename(draft.join(segment::DIR), dir.join(segment::DIR))?;
        files::sync_dir(dir)?;
    }
    files::remove_all(&draft)
}

/// Segments of a journal with the first record of each, as far as it can be read.
pub(super) fn starts(journal: Uuid, segments: &[SegmentFile]) -> Vec<(Seq, Place)> {
    let first_of = |segment: &SegmentFile| {
        let place = Place::start_of(segment.ordinal);
        let mut frames = Frames::new(journal, [segment.clone()], place, Seq::new(1));
        frames.next().filter(|piece| piece.seal.is_ok()).map(|piece| (piece.key, place))
    };
    segments.iter().filter_map(first_of).collect()
}

/// Removes the segments that a trimming dropped and did not come to remove.
pub(super) fn remove_dropped(dir: &Path, journal: Uuid, origin: Origin) -> io::Result<()> {
    let mut dropped = segment::list(dir)?;
    dropped.retain(|segment| segment.ordinal < origin.ordinal);
    for segment in &dropped {
        // One that is not ours was not dropped by us.
        if segment.is_of(journal) {
            fs::remove_file(&segment.path)?;
        } else {
            files::set_aside(dir, &segment.path, "segment")?;
        }
    }
    if dropped.is_empty() { Ok(()) } else { files::sync_dir(&dir.join(segment::DIR)) }
}
