//! The files of a journal as the page describes them, and ways to spoil them.

#![expect(clippy::indexing_slicing, reason = "bytes that are not there fail their test")]

use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// Luck that is the same for the same seed.
#[derive(Debug)]
pub(crate) struct Luck(u64);

impl Luck {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66)
    }

    /// A number below a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % limit.max(1) as u64).expect("below a usize")
    }
}

/// The files of a closed journal that are not derived.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    marker: Vec<u8>,
    head: Vec<u8>,
    /// Everything behind the 64 bytes of the only segment.
    frames: Vec<Vec<u8>>,
    /// Segments in their order, once they are apart.
    segments: Vec<Vec<u8>>,
    /// Bodies that are in no frame, with their names.
    payloads: Vec<(OsString, Vec<u8>)>,
}

impl Parts {
    pub(crate) fn read(dir: &Path) -> Self {
        let read = |name: &str| fs::read(dir.join(name)).expect("readable");
        let segment = read("segments/00000001.seg");
        let frames =
            ranges(&segment).into_iter().map(|range| segment.get(range).expect("within").to_vec());
        let frames = frames.collect();
        let payloads = fs::read_dir(dir.join("payloads")).into_iter().flatten();
        let named = payloads.map(|entry| entry.expect("readable"));
        let mut payloads: Vec<_> = named
            .map(|entry| (entry.file_name(), fs::read(entry.path()).expect("readable")))
            .collect();
        payloads.sort();
        let (marker, head) = (read("FORMAT"), read("head"));
        Self { marker, head, frames, segments: vec![segment], payloads }
    }

    pub(crate) fn write(&self, dir: &Path) {
        fs::write(dir.join("FORMAT"), &self.marker).expect("written");
        if !self.head.is_empty() {
            fs::write(dir.join("head"), &self.head).expect("written");
        }
        fs::create_dir(dir.join("payloads")).expect("made");
        for (name, body) in &self.payloads {
            fs::write(dir.join("payloads").join(name), body).expect("written");
        }
        fs::create_dir(dir.join("segments")).expect("made");
        for (ordinal, bytes) in (1..).zip(&self.segments) {
            if !bytes.is_empty() {
                let name = format!("segments/{ordinal:08}.seg");
                fs::write(dir.join(name), bytes).expect("written");
            }
        }
    }

    /// Adds a frame behind the last one, a batch of its own.
    pub(crate) fn add(&mut self, tag: u16, version: u16, body: &[u8]) {
        let mut frame = self.frames.last().expect("a frame").clone();
        let seq = u64::from_be_bytes(*frame[8..].first_chunk().expect("eight bytes"));
        let chain = frame.split_off(frame.len() - 4);
        frame.truncate(56);
        frame[3] = 1;
        frame[4..6].copy_from_slice(&tag.to_be_bytes());
        frame[6..8].copy_from_slice(&version.to_be_bytes());
        frame[8..16].copy_from_slice(&(seq + 1).to_be_bytes());
        frame[16..24].copy_from_slice(&seq.to_be_bytes());
        frame[48..52].copy_from_slice(&chain);
        frame[52..56].copy_from_slice(&u32::try_from(body.len()).expect("short").to_be_bytes());
        frame.extend_from_slice(body);
        frame.extend_from_slice(&[0; 4]);
        seal(&mut frame);
        self.segments[0].extend_from_slice(&frame);
        self.frames.push(frame);
    }

    /// Puts the frames into segments anew, the first so many into the first one.
    fn apart(&mut self, first: usize) {
        let header = self.segments.first().and_then(|segment| segment.first_chunk::<64>());
        let header = header.copied().expect("a header");
        let (left, right) = self.frames.split_at(first.min(self.frames.len()));
        let second = [&header[..8], &2u64.to_be_bytes(), &header[16..60]].concat();
        let crc = crc32c::crc32c(&second).to_be_bytes();
        self.segments = vec![
            [&header[..], &left.concat()].concat(),
            [&second[..], &crc, &right.concat()].concat(),
        ];
    }

    fn any_segment(&mut self, luck: &mut Luck) -> &mut Vec<u8> {
        let which = luck.below(self.segments.len());
        self.segments.get_mut(which).expect("within")
    }
}

/// Where the frames of a segment are.
pub(crate) fn ranges(segment: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 64;
    while segment.get(at..at + 2) == Some(b"RJ") {
        let length = segment.get(at + 52..at + 56).expect("a header");
        let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
        let end = at + 60 + usize::try_from(length).expect("small");
        ranges.push(at..end);
        at = end;
    }
    ranges
}

/// Makes the checksum of a frame fit again.
fn seal(frame: &mut Vec<u8>) {
    frame.truncate(frame.len() - 4);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&frame[8..16]), frame);
    frame.extend_from_slice(&crc.to_be_bytes());
}

/// Spoils a journal in one way; says how.
pub(crate) fn spoil(parts: &mut Parts, luck: &mut Luck) -> String {
    let which = luck.below(6);
    match which {
        0 => spoil_frames(parts, luck),
        1 => spoil_head(parts, luck),
        2 => spoil_payload(parts, luck),
        _ => spoil_bytes(parts, luck),
    }
}

/// Moves whole frames about, and puts them into two segments.
fn spoil_frames(parts: &mut Parts, luck: &mut Luck) -> String {
    let at = luck.below(parts.frames.len());
    let frame = parts.frames.get(at).expect("within").clone();
    let which = luck.below(12);
    match which {
        0 if parts.frames.len() > 1 => drop(parts.frames.remove(at)),
        1 => parts.frames.insert(at, frame),
        2 => parts.frames.truncate(at + 1),
        3 => parts.frames.push(frame),
        4 => parts.frames.swap(at, 0),
        0 | 5 => {}
        _ => {
            // A later format, a body that is elsewhere, another flag, an unknown event, an earlier format, a longer body, a
            // position far behind, and bodies that are not what they should be.
            let frame = &mut parts.frames[at];
            let body = 56 + luck.below(frame.len() - 60);
            let places = [
                (2, 3),
                (3, 3),
                (3, 5),
                (4, 9),
                (7, 9),
                (2, 1),
                (55, 1),
                (15, 77),
                (56, 255),
                (body, 254),
            ];
            let (place, value) = places[luck.below(places.len())];
            frame[place] = value;
            seal(frame);
        }
    }
    let first = luck.below(parts.frames.len() + 2);
    parts.apart(first);
    format!("frame {at} in way {which}, {first} in the first segment")
}

/// Spoils a body that is in no frame, or removes it.
fn spoil_payload(parts: &mut Parts, luck: &mut Luck) -> String {
    let which = luck.below(5);
    let nth = luck.below(parts.payloads.len());
    let Some((_, body)) = parts.payloads.get_mut(nth) else { return "no payload".to_owned() };
    let at = luck.below(body.len());
    match which {
        0 => drop(parts.payloads.remove(nth)),
        1 => body.truncate(at),
        2 => body.push(0),
        3 => body.clear(),
        _ if at < body.len() => body[at] ^= 1 << luck.below(8),
        _ => {}
    }
    format!("payload {nth} at {at} in way {which}")
}

/// Lets the head say something else.
fn spoil_head(parts: &mut Parts, luck: &mut Luck) -> String {
    let at = luck.below(parts.frames.len());
    let which = luck.below(4);
    let mut slot = b"RJHD".to_vec();
    let frame = parts.frames.get(at).expect("within");
    slot.extend_from_slice(&frame[8..16]);
    slot.extend_from_slice(&frame[frame.len() - 4..]);
    if which == 0 {
        slot[13] ^= 1;
    }
    slot.extend_from_slice(&crc32c::crc32c(&slot).to_be_bytes());
    slot.resize(512, 0);
    parts.head = match which {
        1 => Vec::new(),
        2 => slot.get(..300).expect("within").to_vec(),
        _ => slot.repeat(2),
    };
    format!("head at frame {at} in way {which}")
}

/// Changes bytes where they stand.
fn spoil_bytes(parts: &mut Parts, luck: &mut Luck) -> String {
    let which = luck.below(8);
    let segment = parts.any_segment(luck);
    let at = luck.below(segment.len());
    match which {
        7 if segment.len() > 64 => {
            // Another format, an earlier one, another number, another journal, none of these.
            let (place, value) = [(5, 3), (5, 1), (15, 9), (20, 0x5A), (40, 1)][luck.below(5)];
            segment[place] = value;
            let crc = crc32c::crc32c(&segment[..60]).to_be_bytes();
            segment[60..64].copy_from_slice(&crc);
        }
        0 | 1 if at < segment.len() => {
            *segment.get_mut(at).expect("within") ^= 1 << luck.below(8);
        }
        0..=2 => segment.truncate(at),
        3 => segment.get_mut(at..).expect("within").fill(0),
        4 => segment.extend(std::iter::repeat_n(0, luck.below(10_000))),
        5 => segment.extend_from_slice(b"RJ\x02\x00 is not how a frame goes on"),
        _ => drop(segment.splice(at..at, *b"RJ\x02more")),
    }
    format!("byte {at} in way {which}")
}
