//! Records in sled, which is treated as a device that cannot be trusted.
//!
//! sled shortens damaged logs in silence, panics on others, and does not sync what it flushes.
//! So the frames are checked from end to end at every opening, a small file beside the database
//! remembers how far the journal went, and every commit is synced here.

mod anchor;
mod db;
mod disk;
mod error;
mod files;
mod lock;
mod open;
mod salvage;
mod snapshot;
mod store;
mod survey;

pub use error::OpenError;
pub use snapshot::{Condition, Snapshot};
pub use store::{CutTail, Durability, OpenMode, SledStore};
