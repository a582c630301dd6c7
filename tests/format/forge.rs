//! The bytes of a journal, for those who spoil it.

use std::ops::Range;

/// CRC32C, bit by bit: nothing here is in a hurry, and nothing of ours is trusted.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg())
        })
    })
}

/// Where the frames of a segment are.
pub(crate) fn frames(segment: &[u8]) -> Vec<Range<usize>> {
    let mut frames = Vec::new();
    let mut at = 64;
    while segment.get(at..at + 2) == Some(b"RJ") {
        let length = segment.get(at + 52..at + 56).unwrap().try_into().unwrap();
        let end = at + 60 + u32::from_be_bytes(length) as usize;
        frames.push(at..end);
        at = end;
    }
    frames
}

/// A frame behind the last one, with another tag and a body of its own; known to no release.
pub(crate) fn unknown_frame(segment: &[u8]) -> Vec<u8> {
    let last = segment.get(frames(segment).pop().unwrap()).unwrap();
    let seq = u64::from_be_bytes(last.get(8..16).unwrap().try_into().unwrap());
    let body = b"what this says is for later releases";
    let mut frame = last.get(..56).unwrap().to_vec();
    frame.splice(3..8, [1, 0x06, 0x01, 0, 1]);
    frame.splice(8..16, (seq + 1).to_be_bytes());
    frame.splice(16..24, seq.to_be_bytes());
    frame.splice(48..52, last.last_chunk::<4>().copied().unwrap());
    frame.splice(52..56, u32::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(body);
    let covered = [&(seq + 1).to_be_bytes()[..], &frame].concat();
    frame.extend_from_slice(&crc32c(&covered).to_be_bytes());
    frame
}
