//! What stands in front of the records that are all there, and how more of them get there.

use std::fs;
use std::io;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use uuid::Uuid;

use super::base::{self, Base, Head, Kept, Loss, Lost, Origin};
use super::files;
use super::payloads::Payloads;
use super::segment::{self, Frames, Map};
use crate::codec;
use crate::id::Seq;
use crate::record::Record;
use crate::store::contract::Scan;
use crate::store::error::{ReadError, TrimError};
use crate::store::tail::{Found, record};

/// What a journal that is open has dropped, and what it kept of that.
#[derive(Debug)]
pub(super) struct Past {
    dir: PathBuf,
    journal: Uuid,
    map: Arc<Map>,
    base: RwLock<Option<Arc<Base>>>,
    /// One at a time.
    trimming: Mutex<()>,
    is_ending: AtomicBool,
}

impl Past {
    pub(super) fn new(dir: &Path, journal: Uuid, map: Arc<Map>, base: Option<Base>) -> Self {
        let base = RwLock::new(base.map(Arc::new));
        let (trimming, is_ending) = (Mutex::new(()), AtomicBool::new(false));
        Self { dir: dir.to_owned(), journal, map, base, trimming, is_ending }
    }

    /// What stands for the records that were dropped.
    pub(super) fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        self.base().map_or(Ok(None), |base| residue(&base).map(Some))
    }

    /// The records that were kept, oldest first.
    pub(super) fn scan(&self, payloads: &Payloads) -> Scan<'static> {
        match self.base() {
            Some(base) => {
                let map = Arc::clone(&self.map);
                Box::new(scan(&base, payloads, move || map.first()))
            }
            None => Box::new(std::iter::empty()),
        }
    }

    /// A record in front of the first one.
    pub(super) fn read(&self, seq: Seq, payloads: &Payloads) -> Result<Option<Record>, ReadError> {
        loop {
            let base = self.base();
            let frame = base.as_ref().map_or(Ok(None), |base| base.frame(seq));
            let Some(frame) = frame.map_err(|source| ReadError::Io { seq, source })? else {
                return Err(ReadError::Trimmed { seq, first: self.map.first() });
            };
            let found = record(seq, &frame, payloads).map(Some);
            let origin = base.as_ref().map(|base| base.origin());
            // A body that is gone with a later trim is not lost.
            if found.is_ok() || origin == self.base().as_ref().map(|base| base.origin()) {
                return found;
            }
        }
    }

    /// Writes down that a record tells what was lost, if anything was.
    pub(super) fn tell(&self) -> io::Result<()> {
        let head = self.base().map(|base| *base.head());
        match head.filter(|head| head.loss == Some(Loss::Untold)) {
            Some(head) => base::lose(&self.dir, self.journal, head.origin, Loss::Told),
            None => Ok(()),
        }
    }

    /// Leaves out what is lost, which a record tells by now; a copy of the file goes into quarantine.
    pub(super) fn leave_out(&self, lost: &Lost) -> io::Result<()> {
        let Some(base) = self.base() else { return Ok(()) };
        files::keep_copy(&self.dir, base::NAME)?;
        lost.leave_out(&base, &self.dir)?;
        let base = self.read_again(base.origin())?;
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(base));
        Ok(())
    }

    /// Drops the records in front of a cut; `other` has those that the segments have lost.
    pub(super) fn trim(
        &self,
        first: Seq,
        residue: &[u8],
        kept: &[Seq],
        other: &dyn Fn(Seq) -> Option<Vec<u8>>,
    ) -> Result<(), TrimError> {
        let _one = self.trimming.lock().unwrap_or_else(PoisonError::into_inner);
        // Behind the lock: once `end` has returned, the journal may belong to somebody else.
        self.unless_ending().map_err(|failure| self.told(failure))?;
        let ordinal = self.map.segment_from(first).ok_or(TrimError::NoCut { first })?;
        let older = self.base().map(|base| base.kept(Seq::ZERO).peekable());
        let mut keeping = Keeping { past: self, older, other, first, frames: None };
        let chain = keeping.link(first).map_err(|failure| self.told(failure))?;
        let head = Head::new(self.journal, Origin { first, ordinal, chain });
        let mut before = Seq::ZERO;
        let frames = kept.iter().map(|seq| {
            self.unless_ending()?;
            if *seq <= before {
                return Err(Failure::Kept(ReadError::Duplicate { seq: *seq }));
            }
            before = *seq;
            keeping.take(*seq).map_err(Failure::Kept)
        });
        let last_word = std::iter::once_with(|| self.unless_ending());
        let frames = frames.chain(last_word.filter_map(|word| word.err().map(Err)));
        base::replace(&self.dir, head, residue, frames).map_err(|failure| self.told(failure))?;
        let switched = self.switch(Origin { first, ordinal, chain });
        switched.map_err(|error| self.told(Failure::Io(error)))
    }

    /// Lets go of what the new file does without, once it was read again.
    ///
    /// Bodies that only the dropped records referred to are collected by the thread of the index.
    fn switch(&self, origin: Origin) -> io::Result<()> {
        let base = self.read_again(origin)?;
        let dropped = {
            // Held over both: whoever sees the new file sees where the journal begins by now.
            let mut counts = self.base.write().unwrap_or_else(PoisonError::into_inner);
            *counts = Some(Arc::new(base));
            self.map.trim(origin.first, origin.ordinal)
        };
        // What cannot be removed now is removed by the next opening.
        for segment in dropped {
            let _ = fs::remove_file(&segment.path);
        }
        let _ = files::sync_dir(&self.dir.join(segment::DIR));
        Ok(())
    }

    fn read_again(&self, origin: Origin) -> io::Result<Base> {
        let bases = base::look(&self.dir, self.journal)?;
        bases.base.filter(|base| base.origin() == origin).ok_or_else(|| {
            let problem = "what was written reads as something else";
            io::Error::new(io::ErrorKind::InvalidData, problem)
        })
    }

    /// Waits for a trimming that is under way; none begins from now on.
    ///
    /// `wake` is for one that waits for something else.
    pub(super) fn end(&self, wake: impl FnOnce()) {
        self.is_ending.store(true, Ordering::Relaxed);
        wake();
        drop(self.trimming.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn unless_ending(&self) -> Result<(), Failure> {
        if self.is_ending.load(Ordering::Relaxed) { Err(Failure::Closed) } else { Ok(()) }
    }

    fn base(&self) -> Option<Arc<Base>> {
        self.base.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn told(&self, failure: Failure) -> TrimError {
        match failure {
            // Who is told to end does not get what is missing.
            Failure::Kept(_) if self.unless_ending().is_err() => TrimError::Closed,
            Failure::Closed => TrimError::Closed,
            Failure::Kept(error) => TrimError::Kept(error),
            Failure::Io(source) => {
                TrimError::Io { location: self.dir.display().to_string(), source }
            }
        }
    }
}

enum Failure {
    Closed,
    Kept(ReadError),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the frames of single records, oldest first.
struct Keeping<'a> {
    past: &'a Past,
    /// What was kept before.
    older: Option<Peekable<Kept>>,
    /// What the segments have lost.
    other: &'a dyn Fn(Seq) -> Option<Vec<u8>>,
    /// The first record that stays.
    first: Seq,
    /// Where the last frame was found, and the next one to look at.
    frames: Option<(Seq, Frames)>,
}

impl Keeping<'_> {
    /// The checksum that the frame of a record continues.
    fn link(&mut self, seq: Seq) -> Result<u32, Failure> {
        let frame = self.find(seq).map_err(Failure::Kept)?;
        let seal = codec::check(seq, &frame);
        let seal = seal.map_err(|source| ReadError::Undecodable { seq, source });
        Ok(seal.map_err(Failure::Kept)?.link.chain)
    }

    fn take(&mut self, seq: Seq) -> Result<Vec<u8>, ReadError> {
        let gone = || ReadError::Trimmed { seq, first: self.past.map.first() };
        if seq == Seq::ZERO || seq >= self.first {
            return Err(gone());
        }
        if seq >= self.past.map.first() {
            return self.find(seq);
        }
        let is_before =
            |found: &io::Result<(Seq, Vec<u8>)>| found.as_ref().is_ok_and(|(at, _)| *at < seq);
        let older = self.older.as_mut();
        let found = older.and_then(|older| {
            while older.next_if(is_before).is_some() {}
            older.next_if(|found| found.as_ref().map_or(true, |(at, _)| *at == seq))
        });
        match found {
            Some(Ok((_, frame))) => Ok(frame),
            Some(Err(source)) => Err(ReadError::Io { seq, source }),
            None => Err(gone()),
        }
    }

    /// The frame of a record that was not dropped yet.
    fn find(&mut self, seq: Seq) -> Result<Vec<u8>, ReadError> {
        let mark = self.past.map.mark_before(seq).unwrap_or(Seq::ZERO);
        // On from where the last one was, unless a known place is nearer.
        let (mut at, mut frames) = match self.frames.take() {
            Some((at, frames)) if at <= seq && at >= mark => (at, frames),
            _ => (Seq::ZERO, self.past.map.frames_near(seq)),
        };
        let mut found = None;
        while at <= seq {
            let Some(piece) = frames.next() else { break };
            at = piece.key.next();
            if piece.key >= seq {
                found = piece.seal.ok().filter(|seal| seal.seq == seq).map(|_| piece.bytes);
                break;
            }
        }
        self.frames = Some((at, frames));
        let is_whole = |frame: &Vec<u8>| codec::check(seq, frame).is_ok();
        found
            .or_else(|| (self.other)(seq).filter(is_whole))
            .ok_or(ReadError::Gap { from: seq, to: seq })
    }
}

/// What stands for the records that were dropped.
pub(super) fn residue(base: &Base) -> Result<Vec<u8>, ReadError> {
    let (seq, to) = (Seq::new(1), base.origin().tail().head);
    let residue = base.residue().map_err(|source| ReadError::Io { seq, source })?;
    residue.ok_or(ReadError::Gap { from: seq, to })
}

/// The records that were kept, oldest first.
///
/// Says of a body that is gone that its record was dropped, if the journal begins later by now.
pub(super) fn scan<F: Fn() -> Seq>(
    base: &Base,
    payloads: &Payloads,
    first: F,
) -> impl Iterator<Item = Found> + use<F> {
    let (mut before, payloads, began) = (Seq::ZERO, payloads.clone(), base.origin().first);
    base.kept(Seq::ZERO).map(move |found| {
        let (seq, frame) = found.map_err(|source| ReadError::Io { seq: before.next(), source })?;
        before = seq;
        record(seq, &frame, &payloads).map_err(|error| match first() {
            first if first > began && error.is_of_payload() => ReadError::Trimmed { seq, first },
            _ => error,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader takes residue and kept records, and then asks whether the journal was trimmed.
    #[test]
    fn nobody_sees_what_a_trimming_wrote_before_it_is_known_where_the_journal_begins() {
        let home = tempfile::tempdir().expect("a folder");
        let (dir, journal) = (home.path(), Uuid::from_u128(1));
        segment::create_dir(dir).expect("made");
        let map = Arc::new(Map::new(dir, journal, Seq::new(1), Vec::new()));
        let past = Past::new(dir, journal, Arc::clone(&map), None);
        let origin = Origin { first: Seq::new(5), ordinal: 2, chain: 7 };
        base::lose(dir, journal, origin, Loss::Told).expect("written");
        std::thread::scope(|scope| {
            let marks = map.hold();
            let switching = scope.spawn(|| past.switch(origin));
            // Until it waits for the map.
            let seen = loop {
                match past.base.try_read() {
                    Ok(base) if base.is_none() => std::thread::yield_now(),
                    Ok(_) => break Some(map.first()),
                    Err(_) => break None,
                }
            };
            drop(marks);
            switching.join().expect("no panic").expect("switched");
            assert_eq!(seen, None, "the new file without where it begins");
        });
        assert_eq!(
            (past.base().map(|base| base.origin()), map.first()),
            (Some(origin), origin.first)
        );
    }

    #[test]
    fn nothing_is_trimmed_once_the_journal_is_let_go_of() {
        let home = tempfile::tempdir().expect("a folder");
        let map = Map::new(home.path(), Uuid::nil(), Seq::new(1), Vec::new());
        let cut = Seq::new(5);
        map.note(cut, segment::Place::start_of(2));
        let past = Past::new(home.path(), Uuid::nil(), Arc::new(map), None);
        past.end(|| ());
        let refused = past.trim(cut, b"rest", &[], &|_| None);
        assert!(matches!(refused, Err(TrimError::Closed)), "{refused:?}");
    }
}
