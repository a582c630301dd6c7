//! Campaigns against the journal.
//!
//! Each prints its seed, what it did and one line when it has passed. `just campaign NAME SEED COUNT`
//! chooses one (`RESURGE_CAMPAIGN`), another seed (`RESURGE_CAMPAIGN_SEED`) and another size
//! (`RESURGE_CAMPAIGN_COUNT`). With `RESURGE_CAMPAIGN_KEEP` what a failure left is copied to a folder.

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
mod soak;
mod stream;
mod time;
mod trims;
