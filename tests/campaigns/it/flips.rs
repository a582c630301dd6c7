//! C10: every bit of a stream of frames, and any damage to any file.

use std::sync::atomic::{AtomicU64, Ordering};

use plan::Luck;
use resurge_journal::store::Condition;

use crate::report::Campaign;
use crate::shim::quick_home;
use crate::stream::{HEADER_BYTES, Part, STREAM_BYTES, parts, share};

/// Where a frame keeps the checksum of the frame before it.
const CHAIN_AT: usize = 48;
/// Where the body of a frame begins.
const BODY_AT: usize = 56;

/// Every bit of every frame once: the same bit of every other frame at a time, so that each damaged
/// one has intact neighbours.
#[test]
fn c10_every_bit_of_a_stream() {
    let Some(campaign) = Campaign::begin("c10", 1) else { return };
    let (mut bits, mut shown) = (0, AtomicU64::new(0));
    for round in 0..campaign.count {
        let home = quick_home();
        let seed = campaign.seed + (round << 32);
        let part = |half: u64, parity: usize| {
            let folder = home.path().join(format!("{round}-{parity}"));
            (parity, Part::make(&folder, half, seed, STREAM_BYTES / 2))
        };
        // The same frames for each parity, in journals of their own.
        let parts = vec![part(0, 0), part(0, 1), part(1, 0), part(1, 1)];
        bits += share(parts, |(parity, part)| flip_all(&part, parity, &shown))
            .unwrap_or_else(|problem| panic!("{problem}\n{}", campaign.again()));
    }
    let shown = shown.get_mut();
    assert!(*shown > 0, "what is intact is shown");
    campaign.pass(&format!("{bits} bits flipped, every one told, no wrong record shown"));
}

fn flip_all(part: &Part, parity: usize, shown: &AtomicU64) -> Result<u64, String> {
    let frames = part.frames();
    let longest = frames.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap();
    let mut flipped = 0;
    for bit in 0..longest * 8 {
        let mut segment = part.segment.clone();
        let mut hit = Vec::new();
        for (number, ends) in frames.windows(2).enumerate() {
            if number % 2 == parity && ends[0] + bit / 8 < ends[1] {
                segment[ends[0] + bit / 8] ^= 1 << (bit % 8);
                hit.push(number as u64 + 1);
            }
        }
        if hit.is_empty() {
            continue;
        }
        let right = part.expect_damage(&segment).map_err(|problem| format!("{bit}: {problem}"))?;
        if let Some(seq) = hit.iter().find(|seq| right.contains(seq)) {
            return Err(format!("SILENT: record {seq} is shown in spite of its bit {bit}"));
        }
        shown.fetch_add(right.len() as u64, Ordering::Relaxed);
        flipped += hit.len() as u64;
    }
    Ok(flipped)
}

/// One bit at a time, headers of segments as well.
#[test]
fn c10_single_bits() {
    let Some(campaign) = Campaign::begin("c10-single", 4_000) else { return };
    let (_home, parts) = parts(campaign.seed);
    let each = campaign.count.div_ceil(parts.len() as u64);
    let flipped = share(parts, |part| {
        let mut luck = Luck::new(campaign.seed ^ u64::from(crc32c::crc32c(&part.segment)));
        let mut segment = part.segment.clone();
        for _ in 0..each {
            let bit = luck.index(segment.len() * 8);
            segment[bit / 8] ^= 1 << (bit % 8);
            part.expect_damage(&segment).map_err(|problem| format!("bit {bit}: {problem}"))?;
            segment[bit / 8] ^= 1 << (bit % 8);
        }
        Ok(each)
    });
    let flipped = flipped.unwrap_or_else(|problem| panic!("{problem}\n{}", campaign.again()));
    campaign.pass(&format!("{flipped} single bits flipped, every one told"));
}

/// A frame that was changed and sealed again stands for a reader without a checksum.
#[test]
fn c10_would_notice_a_reader_without_a_checksum() {
    let Some(campaign) = Campaign::begin("c10-control", 400) else { return };
    let (_home, parts) = parts(campaign.seed);
    let mut luck = Luck::new(campaign.seed);
    let mut wrong = 0;
    for _ in 0..campaign.count {
        let part = &parts[luck.index(parts.len())];
        let frames = part.frames();
        let number = 1 + luck.index(frames.len() - 2);
        let (at, end) = (frames[number], frames[number + 1]);
        let mut segment = part.segment.clone();
        let body = end - 4 - at - BODY_AT;
        segment[at + BODY_AT + luck.index(body)] ^= 1 << luck.below(8);

        seal(&mut segment, at, end);
        let chained = part.show(&segment);
        let is_told = matches!(chained.condition, Condition::Damaged { .. });
        assert!(is_told, "the chain alone does not notice it: {:?}", chained.condition);

        let anchor = seal_all(part, &mut segment, &frames);
        let shown = part.show_with(&segment, &anchor);
        assert_eq!(shown.condition, Condition::Whole, "everything was sealed again");
        wrong += u64::from(shown.wrong.is_some());
    }
    assert!(wrong > campaign.count / 2, "{wrong} of {} were noticed", campaign.count);
    campaign.pass(&format!("{wrong} of {} would have been wrong records", campaign.count));
}

/// Gives a frame the checksum that fits.
fn seal(segment: &mut [u8], at: usize, end: usize) -> [u8; 4] {
    let key = crc32c::crc32c(&segment[at + 8..at + 16]);
    let crc = crc32c::crc32c_append(key, &segment[at..end - 4]).to_be_bytes();
    segment[end - 4..end].copy_from_slice(&crc);
    crc
}

/// Chains all frames anew; gives the head that fits.
fn seal_all(part: &Part, segment: &mut [u8], frames: &[usize]) -> Vec<u8> {
    let mut chain = [0; 4];
    for (at, end) in frames.iter().zip(&frames[1..]) {
        segment[at + CHAIN_AT..at + CHAIN_AT + 4].copy_from_slice(&chain);
        chain = seal(segment, *at, *end);
    }
    let mut anchor = part.anchor.clone();
    let last = u64::try_from(frames.len() - 1).unwrap();
    for slot in anchor.chunks_mut(512) {
        if slot[4..12] == last.to_be_bytes() {
            slot[12..16].copy_from_slice(&chain);
            let crc = crc32c::crc32c(&slot[..16]).to_be_bytes();
            slot[16..20].copy_from_slice(&crc);
        }
    }
    anchor
}

#[test]
fn c9_every_length_of_a_stream() {
    let Some(campaign) = Campaign::begin("c9", 1) else { return };
    let mut lengths = 0;
    for round in 0..campaign.count {
        let (_home, parts) = parts(campaign.seed + (round << 32));
        lengths += share(parts, |part| {
            for length in 0..part.segment.len() {
                let cut = &part.segment[..length];
                part.expect_damage(cut).map_err(|problem| format!("{length}: {problem}"))?;
            }
            Ok((part.segment.len() - HEADER_BYTES) as u64)
        })
        .unwrap_or_else(|problem| panic!("{problem}\n{}", campaign.again()));
    }
    campaign.pass(&format!("{lengths} truncations, every one told, no wrong record shown"));
}
