//! What can go wrong with an archive.

use std::io;

use crate::store::disk::draft::TargetError;
use crate::store::disk::error::OpenError;

/// An archive that was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The file is something else.
    #[error("{location} is not a journal, nor an archive of one; check the path")]
    Foreign {
        /// The path.
        location: String,
    },
    /// Bytes are missing or are not what was written.
    #[error("the archive {location} is damaged at byte {offset} ({problem}); fetch it again")]
    Damaged {
        /// The path.
        location: String,
        /// Where it was noticed.
        offset: u64,
        /// How it was noticed.
        problem: String,
    },
    /// It was written by a newer release.
    #[error("the archive {location} has a newer format ({problem}); use a newer release")]
    NewerFormat {
        /// The path.
        location: String,
        /// What is newer.
        problem: String,
    },
    /// The disk failed or refused access.
    #[error("cannot read the archive {location}; check the disk and the permissions")]
    Io {
        /// The path.
        location: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A journal that was not exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The journal cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Records that were acknowledged are gone.
    #[error("the journal at {location} is damaged ({problem}); repair it, then export the new one")]
    Damaged {
        /// The path.
        location: String,
        /// How it was noticed.
        problem: String,
    },
    /// There is a file with that name; it was not touched.
    #[error("{location} exists; choose another name")]
    Exists {
        /// The path.
        location: String,
    },
    /// The disk failed or refused access.
    #[error("cannot write the archive {location}; check the disk and the permissions")]
    Io {
        /// The path.
        location: String,
        /// What the system said.
        source: io::Error,
    },
}

/// An archive that was not imported; no journal was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It holds one run, which makes no journal.
    #[error("the archive {location} holds one run, for reading only; export the whole journal")]
    OneRun {
        /// The path.
        location: String,
    },
    /// The journal cannot be written.
    #[error(transparent)]
    Target(#[from] TargetError),
}
