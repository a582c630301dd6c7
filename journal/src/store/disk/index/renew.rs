//! Making a smaller database out of one that has become too large for what it holds.
//!
//! sled does not give space back. The new one is made in a folder of its own, with everything that
//! is in the cache, and takes the place of the other one by renames; a crash leaves either.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLockWriteGuard};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::db::Db;
use super::follow::Follower;
use super::handle::{Access, DIR, Shared};
use crate::store::cache::Change;
use crate::store::disk::files;

/// Where the new one is made.
const NEW: &str = "index.new";
/// Where the other one is until the new one has its name.
const OLD: &str = "index.old";
/// Bytes from which on it is worth the effort.
const WORTH_BYTES: u64 = 8 * 1024 * 1024;
/// How much larger than what it holds it may be; a new one has about twice the size of that.
const WASTE_MAX: u64 = 3;
/// What must have gone of what it held, as its n-th part, for another look at that.
const REMOVED_SHARE: u64 = 8;
/// Pairs of the cache that are copied at a time.
const PAIRS_AT_ONCE: usize = 256;
/// Pairs that may be left for the moment in which nobody can change the cache.
const PAIRS_AT_LAST: usize = 64;
/// How long the new one follows before the other one does again.
const TURN: Duration = Duration::from_millis(200);

/// Ends what a crash left of this: one of the two counts, the rest is removed.
pub(in crate::store::disk) fn settle(dir: &Path) -> io::Result<()> {
    if !dir.join(DIR).exists() && dir.join(OLD).exists() {
        fs::rename(dir.join(OLD), dir.join(DIR))?;
        files::sync_dir(dir)?;
    }
    files::remove_all(&dir.join(NEW))?;
    files::remove_all(&dir.join(OLD))
}

/// Where the database is that counts, also if a crash has left nothing under its name.
pub(in crate::store::disk) fn place(dir: &Path) -> PathBuf {
    let [now, old] = [DIR, OLD].map(|name| dir.join(name));
    if old.exists() && !now.exists() { old } else { now }
}

/// When a database is to be measured again.
#[derive(Debug)]
pub(super) struct Measure {
    due_bytes: u64,
    /// What the database held when it was read last, and what had been removed from it by then.
    held: u64,
    removed: u64,
}

impl Measure {
    pub(super) fn begin(dir: &Path) -> Self {
        let bytes = files::bytes_in(&dir.join(DIR)).unwrap_or(0);
        let due_bytes = (WASTE_MAX * bytes).max(WORTH_BYTES);
        Self { due_bytes, held: 0, removed: 0 }
    }

    /// Whether it is too large for what it holds; asked where it has lost something, or has grown.
    ///
    /// Says no if it is to stop.
    pub(super) fn is_wasteful(
        &mut self,
        dir: &Path,
        follower: &mut Follower,
        stop: &dyn Fn() -> bool,
    ) -> io::Result<bool> {
        let bytes = files::bytes_in(&dir.join(DIR))?;
        let removed = follower.db().removed_bytes();
        let since = removed.saturating_sub(self.removed);
        // Nobody knows what it holds before it was read once; more than this share is no waste.
        let held = self.held.max(bytes / WASTE_MAX);
        let has_lost = follower.has_dropped() || since > held / REMOVED_SHARE;
        if bytes < WORTH_BYTES || !has_lost && bytes < self.due_bytes {
            return Ok(false);
        }
        self.due_bytes = WASTE_MAX * bytes;
        // Of what it held then, at least so much is left: to know more costs reading all of it.
        if bytes <= WASTE_MAX * self.held.saturating_sub(since) {
            return Ok(false);
        }
        let Some(held) = follower.db().live_bytes(stop)? else { return Ok(false) };
        (self.held, self.removed) = (held, removed);
        Ok(bytes > WASTE_MAX * held)
    }
}

impl Shared {
    /// Puts a new database in the place of a wasteful one; gives the one to go on with.
    ///
    /// One that cannot be made leaves everything as it is, and `measure` waits until it is worth
    /// another try. Nobody waits for this, but whoever uses the cache in the moment of the change.
    pub(super) fn renew(
        &self,
        mut old: Follower,
        own: Uuid,
        measure: &mut Measure,
    ) -> io::Result<Follower> {
        let made = self.make(&mut old, own);
        let Ok(Some(new)) = made else {
            self.take_dirty();
            self.change(|| files::remove_all(&self.dir.join(NEW)))?;
            return Ok(old);
        };
        let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let finished = self.finish(&old, new);
        if finished.is_err() {
            self.change(|| files::remove_all(&self.dir.join(NEW)))?;
            return Ok(old);
        }
        let new = self.swap(old, &gate)?;
        *measure = Measure::begin(&self.dir);
        Ok(new)
    }

    /// A new database with all that is in the other one; none if the journal is being closed.
    fn make(&self, old: &mut Follower, own: Uuid) -> io::Result<Option<Follower>> {
        let dir = self.dir.join(NEW);
        self.change(|| {
            files::remove_all(&dir)?;
            files::make_private_dir(&dir)
        })?;
        let db = Db::open(&dir)?;
        db.baptize(self.journal, own)?;
        let mut new = Follower::resume(db, &self.map, self.head())?;
        {
            let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
            *self.dirty() = Some(BTreeSet::new());
        }
        if !self.copy_cache(old.db(), new.db())? {
            new.close();
            return Ok(None);
        }
        loop {
            old.follow(&self.map, self.head(), &|| self.is_closing(), None)?;
            self.state().taken = old.taken();
            let end = Instant::now() + TURN;
            let is_late = || self.is_closing() || Instant::now() >= end;
            new.follow(&self.map, self.head(), &is_late, Some(old.db()))?;
            if self.is_closing() {
                new.close();
                return Ok(None);
            }
            if new.taken() >= old.taken() {
                break;
            }
        }
        // Whoever changes the cache may be faster than this thread, which yields to all others.
        let mut left = usize::MAX;
        while let Some(keys) =
            self.dirty_keys().filter(|keys| *keys > PAIRS_AT_LAST && *keys < left)
        {
            left = keys;
            self.copy_dirty(old.db(), new.db())?;
        }
        new.db().flush()?;
        Ok(Some(new))
    }

    /// Copies the cache; false if the journal is being closed.
    fn copy_cache(&self, from: &Db, to: &Db) -> io::Result<bool> {
        let mut next = Vec::new();
        loop {
            let pairs = from.range_from(&next, PAIRS_AT_ONCE)?;
            let Some((last, _)) = pairs.last() else { return Ok(true) };
            next.clone_from(last);
            next.push(0);
            to.apply(pairs.into_iter().map(|(key, value)| Change::Put { key, value }).collect())?;
            to.flush()?;
            if self.is_closing() {
                return Ok(false);
            }
        }
    }

    /// How many keys were changed since they were copied.
    fn dirty_keys(&self) -> Option<usize> {
        self.dirty().as_ref().map(BTreeSet::len)
    }

    /// Copies what was changed since it was copied.
    fn copy_dirty(&self, from: &Db, to: &Db) -> io::Result<()> {
        let Some(keys) = self.dirty().as_mut().map(std::mem::take) else { return Ok(()) };
        let change = |key: Vec<u8>| {
            let value = from.get(&key)?;
            Ok(match value {
                Some(value) => Change::Put { key, value },
                None => Change::Remove { key },
            })
        };
        to.apply(keys.into_iter().map(change).collect::<io::Result<_>>()?)
    }

    /// Copies the rest while nobody can change it, and lets go of the new one, which is synced.
    fn finish(&self, old: &Follower, new: Follower) -> io::Result<()> {
        let copied = self.copy_dirty(old.db(), new.db()).and_then(|()| new.db().flush());
        self.take_dirty();
        new.close();
        copied?;
        let dir = self.dir.join(NEW);
        files::make_private(&dir)?;
        files::sync_all(&dir)
    }

    /// Lets go of the old database and opens the new one in its place.
    fn swap(&self, old: Follower, _gate: &RwLockWriteGuard<'_, ()>) -> io::Result<Follower> {
        let db = std::mem::replace(&mut self.state().db, Access::Opening);
        old.close();
        if let Access::Ready(db, _) = db {
            db.close();
        }
        self.change(|| {
            fs::rename(self.dir.join(DIR), self.dir.join(OLD))?;
            fs::rename(self.dir.join(NEW), self.dir.join(DIR))?;
            files::sync_dir(&self.dir)?;
            files::remove_all(&self.dir.join(OLD))
        })?;
        self.open()
    }
}
