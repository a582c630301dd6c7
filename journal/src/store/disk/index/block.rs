//! Frames packed into one value of the database.
//!
//! A key a record costs sled eight microseconds; a block holds a few dozen.

use std::io;

use crate::codec::{self, FRAME_BYTES_MAX};
use crate::id::Seq;

/// The largest value that the database gets; beyond that sled would turn to files of its own.
const BLOCK_BYTES_MAX: usize = 8 * 1024;
/// Frames packed into one block at most, in bytes.
const RAW_BYTES_MAX: usize = 64 * 1024;
const HEADER_BYTES: usize = 12;
const MAGIC: [u8; 2] = *b"RB";
/// How the frames are packed.
const PLAIN: u8 = 0;
const LZ4: u8 = 1;

/// Frames that follow each other, packed.
///
/// ```text
///   0  2  magic, "RB"        8  4  CRC32C over everything else and the key
///   2  1  how it is packed  12  n  the frames, packed
///   3  1  0
///   4  4  bytes of the frames
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    first: Seq,
    last: Seq,
    bytes: Vec<u8>,
    frames: Vec<u8>,
}

impl Block {
    pub(super) const fn first(&self) -> Seq {
        self.first
    }

    pub(super) const fn last(&self) -> Seq {
        self.last
    }

    /// The value as the database keeps it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The frames, unpacked, one behind the other.
    pub(super) fn frames(&self) -> &[u8] {
        &self.frames
    }

    /// The frame of a record.
    pub(super) fn frame(&self, seq: Seq) -> Option<&[u8]> {
        split(&self.frames).find(|(at, _)| *at == seq).map(|(_, frame)| frame)
    }

    /// Reads what stands under a key.
    pub(super) fn read(key: &[u8], value: &[u8]) -> io::Result<Self> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a block is damaged");
        let first = Seq::new(u64::from_be_bytes(key.try_into().map_err(|_| damaged())?));
        let (header, packed) = value.split_first_chunk::<HEADER_BYTES>().ok_or_else(damaged)?;
        let [m0, m1, packing, _, l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        let crc = u32::from_be_bytes([c0, c1, c2, c3]);
        let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        let covered = header.get(..8).unwrap_or_default();
        if [m0, m1] != MAGIC || checksum(first, covered, packed) != crc || length > RAW_BYTES_MAX {
            return Err(damaged());
        }
        let frames = match packing {
            PLAIN => packed.to_vec(),
            LZ4 => lz4_flex::block::decompress(packed, length).map_err(|_| damaged())?,
            _ => return Err(damaged()),
        };
        let last = last_of(&frames).filter(|last| *last >= first).ok_or_else(damaged)?;
        Ok(Self { first, last, bytes: value.to_vec(), frames })
    }

    fn pack(frames: &[u8]) -> Option<Self> {
        let (first, _) = codec::claim(frames)?;
        let last = last_of(frames)?;
        let packed = lz4_flex::block::compress(frames);
        let (packing, packed) =
            if packed.len() < frames.len() { (LZ4, packed.as_slice()) } else { (PLAIN, frames) };
        let mut bytes = Vec::with_capacity(HEADER_BYTES + packed.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[packing, 0]);
        bytes.extend_from_slice(&u32::try_from(frames.len()).ok()?.to_be_bytes());
        let crc = checksum(first, &bytes, packed);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes.extend_from_slice(packed);
        Some(Self { first, last, bytes, frames: frames.to_vec() })
    }
}

/// Collects frames until a block is full.
#[derive(Debug)]
pub(super) struct Packer {
    frames: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<usize>,
    /// Bytes of frames that are likely to fill a block.
    target: usize,
}

impl Packer {
    pub(super) const fn new() -> Self {
        Self { frames: Vec::new(), ends: Vec::new(), target: 2 * BLOCK_BYTES_MAX }
    }

    /// Goes on with a block that has room left.
    pub(super) fn refill(&mut self, block: &Block) {
        self.frames.clone_from(&block.frames);
        self.ends = ends_of(&self.frames);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Adds a frame that follows the last one; a block, if that filled one.
    pub(super) fn push(&mut self, frame: &[u8]) -> Option<Block> {
        let full = self.frames.len() + frame.len() > self.target && !self.is_empty();
        let block = if full { self.cut() } else { None };
        self.frames.extend_from_slice(frame);
        self.ends.push(self.frames.len());
        block
    }

    /// The frames at hand as a block that may still grow; none without any.
    pub(super) fn unfinished(&mut self) -> Option<Block> {
        Block::pack(&self.frames)
            .filter(|block| block.bytes.len() <= BLOCK_BYTES_MAX + HEADER_BYTES)
    }

    /// Makes a block of as many frames as fit into one, and learns from it.
    pub(super) fn cut(&mut self) -> Option<Block> {
        let block = Block::pack(&self.frames)?;
        let (packed, raw) = (block.bytes.len(), self.frames.len());
        if packed > BLOCK_BYTES_MAX && self.ends.len() > 1 {
            return self.cut_half();
        }
        let likely = raw * BLOCK_BYTES_MAX * 9 / 10 / packed;
        self.target = likely.clamp(FRAME_BYTES_MAX, RAW_BYTES_MAX);
        self.frames.clear();
        self.ends.clear();
        Some(block)
    }

    /// Too much for one block: the first half, and the rest stays.
    fn cut_half(&mut self) -> Option<Block> {
        let half = self.ends.len() / 2;
        let at = *self.ends.get(half.checked_sub(1)?)?;
        let rest = self.frames.split_off(at);
        self.ends.truncate(half);
        self.target = (at * 9 / 10).max(FRAME_BYTES_MAX);
        let block = self.cut();
        // What the first half could not take stands in front of the rest.
        self.frames.extend_from_slice(&rest);
        self.ends = ends_of(&self.frames);
        block
    }
}

fn checksum(first: Seq, covered: &[u8], packed: &[u8]) -> u32 {
    let key = crc32c::crc32c(&first.get().to_be_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(key, covered), packed)
}

/// Splits frames that follow each other.
pub(super) fn split(frames: &[u8]) -> impl Iterator<Item = (Seq, &[u8])> {
    let mut rest = frames;
    std::iter::from_fn(move || {
        let (seq, bytes) = codec::claim(rest)?;
        let (frame, behind) = rest.split_at_checked(bytes)?;
        rest = behind;
        Some((seq, frame))
    })
}

fn ends_of(frames: &[u8]) -> Vec<usize> {
    let mut end = 0;
    split(frames)
        .map(|(_, frame)| {
            end += frame.len();
            end
        })
        .collect()
}

fn last_of(frames: &[u8]) -> Option<Seq> {
    split(frames).last().map(|(seq, _)| seq)
}
