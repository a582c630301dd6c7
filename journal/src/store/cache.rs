//! What is derived from records and kept beside them, so that an opening need not read them all.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// The largest value of a cache, in bytes.
pub const CACHE_VALUE_BYTES_MAX: usize = 8 * 1024;

/// Keys and values that follow from the records: losing them costs time and nothing else.
///
/// Every method may block on a disk.
pub trait Cache: fmt::Debug + Send + Sync + 'static {
    /// Identity of what is kept: another one once it was lost and begun anew.
    ///
    /// # Errors
    /// [`CacheError`] if the cache cannot be read.
    fn generation(&self) -> Result<Uuid, CacheError>;

    /// Whether it can be asked right now, without a wait until it is open; [`generation`] waits.
    ///
    /// [`generation`]: Self::generation
    fn is_ready(&self) -> bool {
        true
    }

    /// The value under a key.
    ///
    /// # Errors
    /// [`CacheError`] if the cache cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CacheError>;

    /// The first `limit` pairs with `from <= key < to`, in the order of their keys.
    ///
    /// # Errors
    /// [`CacheError`] if the cache cannot be read.
    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, CacheError>;

    /// Makes changes in their order.
    ///
    /// # Durability
    /// Visible at once. Durable after the next [`sync`](Self::sync): a killed process before that
    /// can lose any of them.
    ///
    /// # Errors
    /// [`CacheError`] if the cache cannot be written, or a value has more than
    /// [`CACHE_VALUE_BYTES_MAX`] bytes.
    fn apply(&self, changes: Vec<Change>) -> Result<(), CacheError>;

    /// Makes every change durable.
    ///
    /// # Errors
    /// [`CacheError`] if the cache cannot be written.
    fn sync(&self) -> Result<(), CacheError>;
}

/// Stores hold a cache of a type that their users do not know.
const _: fn(&dyn Cache) = |_| {};

/// A key with its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A change of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A key has this value from now on.
    Put {
        /// The key.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// A key has no value any more.
    Remove {
        /// The key.
        key: Vec<u8>,
    },
}

/// A cache that cannot be used; the records say the same, only slower.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The back-end failed.
    #[error("cannot use what is derived from the journal; open the journal again to rebuild it")]
    Io(#[from] io::Error),
    /// A value is larger than the cache takes; nothing was changed.
    #[error(
        "a value of {bytes} bytes is too large for the cache; split it into pieces of {}",
        CACHE_VALUE_BYTES_MAX
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The store was closed.
    #[error("the journal is closed; open it again")]
    Closed,
}

impl CacheError {
    /// Whether the same may well succeed later; what is damaged or closed stays so.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() != io::ErrorKind::InvalidData)
    }
}

impl Change {
    /// The key that it is about.
    #[cfg(feature = "sled")]
    pub(super) fn key(&self) -> Vec<u8> {
        match self {
            Self::Put { key, .. } | Self::Remove { key } => key.clone(),
        }
    }

    /// Refuses changes that no cache takes.
    pub(super) fn check(changes: &[Self]) -> Result<(), CacheError> {
        let too_large = changes.iter().find_map(|change| match change {
            Self::Put { value, .. } if value.len() > CACHE_VALUE_BYTES_MAX => Some(value.len()),
            _ => None,
        });
        too_large.map_or(Ok(()), |bytes| Err(CacheError::TooLarge { bytes }))
    }
}

/// Keeps a cache in memory.
#[derive(Debug, Default)]
pub(super) struct MemoryCache {
    pairs: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryCache {
    /// The pairs; a panic elsewhere cannot have left them half-changed.
    fn pairs(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache for MemoryCache {
    fn generation(&self) -> Result<Uuid, CacheError> {
        Ok(Uuid::nil())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CacheError> {
        Ok(self.pairs().get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, CacheError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let pairs = self.pairs();
        let range = pairs.range(from.to_vec()..to.to_vec());
        Ok(range.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), CacheError> {
        Change::check(&changes)?;
        let mut pairs = self.pairs();
        for change in changes {
            match change {
                Change::Put { key, value } => pairs.insert(key, value),
                Change::Remove { key } => pairs.remove(&key),
            };
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), CacheError> {
        Ok(())
    }
}
