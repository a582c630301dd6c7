//! Why a journal cannot be opened.

use std::io;

use crate::id::Seq;

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
    /// Records are lost that were durable once.
    #[error(
        "the journal at {location} has lost records {lost_from} to {} ({problem}); \
         put it back from a copy, or read what is left with `journal-dump verify`",
        end(*.lost_to)
    )]
    Damaged {
        /// The path.
        location: String,
        /// The first record that is lost.
        lost_from: Seq,
        /// The last record that is known to be lost; none if that cannot be told.
        lost_to: Option<Seq>,
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

fn end(seq: Option<Seq>) -> String {
    seq.map_or_else(|| "an unknown end".to_owned(), |seq| seq.to_string())
}
