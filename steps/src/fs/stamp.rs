//! How a file is recognised again without reading it.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// What shows that a file is still the one it was, without reading it.
///
/// A rename keeps it; a write changes it. Writing the same length within the clock tick of the
/// file system (nanoseconds to 2 s on FAT) goes unseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    /// Size in bytes.
    size: u64,
    /// Last change of the content, in nanoseconds since 1970; none if the system does not tell.
    modified_ns: Option<i64>,
    /// The file's number on its volume (Unix), its time of birth (Windows); none elsewhere.
    id: Option<u64>,
}

impl FileStamp {
    /// The stamp of a regular file; a symbolic link at its end is not followed.
    ///
    /// # Errors
    /// The file is missing, is not a regular file, or its metadata cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        Self::of_metadata(&std::fs::symlink_metadata(path)?)
    }

    /// The stamp of an open file.
    ///
    /// # Errors
    /// It is not a regular file, or its metadata cannot be read.
    pub fn of_file(file: &File) -> io::Result<Self> {
        Self::of_metadata(&file.metadata()?)
    }

    fn of_metadata(metadata: &Metadata) -> io::Result<Self> {
        if !metadata.is_file() {
            let message = "not a regular file; only regular files can be used here";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let modified_ns = metadata.modified().ok().and_then(nanos_since_1970);
        Ok(Self { size: metadata.len(), modified_ns, id: id_of(metadata) })
    }

    /// Whether two files have one size and one time of change, as a copy has that keeps the time.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.size == other.size && self.modified_ns == other.modified_ns
    }

    /// Size in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }
}

pub(super) fn nanos_since_1970(time: std::time::SystemTime) -> Option<i64> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos()).ok().map(|ns| -ns),
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems may have none")]
fn id_of(metadata: &Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::ino(metadata))
}

#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "other systems may have none")]
fn id_of(metadata: &Metadata) -> Option<u64> {
    Some(std::os::windows::fs::MetadataExt::creation_time(metadata))
}

#[cfg(not(any(unix, windows)))]
const fn id_of(_metadata: &Metadata) -> Option<u64> {
    None
}
