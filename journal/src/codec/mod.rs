//! Records as bytes: one record is one frame, as `docs/journal-format.md` draws it.

mod aside;
mod body;
mod error;
mod frame;
#[cfg(test)]
mod tests;

pub use aside::PayloadHash;
pub(crate) use aside::{Aside, Bodies, Kept};
pub use error::{DecodeError, EncodeError, PayloadProblem};
pub use frame::{BODY_BYTES_MAX, FRAME_BYTES_MAX};
#[cfg(feature = "sled")]
pub(crate) use frame::{CLAIM_BYTES, PREFIX, Seal, check, claim, is_intact, probe, run_of};
pub(crate) use frame::{Decoded, Link, claim_aside, decode, encode};
