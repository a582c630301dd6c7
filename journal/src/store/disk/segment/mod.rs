//! The black box: every frame in files of its own, one behind the other, synced with each commit.
//!
//! Files are filled with zeroes before they are used: overwriting space that a file already owns
//! is half as dear again as growing it, and cannot fail for want of space.

mod fill;
mod frames;
mod header;
mod map;
mod spare;
mod survey;
mod walk;
mod writer;

pub(super) use frames::{Flaw, Frames, Piece, seals_in};
pub(super) use header::{DIR, Place, SegmentFile, create_dir, ends_with, list, named_by_all};
pub(super) use map::Map;
pub(super) use survey::{Survey, Worth, survey};
pub(super) use writer::{Position, SegmentWriter};
