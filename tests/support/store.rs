//! A store in memory that counts what is written and fails when told to.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use resurge::journal::store::{AppendError, MemoryStore, Store, Wrapper};
use resurge::journal::{Record, Seq};

/// A store in memory that counts what is written and fails when told to.
#[derive(Debug, Default)]
pub struct WatchedStore {
    records: MemoryStore,
    commits: AtomicU64,
    /// The commit that fails, and all after it; 0 for none.
    fail_at: u64,
    /// Whether the failing commit reaches the disk all the same.
    keep_failed: bool,
    /// Whether it says that the disk is full.
    is_full: AtomicBool,
}

impl WatchedStore {
    /// A store over records that other stores may share.
    pub fn over(records: MemoryStore) -> Self {
        Self { records, ..Self::default() }
    }

    /// Fails at the n-th commit and at all after it, as if the process had died there.
    #[must_use]
    pub const fn failing_at(mut self, commit: u64, keep_failed: bool) -> Self {
        self.fail_at = commit;
        self.keep_failed = keep_failed;
        self
    }

    /// Says that the disk is full, or that it is not any more.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::SeqCst);
    }

    /// How many batches were written.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }
}

impl Wrapper for WatchedStore {
    fn inner(&self) -> &dyn Store {
        &self.records
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        let commit = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        if self.fail_at == 0 || commit < self.fail_at {
            return self.records.append(expected, batch);
        }
        if commit == self.fail_at && self.keep_failed {
            self.records.append(expected, batch)?;
        }
        let source = io::Error::from_raw_os_error(5);
        Err(AppendError::Io { location: "a watched store".to_owned(), source })
    }

    fn has_room(&self) -> bool {
        !self.is_full.load(Ordering::SeqCst)
    }
}
