//! Golden journals: each version of the format leaves some, and every later one reads them.
//!
//! They are never edited: `tests/golden/v2/SHA256SUMS` says what they are. A later version of the
//! format writes its own beside them with `just golden`.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod forge;
mod golden;
mod stories;
mod trimmed;
mod write;

use std::path::PathBuf;

/// Where the golden journals of the present version are.
fn golden() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/v2"))
}
