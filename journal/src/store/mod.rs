//! Where records are kept.
//!
//! A [`Store`] is a list of records that grows at its end. [`MemoryStore`] keeps it in memory,
//! `DiskStore` (feature `sled`) on the disk.

mod cache;
#[cfg(feature = "testing")]
pub mod conformance;
mod contract;
#[cfg(feature = "sled")]
#[expect(clippy::disallowed_methods, reason = "a disk is waited for, and a new journal is named")]
mod disk;
mod error;
#[cfg(feature = "testing")]
mod faulty;
mod memory;
mod tail;
#[cfg(any(test, feature = "testing"))]
mod wrapper;

pub use cache::{CACHE_VALUE_BYTES_MAX, Cache, CacheError, Change, Pair};
pub use contract::{COMMIT_BYTES_MAX, Cut, Scan, Store};
#[cfg(feature = "sled")]
pub use disk::{
    Archive, ArchiveError, Condition, DiskStore, Durability, ExportError, Exported, Follow,
    ImportError, News, OpenError, OpenMode, RepairError, Repaired, Snapshot, TargetError, export,
    import, repair,
};
pub use error::{AppendError, ReadError, TrimError};
#[cfg(feature = "testing")]
pub use faulty::{Fault, FaultyStore, Gate};
pub use memory::MemoryStore;
#[cfg(any(test, feature = "testing"))]
pub use wrapper::Wrapper;

pub use crate::codec::{
    BODY_BYTES_MAX, DecodeError, EncodeError, FRAME_BYTES_MAX, PayloadHash, PayloadProblem,
};
