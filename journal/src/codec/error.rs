//! What can be wrong with a record or a frame.

use super::aside::PayloadHash;
use crate::id::Seq;

/// A record that cannot become a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The body would be larger than a body may be.
    #[error(
        "record {seq} ({event}) has a body of {bytes} bytes and may have {bytes_max}; \
         keep large data in files and put their names into the payload"
    )]
    RecordTooLarge {
        /// The record.
        seq: Seq,
        /// Name of its event.
        event: &'static str,
        /// Size of the body.
        bytes: usize,
        /// Largest size that a body may have.
        bytes_max: usize,
    },
    /// The run id is the nil UUID, which stands for "no run" on disk.
    #[error("record {seq} belongs to the nil run; give every run an id of its own")]
    NilRun {
        /// The record.
        seq: Seq,
    },
    /// A value of the body has no form in bincode.
    #[error("record {seq} ({event}) cannot be written: {problem}")]
    Body {
        /// The record.
        seq: Seq,
        /// Name of its event.
        event: &'static str,
        /// What the encoder said.
        problem: String,
    },
}

/// Bytes that are not a frame which this release can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Shorter or longer than any frame, or than its own header says.
    #[error("{bytes} bytes are not the length of this frame")]
    Length {
        /// How many bytes there are.
        bytes: usize,
    },
    /// The first two bytes are not those of a frame.
    #[error("the bytes do not begin like a frame")]
    Magic,
    /// The checksum does not fit the bytes and their key.
    #[error("the checksum does not fit")]
    Checksum,
    /// The frame is intact, but of a later format.
    #[error(
        "the frame has format {found} and this release reads up to {supported}; use a newer release"
    )]
    NewerFormat {
        /// Format of the frame.
        found: u8,
        /// Latest format that this release reads.
        supported: u8,
    },
    /// The frame is intact, but of a format that no release ever wrote.
    #[error("the frame has format {found}, which was given up before the first release")]
    RetiredFormat {
        /// Format of the frame.
        found: u8,
    },
    /// The frame is intact, but its event is not known here.
    #[error("event {tag:#06x} version {version} is not known to this release; use a newer release")]
    UnknownEvent {
        /// Tag of the event.
        tag: u16,
        /// Version of its body.
        version: u16,
    },
    /// The frame is intact, but says another position than the key it was found under.
    #[error("the frame says it is record {found}")]
    Misplaced {
        /// Position in the frame.
        found: Seq,
    },
    /// The frame is intact, but its body, which is kept aside, is lost.
    #[error("its payload {hash} {problem}")]
    Payload {
        /// What the body should be.
        hash: PayloadHash,
        /// What became of it.
        problem: PayloadProblem,
    },
    /// The frame is intact, but its body is not what its tag and version say.
    #[error("the body does not fit its event: {problem}")]
    Body {
        /// What the decoder said.
        problem: String,
    },
}

/// Why the body of a record, kept aside, cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadProblem {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It is not what was written.
    #[error("is not what was written")]
    Changed,
    /// It cannot be read; it may be whole.
    #[error("cannot be read ({said})")]
    Unreadable {
        /// What the system said.
        said: String,
    },
}

impl DecodeError {
    /// Whether the bytes are intact and a newer release could read them.
    pub const fn is_newer(&self) -> bool {
        matches!(self, Self::NewerFormat { .. } | Self::UnknownEvent { .. })
    }
}
