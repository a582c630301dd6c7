//! A store in memory that fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use uuid::Uuid;

use crate::id::Seq;
use crate::store::{Cache, CacheError, Change, MemoryStore, Pair, Store, Wrapper};

/// A store whose cache and checkpoints fail after so many changes; 0 is never.
#[derive(Debug, Clone)]
pub(super) struct Flaky {
    pub(super) inner: Arc<MemoryStore>,
    left: Arc<AtomicU32>,
    generation: Uuid,
}

impl Flaky {
    pub(super) fn new() -> Self {
        Self { inner: Arc::default(), left: Arc::default(), generation: Uuid::nil() }
    }

    /// The same records with a cache that was lost.
    pub(super) fn with_lost_cache(&self) -> Self {
        for (key, _) in self.pairs() {
            self.inner.cache().expect("there").apply(vec![Change::Remove { key }]).expect("fine");
        }
        Self { generation: Uuid::from_u128(1), ..self.clone() }
    }

    pub(super) fn fail_after(&self, changes: u32) {
        self.left.store(changes, Ordering::Relaxed);
    }

    /// Everything in the cache.
    pub(super) fn pairs(&self) -> Vec<Pair> {
        self.inner.cache().expect("there").range(&[], &[0xff], usize::MAX).expect("readable")
    }

    fn spend(&self) -> Result<(), CacheError> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Ok(());
        }
        if left == 1 {
            return Err(CacheError::Closed);
        }
        self.left.store(left - 1, Ordering::Relaxed);
        Ok(())
    }
}

impl Cache for Flaky {
    fn generation(&self) -> Result<Uuid, CacheError> {
        Ok(self.generation)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CacheError> {
        self.inner.cache().expect("there").get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, CacheError> {
        self.inner.cache().expect("there").range(from, to, limit)
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), CacheError> {
        // One at a time, so that a failure comes between any two of them.
        for change in changes {
            self.spend()?;
            self.inner.cache().expect("there").apply(vec![change])?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), CacheError> {
        self.spend()
    }
}

impl Wrapper for Flaky {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    fn cache(&self) -> Option<&dyn Cache> {
        Some(self)
    }

    fn save_checkpoint(&self, at: Seq, image: &[u8]) -> Result<(), CacheError> {
        self.spend()?;
        self.inner.save_checkpoint(at, image)
    }
}
