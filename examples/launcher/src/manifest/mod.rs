//! The manifest: what to install, and how failures are met.

mod duration;
mod entry;
mod fields;
mod problem;
mod rate;
mod read;
mod settings;
#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use problem::{ManifestError, Problem};
pub use read::Manifest;
pub(crate) use read::overlap;
pub use settings::Recovery;
