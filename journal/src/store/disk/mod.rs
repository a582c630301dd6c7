//! Records on a disk: segment files that are written, and a database that follows them.
//!
//! No file is trusted. Every frame carries its position and a checksum, is chained to the one
//! before, and is checked when it is read or copied; a small file beside the segments remembers how far the
//! journal went. sled, which shortens damaged logs in silence, panics on others and does not sync
//! what it flushes, holds nothing that the segments do not hold.

mod anchor;
mod archive;
mod base;
mod checkpoint;
mod draft;
mod error;
mod files;
mod follow;
mod index;
mod lock;
mod open;
mod past;
mod patch;
mod payloads;
mod recover;
mod repair;
mod segment;
mod snapshot;
mod store;

pub use archive::{Archive, ArchiveError, ExportError, Exported, ImportError, export, import};
pub use draft::TargetError;
pub use error::OpenError;
pub use follow::{Follow, News};
pub use repair::{RepairError, Repaired, repair};
pub use snapshot::{Condition, Snapshot};
pub use store::{DiskStore, Durability, OpenMode};
