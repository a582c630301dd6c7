//! The database beside the segments: the same records in blocks, and what is derived from them.
//!
//! It follows behind the acknowledgement and may be lost at any time.

mod block;
mod db;
mod follow;
mod handle;
mod renew;
mod rescue;

pub(super) use handle::{DIR, Index};
pub(super) use renew::{place, settle};
pub(super) use rescue::Rescue;
