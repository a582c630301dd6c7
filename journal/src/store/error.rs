//! What can go wrong with a store that is open.

use std::io;

use crate::codec::{DecodeError, EncodeError};
use crate::id::Seq;

/// Records that were not added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Somebody else has added records; nothing was changed.
    #[error(
        "the journal ends at record {head}, not at {expected}; read what was added and decide again"
    )]
    Conflict {
        /// Where the caller took the end to be.
        expected: Seq,
        /// Where it is.
        head: Seq,
    },
    /// The records of the batch do not carry the positions that follow; nothing was changed.
    #[error(
        "record {found} stands where record {expected} must come; number the batch without gaps"
    )]
    Misnumbered {
        /// The position that must come.
        expected: Seq,
        /// The position that the record carries.
        found: Seq,
    },
    /// A record of the batch cannot be written; nothing was changed.
    #[error(transparent)]
    Record(#[from] EncodeError),
    /// There is no space for the batch; nothing was changed, and the store goes on.
    #[error(
        "there is no room for more records at {location}; \
         nothing was changed: free some space, then append again"
    )]
    NoRoom {
        /// Where the journal is.
        location: String,
        /// What the system said.
        source: io::Error,
    },
    /// The disk failed; the batch may be kept or not, and the store accepts nothing more.
    #[error(
        "cannot write to the journal at {location}; check the disk, then open the journal again"
    )]
    Io {
        /// Where the journal is.
        location: String,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier write failed; nothing was changed.
    #[error("an earlier write to the journal failed; open the journal again before writing")]
    Poisoned,
    /// The store was closed; nothing was changed.
    #[error("the journal is closed; open it again before writing")]
    Closed,
}

/// Records that cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Records are missing.
    #[error("records {from} to {to} are missing")]
    Gap {
        /// The first that is missing.
        from: Seq,
        /// The last that is missing.
        to: Seq,
    },
    /// A record is there, but not readable.
    #[error("record {seq} is not readable")]
    Undecodable {
        /// The record.
        seq: Seq,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A record is readable, but was not written after the one before it.
    #[error("record {seq} does not continue the record before it")]
    Chain {
        /// The record.
        seq: Seq,
    },
    /// A record stands a second time; the first one counts.
    #[error("record {seq} stands a second time")]
    Duplicate {
        /// The record.
        seq: Seq,
    },
    /// What should hold the record was written for another journal, or another place in this one.
    #[error("record {seq} is not in its segment, which is not ours: {problem}")]
    Foreign {
        /// The first record that should be there.
        seq: Seq,
        /// What tells it from ours.
        problem: String,
    },
    /// The back-end could not be asked.
    #[error("cannot read record {seq}")]
    Io {
        /// The record.
        seq: Seq,
        /// What the system said.
        source: io::Error,
    },
    /// The record was dropped on purpose.
    #[error("record {seq} was dropped by retention; the journal begins with record {first}")]
    Trimmed {
        /// The record.
        seq: Seq,
        /// The first record from which on none is missing.
        first: Seq,
    },
    /// The store was closed.
    #[error("the journal is closed; open it again before reading")]
    Closed,
}

/// Records that could not be dropped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrimError {
    /// The journal cannot be cut there; nothing was changed.
    #[error("the journal cannot be trimmed in front of record {first}; use one of its cuts")]
    NoCut {
        /// The record that was to be the first.
        first: Seq,
    },
    /// A record that is to be kept cannot be read; nothing was changed.
    #[error("cannot keep a record; open the journal again to mend it, then trim it")]
    Kept(#[source] ReadError),
    /// The disk failed; every record is still there.
    #[error("cannot trim the journal at {location}; check the disk and its free space")]
    Io {
        /// Where the journal is.
        location: String,
        /// What the system said.
        source: io::Error,
    },
    /// The store was closed or poisoned; nothing was changed.
    #[error("the journal takes no changes any more; open it again before trimming")]
    Closed,
}

impl ReadError {
    /// Whether the record is there and its body, which is kept aside, is not.
    pub const fn is_of_payload(&self) -> bool {
        matches!(self, Self::Undecodable { source: DecodeError::Payload { .. }, .. })
    }

    /// The first record that is in doubt.
    pub const fn seq(&self) -> Option<Seq> {
        match self {
            Self::Gap { from: seq, .. }
            | Self::Undecodable { seq, .. }
            | Self::Chain { seq }
            | Self::Duplicate { seq }
            | Self::Foreign { seq, .. }
            | Self::Trimmed { seq, .. }
            | Self::Io { seq, .. } => Some(*seq),
            Self::Closed => None,
        }
    }
}
