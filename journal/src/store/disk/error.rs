//! Why a journal cannot be opened.

use std::io;

/// A journal that was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no journal, and none was to be created.
    #[error("there is no journal at {location}; check the path")]
    Missing {
        /// The path.
        location: String,
    },
    /// There is something else; it was not touched.
    #[error("{location} is not a journal ({problem}); choose another folder")]
    Foreign {
        /// The path.
        location: String,
        /// What tells it from a journal.
        problem: String,
    },
    /// Another process, or another store in this one, has the journal open.
    #[error("the journal at {location} is in use{}; stop that process or wait for it", by(*.pid))]
    Locked {
        /// The path.
        location: String,
        /// The process that took the lock last, where it could be read.
        pid: Option<u32>,
    },
    /// Nothing of it can be read, not even its first record; it was not touched.
    #[error(
        "nothing of the journal at {location} can be read ({problem}); \
         put it back from a copy, or move it away to begin anew"
    )]
    Lost {
        /// The path.
        location: String,
        /// How it was noticed.
        problem: String,
    },
    /// The journal was written by a newer release; it was not touched.
    #[error("the journal at {location} has a newer format ({problem}); use a newer release")]
    NewerFormat {
        /// The path.
        location: String,
        /// What is newer.
        problem: String,
    },
    /// The disk failed or refused access.
    #[error("cannot open the journal at {location} ({action}); check the disk and the permissions")]
    Io {
        /// The path.
        location: String,
        /// What was attempted.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn by(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by process {pid}"))
}
