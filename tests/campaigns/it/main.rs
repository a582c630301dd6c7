//! Campaigns against the journal.
//!
//! Each prints its seed, what it did and one line when it has passed. `RESURGE_CAMPAIGN_SEED` and
//! `RESURGE_CAMPAIGN_COUNT` choose another seed and size: `just campaign NAME SEED COUNT`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod calls;
mod child;
mod damage;
mod files;
mod flips;
mod full;
mod kills;
mod look;
mod mounts;
mod power;
mod report;
mod runs;
mod shim;
mod stream;
mod time;
