//! What a journal still says once retention has dropped its oldest records.
//!
//! A journal is cut in front of a record. The records of runs that have not ended stay, as the very
//! frames that they were; of all others a [residue](base_state) stays: what they had added up to
//! beside runs. Together they are the [`State`](crate::State) from which the rest is folded.

mod base;
mod draft;
mod limits;
mod residue;
#[cfg(test)]
mod tests;
mod trimmer;

#[cfg(feature = "sled")]
pub(crate) use base::bereave;
pub use base::{BaseError, base, base_of, base_state};
pub use limits::Limits;
pub use residue::{RESIDUE_VERSION, ResidueError};
pub use trimmer::{PlanError, Trim, Trimmer};
