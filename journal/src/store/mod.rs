//! Where records are kept.
//!
//! A [`Store`] is a list of records that grows at its end. [`MemoryStore`] keeps it in memory,
//! `SledStore` (feature `sled`) on the disk.

mod cache;
#[cfg(feature = "testing")]
pub mod conformance;
mod contract;
mod error;
#[cfg(feature = "testing")]
mod faulty;
mod memory;
#[cfg(feature = "sled")]
#[expect(clippy::disallowed_methods, reason = "a disk is waited for, and a new journal is named")]
mod sled;
mod tail;

pub use cache::{CACHE_VALUE_BYTES_MAX, Cache, CacheError, Change, Pair};
pub use contract::{COMMIT_BYTES_MAX, Scan, Store};
pub use error::{AppendError, ReadError};
#[cfg(feature = "testing")]
pub use faulty::{Fault, FaultyStore, Gate};
pub use memory::MemoryStore;
#[cfg(feature = "sled")]
pub use sled::{Condition, CutTail, Durability, OpenError, OpenMode, SledStore, Snapshot};

pub use crate::codec::{DecodeError, EncodeError, FRAME_BYTES_MAX};
