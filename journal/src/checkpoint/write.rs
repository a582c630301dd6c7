//! Puts a snapshot on the disk.

use std::sync::Arc;

use uuid::Uuid;

use super::cold::{Book, Transit};
use super::due;
use super::expel::expel;
use super::image;
use super::keys::{self, Key, LEVEL_BITS, Room};
use super::lookup::{Lost, PAGE};
use super::pack::Packer;
use super::stale::Stale;
use crate::id::Seq;
use crate::state::{Global, Left, Run};
use crate::store::{Cache, CacheError, Change, Store};
use crate::time::Timestamp;

/// The state at a position, to be written.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) global: Global,
    pub(super) hot: Vec<Arc<Run>>,
    pub(super) book: Book,
    pub(super) transit: Arc<Transit>,
    pub(super) pins: Arc<()>,
    pub(super) sweeps: bool,
    /// The checkpoint before this one.
    pub(super) before: Seq,
    /// Versions that may have become a checkpoint although it was said that they had not.
    pub(super) attempted: Vec<Seq>,
}

/// What was written.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    pub(super) generation: Uuid,
    /// Whether what nobody needs any more was removed.
    pub(super) removed: bool,
    /// Whether nothing is left of versions that count for nothing.
    pub(super) swept: bool,
    /// Up to which time what is left of dropped runs was removed.
    pub(super) expelled: Option<Timestamp>,
}

impl Snapshot {
    /// The position of the snapshot; everything up to there must be durable before it is written.
    pub fn at(&self) -> Seq {
        self.transit.at
    }

    /// Runs that leave memory with it.
    pub fn leaving(&self) -> usize {
        self.transit.runs.len()
    }

    /// Writes it: the runs that leave first, then the checkpoint that relies on them.
    ///
    /// Blocks on the disk.
    ///
    /// # Durability
    /// The checkpoint is durable when this returns; a crash before that leaves the one before it.
    ///
    /// # Errors
    /// [`CacheError`] if it cannot be written; the checkpoint before it is as good as ever.
    pub fn write(mut self, store: &dyn Store) -> Result<Written, CacheError> {
        let cache = store.cache().ok_or(CacheError::Closed)?;
        let generation = cache.generation()?;
        if self.book.generation.is_some_and(|known| known != generation) {
            return Err(damaged("the cache was lost while it was in use"));
        }
        self.book.generation = Some(generation);
        if self.sweeps {
            if self.before == Seq::ZERO {
                // Nothing of what the checkpoint relies on is spared, should there be one.
                store.forget_checkpoint()?;
            }
            self.sweep(cache)?;
        }
        self.write_runs(cache)?;
        cache.sync()?;
        let image = image::encode(&self).map_err(damaged)?;
        store.save_checkpoint(self.transit.at, &image)?;
        // Whoever still reads old versions leaves the removal to the next snapshot; and whatever
        // becomes of it, the checkpoint is there.
        let is_read = Arc::strong_count(&self.pins) > PINS_OF_NOBODY;
        let removed = !is_read && remove(cache, &self.transit.stale).is_ok();
        let may_expel = self.book.expels.filter(|_| removed);
        let expelled = may_expel.filter(|before| expel(cache, self.book.first, *before).is_ok());
        Ok(Written { generation, removed, swept: self.sweeps, expelled })
    }

    fn write_runs(&self, cache: &dyn Cache) -> Result<(), CacheError> {
        let at = self.transit.at;
        let mut batch = Batch { cache, changes: Vec::new() };
        let mut ended: Vec<&Run> = Vec::new();
        for (id, Left { run, key }) in &self.transit.runs {
            if let Some(key) = key {
                batch.put(keys::newest(key, at), id.as_uuid().as_bytes().to_vec())?;
            }
            if run.phase.is_final() {
                ended.push(run);
                continue;
            }
            let mut packer = Packer::default();
            packer.add(run).map_err(damaged)?;
            for (piece, value) in (0..).zip(packer.finish()) {
                batch.put(keys::open(*id, at, piece), value)?;
            }
        }
        ended.sort_unstable_by_key(|run| run.id);
        batch.put_ended(at, &ended)?;
        for (far, entries) in &self.transit.spilled {
            batch.put(far.key(), due::encode(entries))?;
        }
        batch.flush()
    }

    /// Removes everything that no checkpoint relies on, before anything of this one is there.
    fn sweep(&self, cache: &dyn Cache) -> Result<(), CacheError> {
        for room in Room::ALL {
            let (mut from, to) = room.range();
            loop {
                let pairs = cache.range(&from, &to, PAGE)?;
                let Some((last, _)) = pairs.last() else { break };
                from = keys::just_behind(last.clone());
                let is_void = |key: &Key| {
                    let counts = |version| {
                        let is_known = version <= self.before && self.book.counts(version);
                        is_known || self.attempted.contains(&version)
                    };
                    !room.version(key).is_some_and(counts)
                };
                let void = pairs.into_iter().map(|(key, _)| key).filter(is_void);
                cache.apply(void.map(|key| Change::Remove { key }).collect())?;
            }
        }
        Ok(())
    }
}

/// Changes that are made together.
struct Batch<'a> {
    cache: &'a dyn Cache,
    changes: Vec<Change>,
}

impl Batch<'_> {
    fn put(&mut self, key: Key, value: Vec<u8>) -> Result<(), CacheError> {
        self.changes.push(Change::Put { key, value });
        if self.changes.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), CacheError> {
        self.cache.apply(std::mem::take(&mut self.changes))
    }

    /// Runs that have ended, many to a value, by the time at which they were started.
    fn put_ended(&mut self, at: Seq, ended: &[&Run]) -> Result<(), CacheError> {
        let [coarse, fine] = LEVEL_BITS;
        let bucket = |run: &&Run, bits| keys::started_ms(run.id) >> bits;
        for runs in ended.chunk_by(|one, other| bucket(one, coarse) == bucket(other, coarse)) {
            if runs.len() <= COARSE_RUNS_MAX {
                self.put_bucket(at, 0, coarse, runs)?;
                continue;
            }
            for runs in runs.chunk_by(|one, other| bucket(one, fine) == bucket(other, fine)) {
                self.put_bucket(at, 1, fine, runs)?;
            }
        }
        Ok(())
    }

    fn put_bucket(
        &mut self,
        at: Seq,
        level: u8,
        bits: u32,
        runs: &[&Run],
    ) -> Result<(), CacheError> {
        let Some(first) = runs.first() else { return Ok(()) };
        let bucket = keys::started_ms(first.id) >> bits;
        let mut piece = 0;
        let mut packer = Packer::default();
        let mut runs = runs.iter().peekable();
        while let Some(run) = runs.next() {
            packer.add(run).map_err(damaged)?;
            if packer.is_full() || runs.peek().is_none() {
                for value in std::mem::take(&mut packer).finish() {
                    self.put(keys::ended(level, bucket, at, piece), value)?;
                    piece += 1;
                }
            }
        }
        Ok(())
    }
}

/// Removes what nobody needs any more.
fn remove(cache: &dyn Cache, stale: &[Stale]) -> Result<(), Lost> {
    for stale in stale.chunks(BATCH) {
        let mut keys = Vec::new();
        for stale in stale {
            stale.keys(cache, &mut keys)?;
        }
        cache.apply(keys.into_iter().map(|key| Change::Remove { key }).collect())?;
    }
    Ok(())
}

fn damaged(problem: impl Into<String>) -> CacheError {
    CacheError::Io(std::io::Error::other(problem.into()))
}

/// Changes made at a time.
const BATCH: usize = 256;
/// Runs of a coarse bucket beyond which it is taken apart.
const COARSE_RUNS_MAX: usize = 128;
/// The owner of the runs, and the snapshot itself.
const PINS_OF_NOBODY: usize = 2;
