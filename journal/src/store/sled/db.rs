//! The only file that calls sled: every call guarded against panics, every error an [`io::Error`].
//!
//! An error of kind [`InvalidData`](io::ErrorKind::InvalidData) means that the database is damaged.

use std::io::{self, ErrorKind};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::thread;
use std::time::Instant;

use super::lock::{PATIENCE, PAUSE};
use crate::codec::Encoded;
use crate::id::Seq;

/// Replay reads the records once, from the first to the last: a cache helps little.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
const TREE: &[u8] = b"records";
/// Largest number of keys that are looked for one by one behind a page that cannot be read.
const MISSES_MAX: u32 = 100_000;

/// The file that sled flushes to.
pub(super) const LOG: &str = "db";
/// The file that sled keeps its settings in.
pub(super) const CONF: &str = "conf";

/// The tree of frames under their positions.
#[derive(Clone)]
pub(super) struct Db {
    records: sled::Tree,
    db: sled::Db,
}

impl std::fmt::Debug for Db {
    /// sled's own form prints the pages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").finish_non_exhaustive()
    }
}

impl Db {
    /// Opens the database, or makes one in an empty folder.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let began = Instant::now();
        loop {
            match Self::try_open(dir) {
                // sled lets go of its own lock a little after its last handle is gone.
                Err(error)
                    if error.kind() == ErrorKind::WouldBlock && began.elapsed() < PATIENCE =>
                {
                    thread::sleep(PAUSE);
                }
                result => return result,
            }
        }
    }

    /// On a thread of its own, since sled needs more stack on a damaged log than a caller may have.
    fn try_open(dir: &Path) -> io::Result<Self> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .use_compression(false)
            .mode(sled::Mode::HighThroughput);
        let open = move || {
            let db = config.open()?;
            let records = db.open_tree(TREE)?;
            Ok(Self { records, db })
        };
        let thread =
            thread::Builder::new().name("journal-open".to_owned()).spawn(|| guarded(open))?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the opening thread ended early")))
    }

    /// Adds frames as one; durable against a killed process when this returns.
    pub(super) fn commit(&self, frames: &[(Seq, Encoded)]) -> io::Result<()> {
        guarded(|| {
            let mut batch = sled::Batch::default();
            for (seq, frame) in frames {
                batch.insert(&seq.get().to_be_bytes(), frame.bytes.as_slice());
            }
            self.records.apply_batch(batch)?;
            self.records.flush().map(|_| ())
        })
    }

    /// Removes everything from a position on.
    pub(super) fn cut(&self, from: Seq) -> io::Result<()> {
        guarded(|| {
            for key in self.records.range(from.get().to_be_bytes()..).keys() {
                self.records.remove(key?)?;
            }
            self.records.flush().map(|_| ())
        })
    }

    /// The frame under a position.
    pub(super) fn get(&self, seq: Seq) -> io::Result<Option<Frame>> {
        guarded(|| self.records.get(seq.get().to_be_bytes())).map(|found| found.map(Frame))
    }

    /// The last position under which anything stands.
    pub(super) fn last(&self) -> io::Result<Option<Seq>> {
        guarded(|| self.records.last())?.map(|(key, _)| position(&key)).transpose()
    }

    /// Everything between two positions, in order, with an error for what cannot be read.
    pub(super) fn frames(
        &self,
        from: Seq,
        to: Seq,
    ) -> impl Iterator<Item = (Seq, io::Result<Frame>)> + Send + use<> {
        Frames { db: self.clone(), next: from.max(Seq::new(1)), to, iter: None, is_single: false }
    }

    /// Lets go of the database; sled may panic here when its last sync fails.
    pub(super) fn close(self) {
        let Self { records, db } = self;
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(records)));
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(db)));
    }
}

/// The bytes under a position.
#[derive(Debug)]
pub(super) struct Frame(sled::IVec);

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Walks over the frames in order; behind a page that cannot be read, from key to key.
struct Frames {
    db: Db,
    next: Seq,
    to: Seq,
    iter: Option<sled::Iter>,
    is_single: bool,
}

impl Frames {
    fn walk(&mut self) -> Option<(Seq, io::Result<Frame>)> {
        let (records, from) = (&self.db.records, self.next.get().to_be_bytes());
        let iter = self.iter.get_or_insert_with(|| records.range(from..));
        let next = guarded(|| iter.next().transpose());
        match next.and_then(|found| found.map(|(k, v)| Ok((position(&k)?, v))).transpose()) {
            Ok(Some((key, _))) if key > self.to => None,
            Ok(Some((key, frame))) => {
                self.next = key.next();
                Some((key, Ok(Frame(frame))))
            }
            Ok(None) => None,
            Err(_) => {
                self.is_single = true;
                self.iter = None;
                self.ask()
            }
        }
    }

    fn ask(&mut self) -> Option<(Seq, io::Result<Frame>)> {
        for _ in 0..MISSES_MAX {
            if self.next > self.to {
                return None;
            }
            let key = self.next;
            self.next = key.next();
            if let Some(found) = self.db.get(key).transpose() {
                return Some((key, found));
            }
        }
        None
    }
}

impl Iterator for Frames {
    type Item = (Seq, io::Result<Frame>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_single { self.ask() } else { self.walk() }
    }
}

/// The last position is none, since nothing could follow it.
fn position(key: &[u8]) -> io::Result<Seq> {
    match <[u8; 8]>::try_from(key).map(u64::from_be_bytes) {
        Ok(key) if key < u64::MAX => Ok(Seq::new(key)),
        _ => Err(io::Error::new(ErrorKind::InvalidData, "a key is not a position")),
    }
}

/// Turns panics and sled's errors into ours.
fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> io::Result<T> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(sled::Error::Io(error))) => Err(match error.kind() {
            // The one thing that tells this error from damage is its text, which is pinned with sled.
            ErrorKind::Other if error.to_string().starts_with("could not acquire lock") => {
                io::Error::new(ErrorKind::WouldBlock, error)
            }
            ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::Other => {
                io::Error::new(ErrorKind::InvalidData, error)
            }
            // sled keeps the kind and writes the rest as debug output; the kind alone reads better.
            kind => match error.raw_os_error() {
                Some(_) => error,
                None => kind.into(),
            },
        }),
        Ok(Err(error)) => Err(io::Error::new(ErrorKind::InvalidData, error.to_string())),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said =
                said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason");
            Err(io::Error::new(ErrorKind::InvalidData, format!("the database gave up: {said}")))
        }
    }
}
