//! The head of the file; `docs/journal-format.md` draws it.

use std::io;
use std::path::Path;

use uuid::Uuid;

use crate::id::Seq;
use crate::store::disk::segment::{self, Frames, Place, Position, SegmentFile};
use crate::store::tail::Tail;

/// Bytes in front of the residue.
pub(super) const HEAD_BYTES: u64 = 80;
/// Bytes of the checksum at the end.
pub(super) const END_BYTES: u64 = 4;

const MAGIC: [u8; 4] = *b"RJBS";
/// Format that this release writes, and the latest that it reads.
const FORMAT: u16 = 2;
/// Set if what stood for the records that are gone was lost with them.
const LOST: u16 = 0x0001;
/// Set as long as no record tells that.
const UNTOLD: u16 = 0x0002;
const COVERED_BYTES: usize = 76;

/// Where the records that are all there begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::disk) struct Origin {
    /// The first of them.
    pub(in crate::store::disk) first: Seq,
    /// The segment that begins with it; 0 if the journal was never trimmed, for whichever comes first.
    pub(in crate::store::disk) ordinal: u64,
    /// Checksum of the record before it; 0 if there never was one.
    pub(in crate::store::disk) chain: u32,
}

impl Origin {
    /// That of a journal that was never trimmed.
    pub(in crate::store::disk) const CREATION: Self =
        Self { first: Seq::new(1), ordinal: 0, chain: 0 };

    /// The place in front of the first record.
    pub(in crate::store::disk) const fn position(self) -> Position {
        Position { tail: self.tail(), end: Place::start_of(self.ordinal) }
    }

    /// What the first record continues.
    pub(in crate::store::disk) const fn tail(self) -> Tail {
        Tail { head: Seq::new(self.first.get() - 1), chain: self.chain }
    }

    /// The segments of a journal, without those in front, which were dropped.
    pub(in crate::store::disk) fn segments(self, dir: &Path) -> io::Result<Vec<SegmentFile>> {
        let mut segments = segment::list(dir)?;
        segments.retain(|segment| segment.ordinal >= self.ordinal);
        Ok(segments)
    }

    /// All frames of segments.
    pub(in crate::store::disk) fn frames(
        self,
        journal: Uuid,
        segments: impl IntoIterator<Item = SegmentFile>,
    ) -> Frames {
        Frames::new(journal, segments, self.position().end, self.first)
    }
}

/// What the file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::disk) struct Head {
    pub(in crate::store::disk) journal: Uuid,
    pub(in crate::store::disk) origin: Origin,
    pub(in crate::store::disk) loss: Option<Loss>,
    pub(in crate::store::disk) residue_bytes: u64,
    /// Bytes of the frames that were kept.
    pub(in crate::store::disk) frames_bytes: u64,
    /// Number of them.
    pub(in crate::store::disk) kept: u64,
}

/// What stood for the records that are gone was lost with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::disk) enum Loss {
    /// No record tells it yet.
    Untold,
    Told,
}

impl Loss {
    const fn flags(self) -> u16 {
        match self {
            Self::Untold => LOST | UNTOLD,
            Self::Told => LOST,
        }
    }

    const fn of(flags: u16) -> Option<Self> {
        match (flags & LOST != 0, flags & UNTOLD != 0) {
            (true, true) => Some(Self::Untold),
            (true, false) => Some(Self::Told),
            (false, _) => None,
        }
    }
}

/// Why something is no such file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    Newer(u16),
    Damaged(String),
}

impl Head {
    /// One that nothing stands behind yet.
    pub(in crate::store::disk) const fn new(journal: Uuid, origin: Origin) -> Self {
        Self { journal, origin, loss: None, residue_bytes: 0, frames_bytes: 0, kept: 0 }
    }

    /// Where the frames begin.
    pub(super) const fn frames_at(&self) -> u64 {
        HEAD_BYTES.saturating_add(self.residue_bytes)
    }

    /// Where the frames end.
    pub(super) const fn frames_end(&self) -> u64 {
        self.frames_at().saturating_add(self.frames_bytes)
    }

    /// Bytes of the whole file.
    pub(in crate::store::disk) const fn file_bytes(&self) -> u64 {
        self.frames_end().saturating_add(END_BYTES)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let flags = self.loss.map_or(0, Loss::flags);
        let mut bytes = Vec::with_capacity(COVERED_BYTES + 4);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_be_bytes());
        bytes.extend_from_slice(&flags.to_be_bytes());
        bytes.extend_from_slice(self.journal.as_bytes());
        bytes.extend_from_slice(&self.origin.first.get().to_be_bytes());
        bytes.extend_from_slice(&self.origin.ordinal.to_be_bytes());
        bytes.extend_from_slice(&self.origin.chain.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.residue_bytes.to_be_bytes());
        bytes.extend_from_slice(&self.frames_bytes.to_be_bytes());
        bytes.extend_from_slice(&self.kept.to_be_bytes());
        bytes.resize(COVERED_BYTES, 0);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let damaged = || Flaw::Damaged("its head is not what was written".to_owned());
        let (covered, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        let is_whole = covered.len() == COVERED_BYTES && covered.starts_with(&MAGIC);
        if !is_whole || crc32c::crc32c(covered) != u32::from_be_bytes(*crc) {
            return Err(damaged());
        }
        let short = |at: usize| Some(u16::from_be_bytes(*covered.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(u64::from_be_bytes(*covered.get(at..)?.first_chunk()?));
        let format = short(4).ok_or_else(damaged)?;
        if format > FORMAT {
            return Err(Flaw::Newer(format));
        }
        let read = || {
            let chain = covered.get(40..)?.first_chunk()?;
            Some(Self {
                journal: Uuid::from_bytes(*covered.get(8..)?.first_chunk()?),
                origin: Origin {
                    first: Seq::new(long(24)?),
                    ordinal: long(32)?,
                    chain: u32::from_be_bytes(*chain),
                },
                loss: Loss::of(short(6)?),
                residue_bytes: long(48)?,
                frames_bytes: long(56)?,
                kept: long(64)?,
            })
        };
        // Whatever else it says, this release would not have written it.
        let is_ours = |head: &Self| head.encode() == bytes && head.origin.first > Seq::new(1);
        read().filter(is_ours).ok_or_else(damaged)
    }
}
