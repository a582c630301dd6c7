//! Following a journal while somebody writes to it.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::anchor;
use super::base::{self, Origin};
use super::error::OpenError;
use super::lock::Lock;
use super::open::Place;
use super::payloads::Payloads;
use super::segment::{self, Frames, Piece, SegmentFile};
use super::snapshot::Snapshot;
use super::store::keyed;
use crate::codec::{self, Seal};
use crate::event::Event;
use crate::id::Seq;
use crate::record::Record;
use crate::store::error::ReadError;
use crate::store::tail::{Found, Walk};

/// Bytes of records after which a poll ends, so that none holds a long journal in memory.
const POLL_BYTES: usize = 1024 * 1024;
/// Polls that find something else than they should, before it is taken for damage.
///
/// Whoever mends a journal replaces files of it, and is given the time.
const PATIENCE: u32 = 8;

/// Reads a journal on and on, as it grows. Takes no lock and changes nothing.
///
/// Never sleeps: whoever polls decides how often. A poll that finds nothing new reads 1 KiB.
#[derive(Debug)]
pub struct Follow {
    dir: PathBuf,
    journal: Uuid,
    payloads: Payloads,
    /// Where it began; nothing in front of it is ever given.
    begin: Seq,
    walk: Walk,
    /// Where the next frame should begin; none if it has to be searched for.
    place: Option<segment::Place>,
    /// Polls in a row that did not find what the head speaks of.
    troubles: u32,
    /// What the head spoke of at the last poll, if that was less than was given.
    set_back: Option<Seq>,
    /// Records of mended damage that were given, by position and checksum.
    mended: Vec<(Seq, u32)>,
    /// How far the journal goes if its head cannot be read and nobody writes.
    closed_at: Option<Seq>,
}

/// What a poll found.
#[derive(Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are records")]
pub enum News {
    /// The next record; it is acknowledged.
    Record(Record),
    /// Records that were acknowledged and cannot be shown.
    Unreadable(ReadError),
    /// The next records were dropped by retention; what follows goes on at `first`.
    Trimmed {
        /// The next record, from which on none was dropped.
        first: Seq,
    },
    /// The files were replaced by others with the same records; what follows goes on at `from`.
    Replaced {
        /// The next record.
        from: Seq,
    },
    /// Records that were given are not part of the journal any more: damage was mended with a loss.
    Rewritten {
        /// The first of them; what is given next stands in its place.
        from: Seq,
        /// The last of them.
        to: Seq,
    },
}

impl Follow {
    /// Begins to follow the journal in a folder with the record at `from`.
    ///
    /// A position behind the end is waited for.
    ///
    /// # Errors
    /// [`OpenError`] if there is no journal.
    pub fn open(journal: &Path, from: Seq) -> Result<Self, OpenError> {
        let place = Place::new(journal);
        let id = place.journal()?.ok_or_else(|| place.missing())?;
        let walk = Walk::new(from);
        Ok(Self {
            dir: journal.to_owned(),
            journal: id,
            payloads: Payloads::new(journal),
            begin: walk.next,
            walk,
            place: None,
            troubles: 0,
            set_back: None,
            mended: Vec::new(),
            closed_at: None,
        })
    }

    /// What was acknowledged since the last poll, oldest first; empty if nothing was.
    ///
    /// Gives about 1 MiB at most: poll again at once if something came.
    ///
    /// # Errors
    /// [`OpenError`] if the journal is gone or cannot be read.
    pub fn poll(&mut self) -> Result<Vec<News>, OpenError> {
        let Some((head, chain)) = self.acknowledged()? else { return Ok(Vec::new()) };
        let last = self.last();
        let is_other = chain.zip(self.walk.chain).is_some_and(|(theirs, ours)| theirs != ours);
        let is_set_back = self.begin <= last && (head < last || head == last && is_other);
        let set_back = is_set_back.then_some(head);
        if self.set_back.is_some_and(|before| set_back != Some(before)) {
            // Something happened to it: worth another look, however long it has been like this.
            self.troubles = 1;
        }
        self.set_back = set_back;
        if head <= last && !is_set_back {
            self.troubles = 0;
            return Ok(Vec::new());
        }
        let mut news = Vec::new();
        if head > last {
            if self.place.is_none() {
                if let Some(trimmed) = self.skip_trimmed(head) {
                    return Ok(vec![trimmed]);
                }
                self.locate()?;
            }
            news = self.read(head, Trust::Chain)?;
        }
        if news.is_empty()
            && let Some(trimmed) = self.skip_trimmed(head)
        {
            news.push(trimmed);
        }
        if news.is_empty() {
            return self.wonder(head);
        }
        self.troubles = 0;
        Ok(news)
    }

    /// The last record that was given, or that stands in front of the first.
    fn last(&self) -> Seq {
        Seq::new(self.walk.next.get() - 1)
    }

    /// How far the journal is acknowledged, with the checksum of the last record.
    fn acknowledged(&mut self) -> Result<Option<(Seq, Option<u32>)>, OpenError> {
        let place = Place::new(&self.dir);
        if let Some(tail) = place.io("read the head", anchor::read(&self.dir))? {
            return Ok(Some((tail.head, Some(tail.chain))));
        }
        // Half written just now, or lost: a journal that nobody writes to tells by itself.
        place.journal()?.ok_or_else(|| place.missing())?;
        if self.closed_at.is_none() && !Lock::is_held(&self.dir) {
            self.closed_at = Some(Snapshot::take(&self.dir)?.whole());
        }
        Ok(self.closed_at.map(|head| (head, None)))
    }

    fn segments(&self, origin: Origin) -> Result<Vec<SegmentFile>, OpenError> {
        Place::new(&self.dir).io("list the segments", origin.segments(&self.dir))
    }

    /// Where the journal begins now.
    fn origin(&self) -> Origin {
        base::first_in(&self.dir, self.journal).unwrap_or(Origin::CREATION)
    }

    /// All frames.
    fn frames(&self) -> Result<Frames, OpenError> {
        let origin = self.origin();
        Ok(origin.frames(self.journal, self.segments(origin)?))
    }

    /// Goes on behind the records that were dropped, if the next one is among them.
    fn skip_trimmed(&mut self, head: Seq) -> Option<News> {
        let origin = self.origin();
        if origin.first <= self.walk.next || origin.first > head {
            return None;
        }
        self.walk = Walk::behind(origin.tail());
        self.place = Some(origin.position().end);
        Some(News::Trimmed { first: origin.first })
    }

    /// Reads on from where it stands.
    fn read(&mut self, head: Seq, trust: Trust) -> Result<Vec<News>, OpenError> {
        let Some(from) = self.place else {
            let may_skip = trust == Trust::Nothing;
            let gap = may_skip.then(|| self.walk.skip_to(head.next())).flatten();
            return Ok(gap.map(News::Unreadable).into_iter().collect());
        };
        let segments = self.segments(Origin::CREATION)?;
        let mut frames = Frames::new(self.journal, segments, from, self.walk.next);
        let (mut news, mut bytes) = (Vec::new(), 0);
        // What stands in front of a record may be spoiled without the record being so.
        let reached = |walk: &Walk| match trust {
            Trust::Chain => walk.next > head,
            Trust::Nothing => walk.seen >= head,
        };
        while !reached(&self.walk) && bytes < POLL_BYTES {
            let Some(piece) = frames.next().filter(|piece| piece.key <= head) else {
                if trust == Trust::Nothing {
                    news.extend(self.walk.skip_to(head.next()).map(News::Unreadable));
                }
                break;
            };
            if trust == Trust::Chain && !continues(&self.walk, &piece) {
                break;
            }
            if let Ok(seal) = &piece.seal {
                bytes += piece.bytes.len() + body_bytes(seal);
                self.place = Some(end_of(&piece));
                let frame = Ok::<_, crate::store::tail::Unread>(piece.bytes);
                let found = self.walk.step(piece.key, frame, &self.payloads);
                self.note(&found, seal.crc);
                news.extend(found.into_iter().map(News::from));
            } else {
                let (key, frame) = keyed(piece);
                news.extend(self.walk.step(key, frame, &self.payloads).into_iter().map(News::from));
            }
        }
        Ok(news)
    }

    /// Remembers records of mended damage.
    fn note(&mut self, found: &[Found], crc: u32) {
        if let Some(Ok(Record { seq, event: Event::JournalRecovered(_), .. })) = found.last() {
            self.mended.push((*seq, crc));
        }
    }

    /// Finds out why what the head speaks of is not where it should be.
    fn wonder(&mut self, head: Seq) -> Result<Vec<News>, OpenError> {
        self.troubles = self.troubles.saturating_add(1);
        // The head may be seen while it is written, and all of the journal is to be read here.
        if self.troubles < 2 || !self.troubles.is_power_of_two() {
            return Ok(Vec::new());
        }
        let before = self.place;
        match self.locate()? {
            Located::Here if self.place != before => {
                Ok(vec![News::Replaced { from: self.walk.next }])
            }
            Located::Rewritten if self.begin <= self.last() => self.go_back(head),
            _ if self.troubles >= PATIENCE && head >= self.walk.next => {
                let news = self.read(head, Trust::Nothing)?;
                self.troubles = if news.is_empty() { self.troubles } else { 0 };
                Ok(news)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Looks for the place behind the last record that was given.
    fn locate(&mut self) -> Result<Located, OpenError> {
        let (last, chain) = (self.last(), self.walk.chain);
        if last == Seq::ZERO {
            self.place = Some(self.origin().position().end);
            return Ok(Located::Here);
        }
        let mut is_empty = true;
        let mut is_shorter = true;
        for piece in self.frames()? {
            is_empty = false;
            is_shorter &= piece.key < last;
            let Ok(seal) = &piece.seal else { continue };
            if seal.seq == last && chain.is_some_and(|chain| chain != seal.crc) {
                return Ok(Located::Rewritten);
            }
            if seal.seq == last {
                self.walk.chain = Some(seal.crc);
                self.place = Some(end_of(&piece));
                return Ok(Located::Here);
            }
            if seal.seq > last {
                // Behind damage, the next record that is there is as good a place as any.
                self.place = self.place.or(Some(piece.place));
                break;
            }
        }
        // Without any segment somebody is just putting others in their place.
        Ok(if is_shorter && !is_empty { Located::Rewritten } else { Located::Nowhere })
    }

    /// Goes back to where the journal is not any more what was given.
    fn go_back(&mut self, head: Seq) -> Result<Vec<News>, OpenError> {
        let to = self.last();
        let mends = self.frames()?.filter_map(|piece| {
            let (seq, crc) = (piece.key, piece.seal.ok()?.crc);
            let record = codec::decode(seq, &piece.bytes, &self.payloads).ok()?.record;
            matches!(record.event, Event::JournalRecovered(_)).then_some((seq, crc))
        });
        let mut mends = mends.filter(|mend| (self.begin..=to).contains(&mend.0));
        let new = mends.find(|mend| !self.mended.contains(mend));
        // Without one, an older copy was put in its place.
        let from = new.map_or_else(|| self.walk.next.min(head.next()), |(seq, _)| seq);
        self.mended.retain(|mend| mend.0 < from);
        self.walk = Walk::new(from);
        self.place = None;
        self.troubles = 0;
        Ok(vec![News::Rewritten { from, to }])
    }
}

/// What is taken while reading on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Only what continues the record before.
    Chain,
    /// Whatever stands there, with errors for what should.
    Nothing,
}

/// Where the last record that was given stands.
#[derive(Debug, PartialEq, Eq)]
enum Located {
    Here,
    /// It cannot be read, or nothing can.
    Nowhere,
    /// Another one stands in its place, or none.
    Rewritten,
}

impl From<Found> for News {
    fn from(found: Found) -> Self {
        found.map_or_else(Self::Unreadable, Self::Record)
    }
}

fn continues(walk: &Walk, piece: &Piece) -> bool {
    piece.seal.as_ref().is_ok_and(|seal| {
        seal.seq == walk.next && walk.chain.is_none_or(|chain| chain == seal.link.chain)
    })
}

/// Bytes of the body that are not in the frame.
fn body_bytes(seal: &Seal) -> usize {
    seal.aside.map_or(0, |aside| usize::try_from(aside.bytes).unwrap_or(usize::MAX))
}

fn end_of(piece: &Piece) -> segment::Place {
    let offset = piece.place.offset + piece.bytes.len() as u64;
    segment::Place { offset, ..piece.place }
}
