//! Where records are kept.
//!
//! A [`Store`] is a list of records that grows at its end. [`MemoryStore`] keeps it in memory.

mod contract;
mod error;
mod memory;
mod tail;

pub use contract::{COMMIT_BYTES_MAX, Scan, Store};
pub use error::{AppendError, ReadError};
pub use memory::MemoryStore;

pub use crate::codec::{DecodeError, EncodeError, FRAME_BYTES_MAX};
