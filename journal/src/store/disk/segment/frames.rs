//! All frames of a journal in their order, damaged ones too.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use uuid::Uuid;

use super::header::{self, HeaderFlaw, Place, SegmentFile};
use super::walk::{Ahead, Walk};
use crate::codec::{self, PayloadHash, PayloadProblem, Seal};
use crate::id::Seq;
use crate::store::disk::files;

/// What stands at a place where a frame should.
#[derive(Debug)]
pub(in crate::store::disk) struct Piece {
    /// Where it begins.
    pub(in crate::store::disk) place: Place,
    /// The position that it has, or should have.
    pub(in crate::store::disk) key: Seq,
    pub(in crate::store::disk) bytes: Vec<u8>,
    /// What is wrong with it, if it is not an intact frame.
    pub(in crate::store::disk) seal: Result<Seal, Flaw>,
}

/// Why something is not an intact frame.
#[derive(Debug)]
pub(in crate::store::disk) enum Flaw {
    /// It looks like a frame.
    Frame(codec::DecodeError),
    /// It stands in a segment that is not ours.
    Foreign(String),
    /// It cannot be read, or is something else.
    Other(io::Error),
}

impl From<HeaderFlaw> for Flaw {
    fn from(flaw: HeaderFlaw) -> Self {
        let short = |format| u8::try_from(format).unwrap_or(u8::MAX);
        match flaw {
            HeaderFlaw::Newer(found) => Self::Frame(codec::DecodeError::NewerFormat {
                found: short(found),
                supported: short(header::FORMAT),
            }),
            HeaderFlaw::Foreign(problem) => Self::Foreign(problem),
            HeaderFlaw::Damaged(problem) => Self::other(problem),
        }
    }
}

impl Flaw {
    /// What the disk said, if it is the disk that failed: the bytes may be whole.
    pub(in crate::store::disk) fn of_disk(&self) -> Option<String> {
        match self {
            Self::Other(error) if error.kind() != io::ErrorKind::InvalidData => {
                Some(error.to_string())
            }
            Self::Frame(_) | Self::Foreign(_) | Self::Other(_) => None,
        }
    }

    /// The body, kept aside, that is there and is not what was written.
    pub(in crate::store::disk) const fn changed_payload(&self) -> Option<PayloadHash> {
        match self {
            Self::Frame(codec::DecodeError::Payload { hash, problem: PayloadProblem::Changed }) => {
                Some(*hash)
            }
            Self::Frame(_) | Self::Foreign(_) | Self::Other(_) => None,
        }
    }

    pub(in crate::store::disk) fn other(problem: impl Into<String>) -> Self {
        Self::Other(io::Error::new(io::ErrorKind::InvalidData, problem.into()))
    }
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Foreign(problem) => problem.fmt(f),
            Self::Other(error) => error.fmt(f),
        }
    }
}

/// Walks over the frames from a place on; behind damage, to the next intact frame.
#[derive(Debug)]
pub(in crate::store::disk) struct Frames {
    journal: Uuid,
    segments: VecDeque<SegmentFile>,
    /// Where to begin in the first segment.
    offset: u64,
    walk: Option<(u64, Walk)>,
    next: Seq,
}

impl Frames {
    /// From a place on, where the frame with position `next` begins.
    pub(in crate::store::disk) fn new(
        journal: Uuid,
        segments: impl IntoIterator<Item = SegmentFile>,
        from: Place,
        next: Seq,
    ) -> Self {
        let segments: VecDeque<SegmentFile> =
            segments.into_iter().filter(|file| file.ordinal >= from.ordinal).collect();
        // A segment that is gone says nothing about the next one.
        let is_there = segments.front().is_some_and(|file| file.ordinal == from.ordinal);
        let offset = if is_there { from.offset } else { header::HEADER_BYTES };
        Self { journal, segments, offset, walk: None, next }
    }

    /// The next intact frame, without a copy of it; none at the end.
    ///
    /// # Errors
    /// A segment is not ours, or the disk fails; there is nothing more to get then.
    pub(in crate::store::disk) fn skim(&mut self) -> io::Result<Option<(Seq, &[u8])>> {
        let (seq, bytes) = loop {
            let Some((_, walk)) = &mut self.walk else {
                match self.enter() {
                    None => return Ok(None),
                    Some(Err(Piece { seal: Err(flaw), .. })) if self.walk.is_none() => {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, flaw.to_string()));
                    }
                    Some(_) => continue,
                }
            };
            match walk.look()? {
                Ahead::Frame { seq, bytes } if codec::is_intact(seq, walk.peek(bytes)) => {
                    break (seq, bytes);
                }
                Ahead::End => self.walk = None,
                Ahead::Frame { .. } | Ahead::Other => drop(walk.resync()?),
            }
        };
        self.next = seq.next();
        Ok(self.walk.as_mut().map(|(_, walk)| (seq, walk.take(bytes))))
    }

    fn flawed(&mut self, place: Place, bytes: Vec<u8>, flaw: Flaw) -> Piece {
        Piece { place, key: self.next, bytes, seal: Err(flaw) }
    }

    /// Opens the next segment; a flaw if its header is not right.
    fn enter(&mut self) -> Option<Result<(), Piece>> {
        let segment = self.segments.pop_front()?;
        let offset = std::mem::replace(&mut self.offset, header::HEADER_BYTES);
        let place = Place { ordinal: segment.ordinal, offset };
        let opened = segment
            .open(self.journal)
            .and_then(|(file, flaw)| Walk::new(file, offset).map(|walk| (walk, flaw)));
        let (walk, flaw) = match opened {
            Ok(opened) => opened,
            Err(error) => return Some(Err(self.flawed(place, Vec::new(), Flaw::Other(error)))),
        };
        // Every frame proves itself: a spoiled header takes none of them away.
        if matches!(flaw, None | Some(HeaderFlaw::Damaged(_))) {
            self.walk = Some((segment.ordinal, walk));
        }
        Some(flaw.map_or(Ok(()), |flaw| Err(self.flawed(place, Vec::new(), flaw.into()))))
    }

    /// The next thing in the open segment; none at its end.
    fn step(&mut self, ordinal: u64, walk: &mut Walk) -> io::Result<Option<Piece>> {
        let place = Place { ordinal, offset: walk.offset() };
        let (flaw, bytes) = match walk.look()? {
            Ahead::End => return Ok(None),
            Ahead::Frame { seq, bytes } => match codec::check(seq, walk.peek(bytes)) {
                Ok(seal) => {
                    let bytes = walk.take(bytes).to_vec();
                    self.next = seq.next();
                    return Ok(Some(Piece { place, key: seq, bytes, seal: Ok(seal) }));
                }
                // Intact as far as this release can tell: what it says of itself holds.
                Err(error) if error.is_newer() => {
                    let bytes = walk.take(bytes).to_vec();
                    self.next = seq.next();
                    let seal = Err(Flaw::Frame(error));
                    return Ok(Some(Piece { place, key: seq, bytes, seal }));
                }
                Err(error) => (Flaw::Frame(error), walk.peek(bytes).to_vec()),
            },
            Ahead::Other => (Flaw::other("there is no frame where one should be"), Vec::new()),
        };
        let piece = self.flawed(place, bytes, flaw);
        walk.resync()?;
        self.next = self.next.next();
        Ok(Some(piece))
    }
}

impl Iterator for Frames {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            let Some((ordinal, mut walk)) = self.walk.take() else {
                match self.enter()? {
                    Ok(()) => continue,
                    Err(flawed) => return Some(flawed),
                }
            };
            let place = Place { ordinal, offset: walk.offset() };
            match self.step(ordinal, &mut walk) {
                Ok(Some(piece)) => {
                    self.walk = Some((ordinal, walk));
                    return Some(piece);
                }
                Ok(None) => {}
                // The rest of the file cannot be read either.
                Err(error) => return Some(self.flawed(place, Vec::new(), Flaw::Other(error))),
            }
        }
    }
}

/// All intact frames in a file, whatever else stands in it.
pub(in crate::store::disk) fn seals_in(
    file: &Path,
) -> io::Result<impl Iterator<Item = io::Result<Seal>> + use<>> {
    let mut walk = Walk::new(files::open(file)?, 0)?;
    Ok(std::iter::from_fn(move || walk.resync().transpose()))
}
