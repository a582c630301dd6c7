//! The folded state between openings, and the runs that have left memory.
//!
//! A checkpoint is the state at a position without the runs that rest: these are kept in the
//! [`Cache`](crate::store::Cache) of the store, where they are found by id, by key and by the time
//! that they wait for. All of it follows from the records: whatever is stale, damaged or gone is
//! ignored, and the journal is replayed instead.
//!
//! What is in the cache carries the position of the checkpoint that relies on it, and is durable
//! before that checkpoint is. It is never overwritten, and removed only once a later checkpoint
//! does without it. So whichever checkpoint an opening finds, it finds the runs as they stood then.

mod body;
mod cold;
mod due;
mod expel;
mod fingerprint;
mod graphs;
mod image;
mod keys;
mod listing;
mod lookup;
mod pack;
mod recovery;
mod snapshot;
mod stale;
#[cfg(test)]
mod tests;
mod write;

pub use cold::Cold;
pub use fingerprint::FINGERPRINT;
pub(crate) use keys::started_ms;
pub use listing::Listing;
pub use lookup::Lost;
pub use recovery::{Habits, RecoverError, recover, replay, replay_to};
pub use snapshot::{Resting, Shed};
pub use write::{Snapshot, Written};
