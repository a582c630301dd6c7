//! What a download gives.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::artifact::Expected;
use crate::fs::FileStamp;

/// A file that was downloaded; it stands in the staging folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downloaded {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of what was written: of the algorithm that is expected, or sha256.
    ///
    /// Computed while the bytes arrived, and not compared with anything.
    pub digest: Expected,
    /// Shows whether the file is still the one that was written.
    pub stamp: FileStamp,
    /// Where it came from, without user, password and query.
    pub origin: String,
    /// Bytes that were there before the last request went on with them.
    ///
    /// Above 0 the file was put together from several answers; if its digest is wrong, fetching
    /// it anew may help.
    pub resumed_bytes: u64,
    /// Bytes that the last attempt received.
    pub fetched_bytes: u64,
    /// Whether nothing says that the file is complete: no size, no digest, no end mark.
    pub unverified_length: bool,
}
