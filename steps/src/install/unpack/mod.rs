//! Unpacks an archive that nobody has reason to trust into a folder of its own.
//!
//! The archive is read by a strict subset of its format: whatever two programs could read in two
//! ways is refused, and links, devices and special modes are refused whatever they say.

mod error;
mod open;
mod sink;
mod tar;
mod zip;
mod zip_directory;
mod zip_record;

pub(super) use open::unpack;
pub(super) use sink::Tally;
