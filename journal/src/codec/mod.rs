//! Records as bytes: one record is one frame, as `docs/journal-format.md` draws it.

mod body;
mod error;
mod frame;
#[cfg(test)]
mod tests;

pub use error::{DecodeError, EncodeError};
pub use frame::FRAME_BYTES_MAX;
#[cfg(feature = "sled")]
pub(crate) use frame::{CLAIM_BYTES, PREFIX, Seal, check, claim, probe};
pub(crate) use frame::{Decoded, Link, decode, encode};
