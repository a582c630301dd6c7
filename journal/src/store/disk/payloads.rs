//! Bodies that do not fit into a frame, each in a file with its hash for a name.

mod seen;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::base;
use super::files::{self, Unwritten};
use super::segment::{self, Flaw, Piece};
use super::store::Durability;
use crate::codec::{Aside, BODY_BYTES_MAX, Bodies, DecodeError, Kept, PayloadHash, PayloadProblem};
use crate::id::Seq;
use crate::store::contract::Cut;
use seen::Seen;

/// The folder of the bodies.
pub(super) const DIR: &str = "payloads";
/// Where a body stands until it is whole.
const DRAFT: &str = "draft";
/// Stands beside bodies that a session has left to the system and did not come to sync.
///
/// It need not be synced itself: what a power cut takes it from was taken from the system, too.
const UNSYNCED: &str = "unsynced";
/// Free bytes below which a journal with such bodies says that it has no room: as many as the ends
/// of 16 attempts may take.
const RESERVE_BYTES: u64 = 16 * BODY_BYTES_MAX as u64;

/// The bodies beside the segments of a journal.
#[derive(Debug, Clone)]
pub(super) struct Payloads {
    journal_dir: PathBuf,
    written: Arc<Mutex<Written>>,
    seen: Arc<Mutex<Seen>>,
    /// How a draft is made; a test makes it on a disk that is full.
    pub(super) make: fn(&Path) -> io::Result<File>,
}

/// What must not be collected although no frame that was seen refers to it.
#[derive(Debug, Default)]
struct Written {
    /// Kept for the commit that is under way, and for those since a collection began.
    fresh: HashSet<PayloadHash>,
    /// Collections under way.
    collections: u32,
    /// Whether the way to the folder is on the disk.
    is_folder_synced: bool,
    /// Whether there was any body since the opening.
    is_used: bool,
    /// Bytes of the bodies for which there was no space; 0 if there was for all.
    missing: u64,
    /// Whether the journal is being let go of: the next owner's bodies are not ours to judge.
    is_over: bool,
    /// Left to the system since the last sync; none as long as [`UNSYNCED`] is not there.
    unsynced: Option<HashSet<PayloadHash>>,
}

impl Payloads {
    pub(super) fn new(journal_dir: &Path) -> Self {
        Self {
            journal_dir: journal_dir.to_owned(),
            written: Arc::default(),
            seen: Arc::default(),
            make: files::create,
        }
    }

    fn folder(&self) -> PathBuf {
        self.journal_dir.join(DIR)
    }

    fn path(&self, hash: PayloadHash) -> PathBuf {
        self.folder().join(hash.to_string())
    }

    /// What is written; a panic elsewhere cannot have left it half-changed.
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps bodies for frames that are written next.
    ///
    /// # Durability
    /// They are on the disk when this returns, if that was asked for. Without space for one of them
    /// those in front of it may stay; nobody has to know.
    pub(super) fn keep(&self, bodies: &[Kept], durability: Durability) -> Result<(), Unwritten> {
        if bodies.is_empty() {
            return Ok(());
        }
        self.written().is_used = true;
        let mut left = bodies;
        let kept = self.prepare(bodies, durability).and_then(|()| {
            while let [kept, rest @ ..] = left {
                // First of all, so that no collection takes what is found there.
                self.written().fresh.insert(kept.aside.hash);
                self.keep_one(kept, durability)?;
                left = rest;
            }
            Ok(())
        });
        self.written().missing = left.iter().map(|kept| kept.body.len() as u64).sum();
        kept?;
        if durability == Durability::Power {
            files::sync_dir(&self.folder())?;
            if !self.written().is_folder_synced {
                files::sync_dir(&self.journal_dir)?;
                self.written().is_folder_synced = true;
            }
        }
        Ok(())
    }

    /// Makes the folder, and says in it what is left to the system.
    fn prepare(&self, bodies: &[Kept], durability: Durability) -> Result<(), Unwritten> {
        let made = files::make_private_dir(&self.folder()).and_then(|()| match durability {
            Durability::Power => Ok(()),
            Durability::Process => self.mark(bodies),
        });
        made.map_err(Unwritten::harmless)
    }

    fn keep_one(&self, kept: &Kept, durability: Durability) -> Result<(), Unwritten> {
        let path = self.path(kept.aside.hash);
        let must_sync = durability == Durability::Power;
        match self.body(kept.aside) {
            // Whoever left it there may not have synced it.
            Ok(found) if found == kept.body && must_sync => {
                return Ok(files::open(&path)?.sync_all()?);
            }
            Ok(found) if found == kept.body => return Ok(()),
            Ok(_) | Err(PayloadProblem::Changed) => self.quarantine(kept.aside.hash)?,
            Err(_) => {}
        }
        let written = self.draft(must_sync, |file| file.write_all(&kept.body));
        let named = written.and_then(|draft| fs::rename(draft, path));
        named.map_err(|error| {
            self.remove_draft();
            Unwritten::harmless(error)
        })
    }

    /// Writes a file that is no body yet, in the place of any other.
    fn draft(
        &self,
        must_sync: bool,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<PathBuf> {
        files::make_private_dir(&self.folder())?;
        let draft = self.folder().join(DRAFT);
        let mut file = (self.make)(&draft)?;
        write(&mut file)?;
        if must_sync {
            file.sync_all()?;
        }
        Ok(draft)
    }

    /// What stays is written over, or removed by the next opening.
    fn remove_draft(&self) {
        let _ = fs::remove_file(self.folder().join(DRAFT));
    }

    /// Remembers that bodies are left to the system.
    fn mark(&self, bodies: &[Kept]) -> io::Result<()> {
        let mut written = self.written();
        if written.unsynced.is_none() {
            files::create(&self.folder().join(UNSYNCED))?;
        }
        let unsynced = written.unsynced.get_or_insert_default();
        unsynced.extend(bodies.iter().map(|kept| kept.aside.hash));
        Ok(())
    }

    /// Syncs what was left to the system, before a segment is that refers to it.
    ///
    /// # Durability
    /// Every body that was kept is on the disk when this returns.
    pub(super) fn sync(&self) -> io::Result<()> {
        let unsynced = self.written().unsynced.as_mut().map(std::mem::take).unwrap_or_default();
        if unsynced.is_empty() { Ok(()) } else { self.sync_these(unsynced) }
    }

    /// Syncs what was left to the system by a session that ends here.
    pub(super) fn sync_at_end(&self) -> io::Result<()> {
        self.sync()?;
        self.unmark()
    }

    /// Syncs what was left to the system by a session that was killed.
    ///
    /// Nobody may be writing.
    pub(super) fn sync_left(&self) -> io::Result<()> {
        if !self.folder().join(UNSYNCED).exists() {
            return Ok(());
        }
        self.sync_these(self.list()?)?;
        self.unmark()
    }

    fn sync_these(&self, hashes: impl IntoIterator<Item = PayloadHash>) -> io::Result<()> {
        for hash in hashes {
            match files::open(&self.path(hash)) {
                // Nothing referred to it, and it was collected.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                file => file?.sync_all()?,
            }
        }
        files::sync_dir(&self.folder())?;
        files::sync_dir(&self.journal_dir)
    }

    fn unmark(&self) -> io::Result<()> {
        self.written().unsynced = None;
        files::remove(&self.folder().join(UNSYNCED))
    }

    /// Removes what was left half written, which nothing refers to.
    ///
    /// Nobody may be writing.
    pub(super) fn tidy(&self) -> io::Result<()> {
        files::remove(&self.folder().join(DRAFT))
    }

    /// Says that frames refer to everything that was kept.
    pub(super) fn settle(&self) {
        let mut written = self.written();
        if written.collections == 0 {
            written.fresh.clear();
        }
    }

    /// Moves a body that is not what was written out of the way, without losing it.
    pub(super) fn quarantine(&self, hash: PayloadHash) -> io::Result<()> {
        files::set_aside(&self.journal_dir, &self.path(hash), &format!("payload-{hash}"))
    }

    /// A piece as it was found, with a flaw if its body is lost.
    pub(super) fn vet(&self, piece: Piece) -> Piece {
        let aside = piece.seal.as_ref().ok().and_then(|seal| seal.aside);
        match aside.map_or(Ok(()), |aside| self.find(aside)) {
            Ok(()) => piece,
            Err(flaw) => Piece { seal: Err(flaw), ..piece },
        }
    }

    /// Looks whether a body is there, and what was written.
    pub(super) fn find(&self, aside: Aside) -> Result<(), Flaw> {
        aside.fetch(self).map(|_| ()).map_err(flaw)
    }

    /// Lets no collection remove anything from now on, also not one that is under way.
    ///
    /// To be called before the journal is let go of.
    pub(super) fn stop(&self) {
        self.written().is_over = true;
    }

    fn unless_over(&self) -> io::Result<MutexGuard<'_, Written>> {
        let written = self.written();
        if written.is_over { Err(ErrorKind::Interrupted.into()) } else { Ok(written) }
    }

    /// The bodies that the frames from `first` to `last` refer to; an error unless all of these are
    /// there, or if it is stopped.
    ///
    /// `frames` gives those from a position on. Each is read once in a session.
    pub(super) fn referenced<I: Iterator<Item = Piece>>(
        &self,
        frames: impl Fn(Seq) -> I,
        (first, last): (Seq, Seq),
        is_stopped: impl Fn() -> bool,
    ) -> io::Result<HashSet<PayloadHash>> {
        self.read(frames, (first, last), is_stopped)?;
        Ok(self.seen().referenced())
    }

    fn read<I: Iterator<Item = Piece>>(
        &self,
        frames: impl Fn(Seq) -> I,
        (first, last): (Seq, Seq),
        is_stopped: impl Fn() -> bool,
    ) -> io::Result<()> {
        while !self.seen().read_some(&frames, first, last)? {
            if is_stopped() {
                return Err(ErrorKind::Interrupted.into());
            }
        }
        Ok(())
    }

    /// What was read; a panic elsewhere cannot have left it half-changed.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the bytes of bodies to those of the frames behind each cut, as far as the frames can be
    /// read.
    pub(super) fn weigh<I: Iterator<Item = Piece>>(
        &self,
        cuts: &mut [Cut],
        frames: impl Fn(Seq) -> I,
        all: (Seq, Seq),
        is_stopped: impl Fn() -> bool,
    ) {
        if cuts.is_empty() || self.is_empty() {
            return;
        }
        // Behind damage, what was read before counts.
        let _ = self.read(frames, all, is_stopped);
        self.seen().weigh(cuts);
    }

    /// Removes bodies that no frame refers to.
    ///
    /// What is written meanwhile is spared, and so is what an intact frame of a segment or of a base
    /// in quarantine refers to.
    /// Tells how many were removed; an error if it was stopped.
    pub(super) fn collect(
        &self,
        referenced: impl FnOnce() -> io::Result<HashSet<PayloadHash>>,
    ) -> io::Result<usize> {
        self.written().collections += 1;
        let collected = referenced().and_then(|mut referenced| {
            self.add_quarantined(&mut referenced)?;
            self.remove_all_but(&referenced)
        });
        self.written().collections -= 1;
        collected
    }

    /// Adds what the frames in quarantine refer to, as far as they can be read.
    fn add_quarantined(&self, referenced: &mut HashSet<PayloadHash>) -> io::Result<()> {
        // Single segments lose their last letter on the way there.
        for name in [segment::DIR, "segment"].into_iter().chain(base::NAMES) {
            for file in files::quarantined(&self.journal_dir, name)? {
                for seal in segment::seals_in(&file)? {
                    drop(self.unless_over()?);
                    referenced.extend(seal?.aside.map(|aside| aside.hash));
                }
            }
        }
        Ok(())
    }

    fn remove_all_but(&self, referenced: &HashSet<PayloadHash>) -> io::Result<usize> {
        let mut removed = 0;
        for hash in self.list()?.into_iter().filter(|hash| !referenced.contains(hash)) {
            // Held over the removal, so that none comes once `stop` has returned.
            let written = self.unless_over()?;
            if !written.fresh.contains(&hash) {
                fs::remove_file(self.path(hash))?;
                removed += 1;
            }
            drop(written);
        }
        Ok(removed)
    }

    /// Whether there is space for bodies to come, apart from a reserve for what has begun.
    ///
    /// Unlike the segments, no file takes it in advance. A journal without any body needs none.
    pub(super) fn has_room(&self) -> bool {
        self.written().missing == 0 && self.has_reserve()
    }

    fn has_reserve(&self) -> bool {
        !self.written().is_used || is_enough(files::free_bytes(&self.journal_dir))
    }

    /// The same, once there is space for what had none: it is written, which a quota cannot hide.
    ///
    /// Nobody may be writing.
    pub(super) fn seek_room(&self) -> bool {
        let missing = self.written().missing;
        if missing > 0 && self.has_reserve() {
            let tried =
                self.draft(true, |file| io::copy(&mut io::repeat(0).take(missing), file).map(drop));
            self.remove_draft();
            if tried.is_ok() {
                self.written().missing = 0;
            }
        }
        self.has_room()
    }

    /// The same for a journal that may have bodies from earlier times.
    pub(super) fn opened(journal_dir: &Path) -> Self {
        let payloads = Self::new(journal_dir);
        payloads.written().is_used = !payloads.is_empty();
        payloads
    }

    /// Whether there is any body.
    pub(super) fn is_empty(&self) -> bool {
        self.list().is_ok_and(|found| found.is_empty())
    }

    fn list(&self) -> io::Result<Vec<PayloadHash>> {
        let entries = match fs::read_dir(self.folder()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            found.extend(entry?.file_name().to_str().and_then(PayloadHash::parse));
        }
        Ok(found)
    }
}

impl Bodies for Payloads {
    fn body(&self, aside: Aside) -> Result<Vec<u8>, PayloadProblem> {
        let mut body = Vec::new();
        // One byte more than there should be shows that there is more.
        let read = files::open(&self.path(aside.hash))
            .and_then(|file| file.take(u64::from(aside.bytes) + 1).read_to_end(&mut body));
        match read {
            Ok(bytes) if u32::try_from(bytes) == Ok(aside.bytes) => Ok(body),
            Ok(_) => Err(PayloadProblem::Changed),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(PayloadProblem::Missing),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(PayloadProblem::Changed),
            Err(error) => Err(PayloadProblem::Unreadable { said: error.to_string() }),
        }
    }
}

/// What the system does not tell is found out by the next commit.
fn is_enough(free_bytes: Option<u64>) -> bool {
    free_bytes.is_none_or(|bytes| bytes >= RESERVE_BYTES)
}

fn flaw(error: DecodeError) -> Flaw {
    match error {
        DecodeError::Payload { problem: PayloadProblem::Unreadable { said }, .. } => {
            Flaw::Other(io::Error::other(said))
        }
        error => Flaw::Frame(error),
    }
}

#[cfg(test)]
mod tests;
