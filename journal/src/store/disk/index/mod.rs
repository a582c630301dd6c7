//! The database beside the segments: the same records in blocks, and what is derived from them.
//!
//! It follows behind the acknowledgement and may be lost at any time.

mod block;
mod db;
mod follow;
mod handle;
mod renew;

pub(super) use handle::{DIR, Index, Rescue};
pub(super) use renew::{place, settle};
