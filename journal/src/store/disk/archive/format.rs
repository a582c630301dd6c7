//! The beginning and the end of an archive; `docs/journal-format.md` draws them.
//!
//! All integers are big-endian, as in the frames between them.

use uuid::Uuid;

use crate::id::{RunId, Seq};

/// Bytes in front of the first frame.
pub(super) const HEADER_BYTES: usize = 64;
/// Bytes behind the last frame.
pub(super) const END_BYTES: usize = 32;

/// Format of an archive of records alone.
const FORMAT: u16 = 1;
/// Format of one that begins with what stands for dropped records; the latest that is read.
const FORMAT_WITH_BASE: u16 = 2;
const MAGIC: [u8; 4] = *b"RJAR";
/// No frame begins like this.
pub(super) const END_MAGIC: [u8; 4] = *b"ENDJ";
const CRC_BYTES: usize = 4;

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) journal: Uuid,
    /// The one run whose records it holds; all records if none.
    pub(super) run: Option<RunId>,
    /// Bytes of what stands for dropped records; 0 if there is nothing of that.
    pub(super) base_bytes: u64,
}

/// What is wrong with a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Foreign,
    Damaged,
    Newer(u16),
}

/// What an archive says about itself at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) records: u64,
    /// How far the journal went.
    pub(super) last: Seq,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        let format = if self.base_bytes > 0 { FORMAT_WITH_BASE } else { FORMAT };
        bytes.extend_from_slice(&format.to_be_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(self.journal.as_bytes());
        bytes.extend_from_slice(self.run.map_or(Uuid::nil(), RunId::as_uuid).as_bytes());
        bytes.extend_from_slice(&self.base_bytes.to_be_bytes());
        bytes.resize(HEADER_BYTES - CRC_BYTES, 0);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        let Some(rest) = bytes.strip_prefix(&MAGIC) else { return Err(Problem::Foreign) };
        let (covered, crc) = bytes.split_last_chunk::<CRC_BYTES>().ok_or(Problem::Damaged)?;
        let is_intact = crc32c::crc32c(covered) == u32::from_be_bytes(*crc);
        if bytes.len() != HEADER_BYTES || !is_intact {
            return Err(Problem::Damaged);
        }
        let (format, rest) = rest.split_first_chunk().ok_or(Problem::Damaged)?;
        let format = u16::from_be_bytes(*format);
        if format > FORMAT_WITH_BASE {
            return Err(Problem::Newer(format));
        }
        let ids = rest.get(2..).and_then(|rest| rest.split_first_chunk::<16>());
        let (journal, rest) = ids.ok_or(Problem::Damaged)?;
        let (run, rest) = rest.split_first_chunk::<16>().ok_or(Problem::Damaged)?;
        let run = Uuid::from_bytes(*run);
        let base_bytes = u64::from_be_bytes(*rest.first_chunk().ok_or(Problem::Damaged)?);
        let header = Self {
            journal: Uuid::from_bytes(*journal),
            run: (!run.is_nil()).then(|| RunId::new(run)),
            base_bytes,
        };
        // Whatever else it says, this release would not have written it.
        if header.encode() == bytes { Ok(header) } else { Err(Problem::Damaged) }
    }
}

impl End {
    /// The end mark behind bytes with this checksum.
    pub(super) fn encode(&self, crc: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(END_BYTES);
        bytes.extend_from_slice(&END_MAGIC);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.records.to_be_bytes());
        bytes.extend_from_slice(&self.last.get().to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let crc = crc32c::crc32c_append(crc, &bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Reads the end mark behind bytes with this checksum; none if it is not what was written.
    pub(super) fn decode(bytes: &[u8], crc: u32) -> Option<Self> {
        let (records, rest) = bytes.get(8..)?.split_first_chunk()?;
        let last = Seq::new(u64::from_be_bytes(*rest.first_chunk()?));
        let end = Self { records: u64::from_be_bytes(*records), last };
        (end.encode(crc) == bytes).then_some(end)
    }
}
