//! Finds runs that have left memory.

use std::sync::Arc;

use super::cold::Cold;
use super::keys::{self, Key, LEVEL_BITS, Room};
use super::pack::{Block, Joiner};
use crate::id::{RunId, RunKey, Seq};
use crate::state::Run;
use crate::store::{Cache, CacheError, Pair, Store};

/// The cache is not what a checkpoint relied on; the records say the same, only slower.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// It is another one, or there is none.
    #[error("what was derived from the journal is gone; it is derived again")]
    Gone,
    /// A value is not what was written.
    #[error("what was derived from the journal is damaged; it is derived again")]
    Damaged,
    /// Something is not there.
    #[error(
        "run {run} is not where it was kept; what is derived from the journal is derived again"
    )]
    Missing {
        /// The run.
        run: RunId,
    },
    /// It cannot be read.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl Lost {
    /// Whether the cache may well be what it should be, and cannot be read for now.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Cache(error) if error.is_passing())
    }
}

/// A run, and the version in which it was found.
pub(super) type Found = (Arc<Run>, Seq);

impl Cold {
    /// Looks at a run that has left memory; none if there is no such run.
    ///
    /// # Errors
    /// [`Lost`] if the cache is not what the checkpoint relied on.
    pub fn peek(&self, store: &dyn Store, run: RunId) -> Result<Option<Arc<Run>>, Lost> {
        self.find(store, run).map(|found| found.map(|(run, _)| run))
    }

    /// The newest run under a key, if it has left memory.
    ///
    /// # Errors
    /// [`Lost`] if the cache is not what the checkpoint relied on.
    pub fn peek_key(&self, store: &dyn Store, key: &RunKey) -> Result<Option<Arc<Run>>, Lost> {
        match self.newest(store, key)? {
            Some(run) => self.peek(store, run)?.map(Some).ok_or(Lost::Missing { run }),
            None => Ok(None),
        }
    }

    pub(super) fn find(&self, store: &dyn Store, run: RunId) -> Result<Option<Found>, Lost> {
        let found = self.find_any(store, run)?;
        Ok(found.filter(|(run, _)| !self.book.is_gone(run)))
    }

    /// The same for a run that may be dropped and not yet removed.
    fn find_any(&self, store: &dyn Store, run: RunId) -> Result<Option<Found>, Lost> {
        if self.is_empty() {
            return Ok(None);
        }
        match self.find_open(store, run)? {
            None if self.book.ended > 0 => self.find_ended(store, run),
            open => Ok(open),
        }
    }

    /// An open run, or one that is on its way to the cache.
    fn find_open(&self, store: &dyn Store, run: RunId) -> Result<Option<Found>, Lost> {
        if let Some(transit) = &self.transit
            && let Some(left) = transit.runs.get(&run)
        {
            return Ok(Some((Arc::clone(&left.run), transit.at)));
        }
        if self.book.open == 0 {
            return Ok(None);
        }
        let (from, to) = keys::open_range(run);
        let pairs = self.cache(store)?.range(&from, &to, usize::MAX)?;
        let counts = |version| self.book.counts(version) && !self.dead.has_open(run, version);
        let version = |pair: &Pair| Room::Open.version(&pair.0).filter(|v| counts(*v));
        let Some(newest) = pairs.iter().filter_map(version).max() else { return Ok(None) };
        let pieces = pairs.iter().filter(|pair| version(pair) == Some(newest));
        let mut joiner = Joiner::default();
        for (_, piece) in pieces {
            if let Some(block) = joiner.add(piece)? {
                let found = block.runs(|_| true)?.pop().ok_or(Lost::Damaged)?;
                return Ok(Some((found, newest)));
            }
        }
        Err(Lost::Damaged)
    }

    fn find_ended(&self, store: &dyn Store, run: RunId) -> Result<Option<Found>, Lost> {
        let mut newest: Option<(Block, Seq)> = None;
        for (level, bits) in (0..).zip(LEVEL_BITS) {
            let range = keys::ended_range(level, keys::started_ms(run) >> bits);
            let older = newest.as_ref().map_or(Seq::ZERO, |(_, version)| *version);
            let found = self.search(self.cache(store)?, range, run, older)?;
            newest = found.or(newest);
        }
        let Some((block, version)) = newest else { return Ok(None) };
        let found = block.runs(|id| id == run)?.pop();
        Ok(found.map(|run| (run, version)))
    }

    /// The newest block that holds a run, if any is newer than a version.
    fn search(
        &self,
        cache: &dyn Cache,
        (mut from, to): (Key, Key),
        run: RunId,
        older: Seq,
    ) -> Result<Option<(Block, Seq)>, Lost> {
        let mut newest: Option<(Block, Seq)> = None;
        let mut joiner = Joiner::default();
        loop {
            let pairs = cache.range(&from, &to, PAGE)?;
            let Some((last, _)) = pairs.last() else { break };
            let is_last_page = pairs.len() < PAGE;
            from = keys::just_behind(last.clone());
            for (key, piece) in pairs {
                let version = Room::Ended.version(&key).ok_or(Lost::Damaged)?;
                if !self.book.counts(version) || version <= older {
                    continue;
                }
                if let Some(block) = joiner.add(&piece)?
                    && block.may_hold(run)
                    && !block.runs(|id| id == run)?.is_empty()
                {
                    newest = Some((block, version));
                }
            }
            if is_last_page {
                break;
            }
        }
        joiner.end()?;
        Ok(newest)
    }

    /// The newest run under a key that nobody in memory has.
    pub(super) fn newest(&self, store: &dyn Store, key: &RunKey) -> Result<Option<RunId>, Lost> {
        let Some(run) = self.known_newest(store, key)? else { return Ok(None) };
        if self.book.first == Seq::ZERO {
            return Ok(Some(run));
        }
        // A dropped run has given its key up.
        let (found, _) = self.find_any(store, run)?.ok_or(Lost::Missing { run })?;
        Ok(Some(run).filter(|_| !self.book.is_gone(&found)))
    }

    fn known_newest(&self, store: &dyn Store, key: &RunKey) -> Result<Option<RunId>, Lost> {
        if let Some(run) = self.transit.as_ref().and_then(|transit| transit.keys.get(key)) {
            return Ok(Some(*run));
        }
        if self.book.keyed == 0 {
            return Ok(None);
        }
        let (from, to) = keys::newest_range(key);
        let pairs = self.cache(store)?.range(&from, &to, usize::MAX)?;
        let counts = |version| self.book.counts(version) && !self.dead.has_newest(key, version);
        let counting = pairs.iter().filter_map(|(key, value)| {
            let version = Room::Newest.version(key).filter(|v| counts(*v))?;
            Some((version, value))
        });
        let Some((_, value)) = counting.max_by_key(|(version, _)| *version) else {
            return Ok(None);
        };
        let bytes = value.as_slice().try_into().map_err(|_| Lost::Damaged)?;
        Ok(Some(RunId::new(uuid::Uuid::from_bytes(bytes))))
    }
}

/// Values that are read at a time.
pub(super) const PAGE: usize = 64;
