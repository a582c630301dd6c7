//! A checkpoint as bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | CRC32C over the rest |
//! | 4 | `RJCP` |
//! | 2 | version of this layout: 2 |
//! | 8 | fingerprint of the fold |
//! | 8 | position |
//! | | LZ4, behind its plain size: parts, each behind its length (4 bytes) |
//!
//! The first part is everything beside runs, the second what it makes useless in the cache, the
//! third tells about the runs that have left memory; each of the others is a run.

use std::sync::Arc;

use super::body;
use super::cold::{Book, Cold};
use super::fingerprint::FINGERPRINT;
use super::lookup::Lost;
use super::pack::{seal, unseal};
use super::stale::Stale;
use super::write::Snapshot;
use crate::id::Seq;
use crate::state::{Global, Run, State};

const MAGIC: &[u8; 4] = b"RJCP";
const VERSION: u16 = 2;

pub(super) fn encode(snapshot: &Snapshot) -> Result<Vec<u8>, String> {
    let mut parts = Vec::new();
    add(&snapshot.global, &mut parts)?;
    add(&snapshot.transit.stale, &mut parts)?;
    add(&snapshot.book, &mut parts)?;
    for run in &snapshot.hot {
        add(run.as_ref(), &mut parts)?;
    }
    let mut image = vec![0; 4];
    image.extend(MAGIC);
    image.extend(VERSION.to_be_bytes());
    image.extend(FINGERPRINT.to_be_bytes());
    image.extend(snapshot.transit.at.get().to_be_bytes());
    image.extend(lz4_flex::compress_prepend_size(&parts));
    seal(&mut image);
    Ok(image)
}

fn add<T: serde::Serialize>(part: &T, to: &mut Vec<u8>) -> Result<(), String> {
    let at = to.len();
    to.extend([0; 4]);
    body::encode(part, to)?;
    let bytes = u32::try_from(to.len() - at - 4).map_err(|error| error.to_string())?;
    if let Some(place) = to.get_mut(at..at + 4) {
        place.copy_from_slice(&bytes.to_be_bytes());
    }
    Ok(())
}

/// The state and the runs that had left it; none if the image is damaged or of another fold.
pub(super) fn decode(at: Seq, image: &[u8]) -> Option<(State, Cold)> {
    let rest = unseal(image).ok()?.strip_prefix(MAGIC)?;
    let rest = rest.strip_prefix(&VERSION.to_be_bytes())?;
    let rest = rest.strip_prefix(&FINGERPRINT.to_be_bytes())?;
    let rest = rest.strip_prefix(&at.get().to_be_bytes())?;
    let parts = lz4_flex::decompress_size_prepended(rest).ok()?;
    let mut rest = parts.as_slice();
    let global: Global = body::decode(next(&mut rest).ok()??).ok()?;
    let leftover: Vec<Stale> = body::decode(next(&mut rest).ok()??).ok()?;
    let mut book: Book = body::decode(next(&mut rest).ok()??).ok()?;
    let mut runs = Vec::new();
    while let Some(part) = next(&mut rest).ok()? {
        let run: Run = body::decode(part).ok()?;
        runs.push(Arc::new(run));
    }
    if global.head != at || book.at != at {
        return None;
    }
    // Whatever was written behind it was never relied upon.
    book.voids.push((at, Seq::new(u64::MAX)));
    let needs_sweep = book.voids.len() > VOIDS_MAX;
    Some((State::restore(global, runs), Cold::loaded(book, leftover, needs_sweep)))
}

fn next<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Lost> {
    if rest.is_empty() {
        return Ok(None);
    }
    let (bytes, more) = rest.split_first_chunk::<4>().ok_or(Lost::Damaged)?;
    let bytes = usize::try_from(u32::from_be_bytes(*bytes)).map_err(|_| Lost::Damaged)?;
    let (part, more) = more.split_at_checked(bytes).ok_or(Lost::Damaged)?;
    *rest = more;
    Ok(Some(part))
}

/// Openings after which what they left behind is looked for.
const VOIDS_MAX: usize = 64;
