//! The frame around a body: who, when, where, and checksums over all of it.
//!
//! All integers are big-endian, like the keys under which frames are kept.

use uuid::Uuid;

use super::aside::{Aside, Bodies, Kept};
use super::body::{Reader, Writer};
use super::error::{DecodeError, EncodeError};
use crate::event::Event;
use crate::id::{RunId, Seq};
use crate::record::Record;
use crate::time::Timestamp;

/// The largest frame, in bytes; larger values would reach sled's blob files, which are never synced.
pub const FRAME_BYTES_MAX: usize = 8 * 1024;

/// The largest body of a record, in bytes; one that does not fit into a frame is kept aside.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes in front of the body.
const HEADER_BYTES: usize = 56;
/// The length of the body ends the header.
const LENGTH_BYTES: usize = 4;
const LENGTH_AT: usize = HEADER_BYTES - LENGTH_BYTES;
/// Bytes behind the body.
const TRAILER_BYTES: usize = 4;

const MAGIC: [u8; 2] = *b"RJ";
/// Format of the frames that this release writes, and the latest that it reads.
const FORMAT: u8 = 2;
/// Set in the last record of a batch: what stands behind it belongs to another batch.
const LAST: u8 = 0x01;
/// Set if the body is kept aside and the frame only refers to it.
const ASIDE: u8 = 0x02;
/// Where the flags stand.
const FLAGS_AT: usize = 3;
/// Where the run stands.
#[cfg(feature = "sled")]
const RUN_AT: usize = 32;

/// How every frame of this format begins.
#[cfg(feature = "sled")]
pub(crate) const PREFIX: [u8; 3] = {
    let [first, second] = MAGIC;
    [first, second, FORMAT]
};

/// What ties a frame to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Link {
    /// Checksum of the frame before; 0 for the first.
    pub(crate) chain: u32,
    /// The last record that was durable when the frame was made.
    pub(crate) durable: Seq,
}

/// A record from bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) record: Record,
    pub(crate) link: Link,
    /// Its checksum, which the next frame repeats.
    pub(crate) crc: u32,
    /// Whether the batch ends here.
    pub(crate) is_last: bool,
}

/// Writes a record as a frame behind what is there; gives its checksum, which the next frame repeats.
///
/// A body that is too large for a frame is added to those that are kept aside. What is there stays
/// as it was if the record cannot be written.
pub(crate) fn encode(
    record: &Record,
    link: Link,
    is_last: bool,
    to: &mut Vec<u8>,
    aside: &mut Vec<Kept>,
) -> Result<u32, EncodeError> {
    let start = to.len();
    let encoded = write(record, link, is_last, to, aside);
    if encoded.is_err() {
        to.truncate(start);
    }
    encoded
}

fn write(
    record: &Record,
    link: Link,
    is_last: bool,
    to: &mut Vec<u8>,
    aside: &mut Vec<Kept>,
) -> Result<u32, EncodeError> {
    let (seq, event) = (record.seq, record.event.name());
    let run = record.run.map_or(Uuid::nil(), RunId::as_uuid);
    if record.run.is_some() && run.is_nil() {
        return Err(EncodeError::NilRun { seq });
    }

    let start = to.len();
    let flags = if is_last { LAST } else { 0 };
    to.extend_from_slice(&MAGIC);
    to.extend_from_slice(&[FORMAT, flags]);
    to.extend_from_slice(&record.event.tag().to_be_bytes());
    to.extend_from_slice(&record.event.body_version().to_be_bytes());
    to.extend_from_slice(&seq.get().to_be_bytes());
    to.extend_from_slice(&link.durable.get().to_be_bytes());
    to.extend_from_slice(&record.at.as_millis().to_be_bytes());
    to.extend_from_slice(run.as_bytes());
    to.extend_from_slice(&link.chain.to_be_bytes());
    to.extend_from_slice(&[0; LENGTH_BYTES]);
    record.event.encode_body(Writer(to)).map_err(|problem| EncodeError::Body {
        seq,
        event,
        problem,
    })?;

    let body_at = start + HEADER_BYTES;
    let bytes = to.len() - body_at;
    if bytes > BODY_BYTES_MAX {
        let bytes_max = BODY_BYTES_MAX;
        return Err(EncodeError::RecordTooLarge { seq, event, bytes, bytes_max });
    }
    if bytes > FRAME_BYTES_MAX - HEADER_BYTES - TRAILER_BYTES {
        let body = Kept::new(to.split_off(body_at));
        to.extend_from_slice(&body.aside.reference());
        put(to, start + FLAGS_AT, &[flags | ASIDE]);
        aside.push(body);
    }
    let length = u32::try_from(to.len() - body_at).unwrap_or(u32::MAX);
    put(to, start + LENGTH_AT, &length.to_be_bytes());
    let crc = checksum(seq, to.get(start..).unwrap_or_default());
    to.extend_from_slice(&crc.to_be_bytes());
    Ok(crc)
}

/// Overwrites bytes that are there.
fn put(to: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = to.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Reads the frame that was found under a key, and its body from where it is kept.
pub(crate) fn decode(key: Seq, frame: &[u8], bodies: &impl Bodies) -> Result<Decoded, DecodeError> {
    let Checked { tag, version, at, run, link, crc, body, is_last, aside } = open(key, frame)?;
    if !Event::is_known(tag, version) {
        return Err(DecodeError::UnknownEvent { tag, version });
    }
    let kept = aside.map(|aside| aside.fetch(bodies)).transpose()?;
    let event = Event::decode_body(tag, version, Reader(kept.as_deref().unwrap_or(body)))
        .map_err(|problem| DecodeError::Body { problem })?
        .ok_or(DecodeError::UnknownEvent { tag, version })?;
    Ok(Decoded { record: Record { seq: key, at, run, event }, link, crc, is_last })
}

/// What is known of an intact frame without opening its body.
#[cfg(feature = "sled")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) seq: Seq,
    pub(crate) link: Link,
    pub(crate) crc: u32,
    pub(crate) is_last: bool,
    /// Where the body is, if it is not in the frame.
    pub(crate) aside: Option<Aside>,
}

/// Checks the frame that was found under a key as far as that is cheap: all but the inner form of
/// the body.
#[cfg(feature = "sled")]
pub(crate) fn check(key: Seq, frame: &[u8]) -> Result<Seal, DecodeError> {
    let Checked { tag, version, link, crc, is_last, aside, .. } = open(key, frame)?;
    if Event::is_known(tag, version) {
        Ok(Seal { seq: key, link, crc, is_last, aside })
    } else {
        Err(DecodeError::UnknownEvent { tag, version })
    }
}

/// Whether the frame that was found under a key is what was written, as far as this release can tell.
#[cfg(feature = "sled")]
pub(crate) fn is_intact(key: Seq, frame: &[u8]) -> bool {
    check(key, frame).map_or_else(|error| error.is_newer(), |_| true)
}

/// Bytes from which a frame's position and length are known.
#[cfg(feature = "sled")]
pub(crate) const CLAIM_BYTES: usize = HEADER_BYTES;

/// The position and the length that bytes of unknown origin claim, if they begin like a frame.
#[cfg(feature = "sled")]
pub(crate) fn claim(bytes: &[u8]) -> Option<(Seq, usize)> {
    let mut fields = Fields(bytes.first_chunk::<HEADER_BYTES>()?);
    if fields.take::<2>() != MAGIC {
        return None;
    }
    fields.take::<{ 2 + 2 + 2 }>();
    let seq = Seq::new(u64::from_be_bytes(fields.take()));
    fields.take::<{ 8 + 8 + 16 + 4 }>();
    let body_bytes = usize::try_from(u32::from_be_bytes(fields.take())).ok()?;
    let bytes_all = body_bytes.checked_add(HEADER_BYTES + TRAILER_BYTES)?;
    (bytes_all <= FRAME_BYTES_MAX).then_some((seq, bytes_all))
}

/// The run that an intact frame belongs to.
#[cfg(feature = "sled")]
pub(crate) fn run_of(frame: &[u8]) -> Option<RunId> {
    let run = Uuid::from_bytes(*frame.get(RUN_AT..)?.first_chunk()?);
    (!run.is_nil()).then(|| RunId::new(run))
}

/// Where the body of a frame is that was not checked yet, if it claims to be kept aside.
pub(crate) fn claim_aside(frame: &[u8]) -> Option<Aside> {
    let is_aside = frame.get(FLAGS_AT).is_some_and(|flags| flags & ASIDE != 0);
    let body = frame.get(HEADER_BYTES..frame.len().checked_sub(TRAILER_BYTES)?);
    body.filter(|_| is_aside).and_then(Aside::read)
}

/// Finds out whether bytes of unknown origin begin with an intact frame; gives its length as well.
///
/// The checksum makes an accident all but impossible, and covers the position, so that no other
/// key is needed.
#[cfg(feature = "sled")]
pub(crate) fn probe(bytes: &[u8]) -> Option<(Seal, usize)> {
    let (seq, bytes_all) = claim(bytes)?;
    let seal = check(seq, bytes.get(..bytes_all)?).ok()?;
    Some((seal, bytes_all))
}

/// A frame that is what was written, its body still closed.
struct Checked<'a> {
    tag: u16,
    version: u16,
    at: Timestamp,
    run: Option<RunId>,
    link: Link,
    crc: u32,
    is_last: bool,
    body: &'a [u8],
    /// What the body refers to, if it is not the body itself.
    aside: Option<Aside>,
}

/// Checks a frame and takes its header apart.
///
/// The order matters: nothing is interpreted before the checksum has shown that it is what was
/// written, and nothing but magic, format and checksum before the format is known.
fn open(key: Seq, frame: &[u8]) -> Result<Checked<'_>, DecodeError> {
    let length = || DecodeError::Length { bytes: frame.len() };
    if frame.len() > FRAME_BYTES_MAX {
        return Err(length());
    }
    let (covered, trailer) = frame.split_last_chunk::<TRAILER_BYTES>().ok_or_else(length)?;
    let (header, body) = covered.split_first_chunk::<HEADER_BYTES>().ok_or_else(length)?;
    let mut fields = Fields(header);

    if fields.take::<2>() != MAGIC {
        return Err(DecodeError::Magic);
    }
    let crc = u32::from_be_bytes(*trailer);
    if crc != checksum(key, covered) {
        return Err(DecodeError::Checksum);
    }
    let [format, flags] = fields.take();
    if format < FORMAT {
        return Err(DecodeError::RetiredFormat { found: format });
    }
    if format > FORMAT || flags & !(LAST | ASIDE) != 0 {
        return Err(DecodeError::NewerFormat { found: format, supported: FORMAT });
    }
    let is_last = flags & LAST != 0;

    let tag = u16::from_be_bytes(fields.take());
    let version = u16::from_be_bytes(fields.take());
    let seq = Seq::new(u64::from_be_bytes(fields.take()));
    let durable = Seq::new(u64::from_be_bytes(fields.take()));
    let at = Timestamp::from_millis(i64::from_be_bytes(fields.take()));
    let run = Uuid::from_bytes(fields.take());
    let chain = u32::from_be_bytes(fields.take());
    let body_bytes = u32::from_be_bytes(fields.take());
    if usize::try_from(body_bytes) != Ok(body.len()) {
        return Err(length());
    }
    if seq != key {
        return Err(DecodeError::Misplaced { found: seq });
    }
    let is_aside = flags & ASIDE != 0;
    let aside = if is_aside { Some(Aside::read(body).ok_or_else(length)?) } else { None };
    let run = (!run.is_nil()).then(|| RunId::new(run));
    let link = Link { chain, durable };
    Ok(Checked { tag, version, at, run, link, crc, is_last, body, aside })
}

/// CRC32C over the key and everything in front of the checksum.
fn checksum(key: Seq, covered: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&key.get().to_be_bytes()), covered)
}

/// Takes the fields of a header from left to right.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// The next field; zeroes behind the end of the header, which its fixed layout never reaches.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }
}
