//! Checks a downloaded file against its digest.

mod hash;
mod step;

pub use step::Verify;

pub use crate::artifact::{Checked, Verified};
