//! Runs as values of the cache: packed together, compressed, checked, cut into pieces.

use std::sync::Arc;

use super::body;
use super::lookup::Lost;
use crate::id::RunId;
use crate::state::Run;
use crate::store::CACHE_VALUE_BYTES_MAX;

/// Gathers runs for one block.
#[derive(Debug, Default)]
pub(super) struct Packer {
    tags: Vec<u8>,
    runs: Vec<u8>,
    count: u16,
}

impl Packer {
    /// Adds a run.
    pub(super) fn add(&mut self, run: &Run) -> Result<(), String> {
        self.tags.extend(tag(run.id));
        self.runs.extend(run.id.as_uuid().as_bytes());
        let at = self.runs.len();
        self.runs.extend([0; 4]);
        body::encode(run, &mut self.runs)?;
        let bytes = u32::try_from(self.runs.len() - at - 4).map_err(|error| error.to_string())?;
        if let Some(place) = self.runs.get_mut(at..at + 4) {
            place.copy_from_slice(&bytes.to_be_bytes());
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Whether the next run belongs into another block.
    pub(super) const fn is_full(&self) -> bool {
        self.runs.len() >= BLOCK_BYTES || self.count == u16::MAX
    }

    /// The block as values of the cache.
    ///
    /// CRC32C over the rest, number of runs, a tag for each of them, and the runs compressed.
    pub(super) fn finish(self) -> Vec<Vec<u8>> {
        let mut block = vec![0; 4];
        block.extend(self.count.to_be_bytes());
        block.extend(self.tags);
        block.extend(lz4_flex::compress_prepend_size(&self.runs));
        seal(&mut block);
        cut(&block)
    }
}

/// A block that was put together again.
#[derive(Debug)]
pub(super) struct Block {
    tags: Vec<u8>,
    runs: Vec<u8>,
}

impl Block {
    /// Checks a block.
    pub(super) fn open(bytes: &[u8]) -> Result<Self, Lost> {
        let rest = unseal(bytes)?;
        let (count, rest) = rest.split_at_checked(2).ok_or(DAMAGED)?;
        let count = usize::from(u16::from_be_bytes(count.try_into().map_err(|_| DAMAGED)?));
        let (tags, runs) = rest.split_at_checked(count * TAG_BYTES).ok_or(DAMAGED)?;
        Ok(Self { tags: tags.to_vec(), runs: runs.to_vec() })
    }

    /// Whether a run may be in it.
    pub(super) fn may_hold(&self, run: RunId) -> bool {
        self.tags.chunks_exact(TAG_BYTES).any(|known| known == tag(run))
    }

    /// The runs with these ids, in their order.
    pub(super) fn runs(&self, wanted: impl Fn(RunId) -> bool) -> Result<Vec<Arc<Run>>, Lost> {
        let plain = lz4_flex::decompress_size_prepended(&self.runs).map_err(|_| DAMAGED)?;
        let mut rest = plain.as_slice();
        let mut runs = Vec::new();
        while let Some((id, more)) = rest.split_first_chunk::<16>() {
            let (bytes, more) = more.split_first_chunk::<4>().ok_or(DAMAGED)?;
            let bytes = usize::try_from(u32::from_be_bytes(*bytes)).map_err(|_| DAMAGED)?;
            let (body, more) = more.split_at_checked(bytes).ok_or(DAMAGED)?;
            rest = more;
            if wanted(RunId::new(uuid::Uuid::from_bytes(*id))) {
                runs.push(Arc::new(body::decode(body).map_err(|_| DAMAGED)?));
            }
        }
        Ok(runs)
    }
}

/// Puts pieces that follow one another together into blocks.
#[derive(Debug, Default)]
pub(super) struct Joiner(Vec<u8>);

impl Joiner {
    /// Takes a piece; gives the block that it ends.
    pub(super) fn add(&mut self, piece: &[u8]) -> Result<Option<Block>, Lost> {
        let (more, piece) = piece.split_first().ok_or(DAMAGED)?;
        self.0.extend(piece);
        if *more == GOES_ON {
            return Ok(None);
        }
        Block::open(&std::mem::take(&mut self.0)).map(Some)
    }

    /// Fails if a block was cut off.
    pub(super) fn end(self) -> Result<(), Lost> {
        if self.0.is_empty() { Ok(()) } else { Err(DAMAGED) }
    }
}

/// Fills in the checksum in front of what it covers.
pub(super) fn seal(block: &mut [u8]) {
    if let Some((crc, rest)) = block.split_first_chunk_mut::<4>() {
        *crc = crc32c::crc32c(rest).to_be_bytes();
    }
}

/// What a checksum covers, if it is what was covered.
pub(super) fn unseal(block: &[u8]) -> Result<&[u8], Lost> {
    let (crc, rest) = block.split_first_chunk::<4>().ok_or(DAMAGED)?;
    (u32::from_be_bytes(*crc) == crc32c::crc32c(rest)).then_some(rest).ok_or(DAMAGED)
}

/// Pieces that fit the cache; the first byte of each says whether another follows.
fn cut(block: &[u8]) -> Vec<Vec<u8>> {
    let pieces = block.chunks(CACHE_VALUE_BYTES_MAX - 1);
    let last = pieces.len().saturating_sub(1);
    let piece = |(nth, bytes): (usize, &[u8])| {
        let more = if nth < last { GOES_ON } else { ENDS };
        std::iter::once(more).chain(bytes.iter().copied()).collect()
    };
    pieces.enumerate().map(piece).collect()
}

/// A few bits of an id, so that most blocks need not be decompressed to see who is not in them.
fn tag(run: RunId) -> [u8; TAG_BYTES] {
    let [.., first, second] = *run.as_uuid().as_bytes();
    [first, second]
}

const TAG_BYTES: usize = 2;
const ENDS: u8 = 0;
const GOES_ON: u8 = 1;
const DAMAGED: Lost = Lost::Damaged;
/// Plain bytes after which a block is full: what repeats lies within the reach of LZ4.
const BLOCK_BYTES: usize = 32 * 1024;
