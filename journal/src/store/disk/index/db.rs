//! The only file that calls sled: every call guarded against panics, every error an [`io::Error`].
//!
//! An error of kind [`InvalidData`](io::ErrorKind::InvalidData) means that the database is damaged.

use std::fs;
use std::io::{self, ErrorKind};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use uuid::Uuid;

use super::block::Block;
use crate::id::Seq;
use crate::store::cache::{Change, Pair};
use crate::store::disk::lock::{PATIENCE, PAUSE};

/// Blocks are read seldom, and what was taken out of memory comes back once.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// Blocks that are removed between two times that sled is told to hand over what changed.
const DROPPED_AT_ONCE: usize = 256;
const BLOCKS: &[u8] = b"blocks";
const CACHE: &[u8] = b"cache";
/// What the database is: the journal that it belongs to, and its own identity.
const SELF: &[u8] = b"self";

/// How the name of a snapshot ends while sled writes it.
const DRAFT: &str = "generating";

/// The file that sled flushes to.
pub(super) const LOG: &str = "db";

/// What was done about blocks that are of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dropped {
    /// Whether any was removed.
    pub(super) is_any: bool,
    /// Whether none is left.
    pub(super) is_all: bool,
}

/// A database beside the segments.
#[derive(Clone)]
pub(super) struct Db {
    blocks: sled::Tree,
    cache: sled::Tree,
    sled: sled::Db,
    /// Bytes that were removed since this was opened; what was added is not taken off.
    removed: Arc<AtomicU64>,
}

impl std::fmt::Debug for Db {
    /// sled's own form prints the pages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").finish_non_exhaustive()
    }
}

impl Db {
    /// Opens the database, or makes one in an empty folder.
    ///
    /// Nobody else may have it open.
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
            let (blocks, cache) = (db.open_tree(BLOCKS)?, db.open_tree(CACHE)?);
            Ok(Self { blocks, cache, sled: db, removed: Arc::default() })
        };
        let thread =
            thread::Builder::new().name("journal-open".to_owned()).spawn(|| guarded(open))?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the opening thread ended early")))
    }

    /// The journal that this belongs to and its own identity, once they were written.
    pub(super) fn identity(&self) -> io::Result<Option<(Uuid, Uuid)>> {
        let found = guarded(|| self.sled.get(SELF))?;
        let parts = found.as_deref().and_then(|bytes| bytes.split_first_chunk::<16>());
        Ok(parts.and_then(|(journal, own)| {
            Some((Uuid::from_bytes(*journal), Uuid::from_bytes(own.try_into().ok()?)))
        }))
    }

    /// Writes down what this is.
    pub(super) fn baptize(&self, journal: Uuid, own: Uuid) -> io::Result<()> {
        let bytes = [*journal.as_bytes(), *own.as_bytes()].concat();
        guarded(|| self.sled.insert(SELF, bytes).map(|_| ()))
    }

    /// Adds or replaces a block.
    pub(super) fn put_block(&self, block: &Block) -> io::Result<()> {
        let key = block.first().get().to_be_bytes();
        guarded(|| self.blocks.insert(key, block.bytes()).map(|_| ()))
    }

    /// The frame of a record, if it is there.
    pub(super) fn frame(&self, seq: Seq) -> io::Result<Option<Vec<u8>>> {
        let found = guarded(|| self.blocks.get_lt(seq.next().get().to_be_bytes()))?;
        let block = found.map(|(key, value)| Block::read(&key, &value)).transpose()?;
        Ok(block.and_then(|block| block.frame(seq).map(<[u8]>::to_vec)))
    }

    /// The last block.
    pub(super) fn last_block(&self) -> io::Result<Option<Block>> {
        let found = guarded(|| self.blocks.last())?;
        found.map(|(key, value)| Block::read(&key, &value)).transpose()
    }

    /// Removes the blocks in front of the one that holds a record; all in front of it if none does.
    ///
    /// Ends early if it is to stop.
    pub(super) fn drop_blocks(
        &self,
        first: Seq,
        is_in_none: bool,
        stop: &dyn Fn() -> bool,
    ) -> io::Result<Dropped> {
        let end = first.get().to_be_bytes().to_vec();
        let block = if is_in_none { end } else { self.block_at(first)?.unwrap_or(end) };
        let dropped = || self.blocks.range(..block.as_slice()).keys().take(DROPPED_AT_ONCE);
        let mut found = Dropped { is_any: false, is_all: false };
        while !stop() {
            let keys = guarded(|| dropped().collect::<Result<Vec<_>, _>>())?;
            if keys.is_empty() {
                found.is_all = true;
                break;
            }
            found.is_any = true;
            guarded(|| {
                keys.into_iter().try_for_each(|key| {
                    let block = self.blocks.remove(&key)?;
                    self.count_removed(key.len() + block.map_or(0, |block| block.len()));
                    Ok(())
                })
            })?;
            self.flush()?;
        }
        Ok(found)
    }

    /// The key of the block that a record is in, or would be.
    fn block_at(&self, seq: Seq) -> io::Result<Option<Vec<u8>>> {
        let found = guarded(|| self.blocks.get_lt(seq.next().get().to_be_bytes()))?;
        Ok(found.map(|(key, _)| key.to_vec()))
    }

    /// The value under a key of the cache.
    pub(super) fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        guarded(|| self.cache.get(key)).map(|found| found.map(|value| value.to_vec()))
    }

    /// Pairs of the cache, in order.
    pub(super) fn range(&self, from: &[u8], to: &[u8], limit: usize) -> io::Result<Vec<Pair>> {
        if from >= to {
            return Ok(Vec::new());
        }
        guarded(|| {
            let pairs = self.cache.range(from..to).take(limit);
            pairs.map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
        })
    }

    /// Pairs of the cache from a key on, in order.
    pub(super) fn range_from(&self, from: &[u8], limit: usize) -> io::Result<Vec<Pair>> {
        guarded(|| {
            let pairs = self.cache.range(from..).take(limit);
            pairs.map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
        })
    }

    /// Bytes of everything that it holds. Reads all of it, unless it is to stop.
    pub(super) fn live_bytes(&self, stop: &dyn Fn() -> bool) -> io::Result<Option<u64>> {
        guarded(|| {
            let pairs = self.blocks.iter().chain(self.cache.iter());
            let mut bytes = 0;
            for pair in pairs {
                if stop() {
                    return Ok(None);
                }
                let (key, value) = pair?;
                bytes += (key.len() + value.len()) as u64;
            }
            Ok(Some(bytes))
        })
    }

    /// Bytes that were removed since this was opened, or replaced in the cache.
    pub(super) fn removed_bytes(&self) -> u64 {
        self.removed.load(Ordering::Relaxed)
    }

    fn count_removed(&self, bytes: usize) {
        self.removed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Changes the cache.
    pub(super) fn apply(&self, changes: Vec<Change>) -> io::Result<()> {
        guarded(|| {
            for change in changes {
                let (bytes, before) = match change {
                    Change::Put { key, value } => (key.len(), self.cache.insert(key, value)?),
                    Change::Remove { key } => (key.len(), self.cache.remove(key)?),
                };
                self.count_removed(before.map_or(0, |before| bytes + before.len()));
            }
            Ok(())
        })
    }

    /// Hands everything to the system, which is not yet the disk.
    pub(super) fn flush(&self) -> io::Result<()> {
        guarded(|| self.sled.flush().map(|_| ()))
    }

    /// Lets go of the database; sled may panic here when its last sync fails.
    pub(super) fn close(self) {
        let Self { blocks, cache, sled, removed: _ } = self;
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop((blocks, cache))));
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(sled)));
    }
}

/// Removes what a snapshot that was cut short has left: sled would take it for a damaged one.
///
/// To be called before the database is opened, by whoever the journal belongs to.
pub(super) fn remove_drafts(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == DRAFT) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{self, Link};
    use crate::store::conformance::record;
    use crate::store::disk::index::block::Packer;

    fn live(db: &Db) -> u64 {
        db.live_bytes(&|| false).expect("readable").expect("all")
    }

    fn put(key: u8, bytes: usize) -> Change {
        Change::Put { key: vec![key], value: vec![7; bytes] }
    }

    #[test]
    fn what_it_holds_is_never_less_than_what_it_held_but_for_what_was_removed() {
        let home = tempfile::tempdir().expect("a folder");
        let db = Db::open(home.path()).expect("opened");
        let mut packer = Packer::new();
        for seq in 1..=40 {
            let mut frame = Vec::new();
            let record = record(seq, 3_000);
            codec::encode(&record, Link::default(), true, &mut frame, &mut Vec::new())
                .expect("fits");
            if let Some(block) = packer.push(&frame) {
                db.put_block(&block).expect("put");
            }
        }
        db.apply((0..50).map(|key| put(key, 1_000)).collect()).expect("changed");
        let held = live(&db);
        assert_eq!(db.removed_bytes(), 0);
        let least = || held - db.removed_bytes();

        db.apply(vec![Change::Remove { key: vec![1] }, Change::Remove { key: vec![200] }])
            .expect("changed");
        assert_eq!((live(&db), held - 1_001), (least(), least()));
        assert!(db.drop_blocks(Seq::new(20), false, &|| false).expect("dropped").is_any);
        assert_eq!(live(&db), least());
        db.apply(vec![put(2, 10), put(3, 2_000), put(100, 5)]).expect("changed");
        assert!(live(&db) > least(), "more was added");
        db.close();
    }

    /// A journal that is closed right after a large trimming waits for neither.
    #[test]
    fn what_reads_or_drops_all_of_it_ends_early_if_it_is_to_stop() {
        let home = tempfile::tempdir().expect("a folder");
        let db = Db::open(home.path()).expect("opened");
        let mut packer = Packer::new();
        for seq in 1..=9 {
            let (mut frame, link) = (Vec::new(), Link::default());
            let mut aside = Vec::new();
            codec::encode(&record(seq, 50), link, true, &mut frame, &mut aside).expect("fits");
            packer.push(&frame);
            if let Some(block) = packer.cut().filter(|_| seq % 3 == 0) {
                db.put_block(&block).expect("put");
                packer = Packer::new();
            }
        }
        let all = db.live_bytes(&|| false).expect("read").expect("all");
        assert_eq!(db.live_bytes(&|| true).expect("not read"), None);
        let none = Dropped { is_any: false, is_all: false };
        assert_eq!(db.drop_blocks(Seq::new(99), true, &|| true).expect("not done"), none);
        assert_eq!(db.live_bytes(&|| false).expect("read"), Some(all));
        let done = Dropped { is_any: true, is_all: true };
        assert_eq!(db.drop_blocks(Seq::new(99), true, &|| false).expect("done"), done);
        assert_eq!((all > 0, db.live_bytes(&|| false).expect("read")), (true, Some(0)));
    }
}
