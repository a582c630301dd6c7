//! The story of one run as people look at it: a segment per attempt and per wait.
//!
//! [`Timeline`] is folded from the records of the run, live or from the journal: a lane per step,
//! in the order of the manifest, and the newest events in words. It is for drawing: records that
//! do not fit are passed over, never refused.

mod entry;
mod lane;
mod segment;
mod story;
#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use lane::Lane;
pub use segment::{DelayBy, HoldOn, Outcome, Reach, Segment, SegmentKind};
pub use story::Timeline;
