//! The file, open for reading.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::format::{END_BYTES, Flaw, HEAD_BYTES, Head, Origin};
use crate::codec::{self, CLAIM_BYTES};
use crate::id::Seq;
use crate::store::disk::files;

/// Bytes between two frames whose places are remembered.
const STRIDE_BYTES: u64 = 64 * 1024;

/// The file of a journal that was trimmed, every byte of it checked.
#[derive(Debug, Clone)]
pub(in crate::store::disk) struct Base {
    file: Source,
    head: Head,
    /// Frames with their places, in order.
    marks: Arc<[(Seq, u64)]>,
}

/// What stands under the name of such a file.
#[derive(Debug)]
pub(super) enum Found {
    Absent,
    Intact(Base),
    Newer(String),
    Damaged(String),
}

impl Found {
    fn of(error: io::Error) -> io::Result<Self> {
        match error.kind() {
            ErrorKind::InvalidData => Ok(Self::Damaged(error.to_string())),
            ErrorKind::Unsupported => Ok(Self::Newer(error.to_string())),
            ErrorKind::UnexpectedEof => Ok(Self::Damaged("it ends too early".to_owned())),
            _ => Err(error),
        }
    }
}

impl Base {
    /// Opens and checks the file at a path.
    pub(super) fn open(path: &Path, journal: Uuid) -> io::Result<Found> {
        let file = match files::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Absent),
            Err(error) => return Found::of(error),
        };
        let bytes = file.metadata()?.len();
        let source = Source { file: Arc::new(Mutex::new(file)), begin: 0, bytes };
        Self::check(source, Some(journal))
    }

    /// Checks the part of a file that should be such a one.
    pub(in crate::store::disk) fn within(file: File, begin: u64, bytes: u64) -> io::Result<Self> {
        let damaged = |problem| io::Error::new(ErrorKind::InvalidData, problem);
        let source = Source { file: Arc::new(Mutex::new(file)), begin, bytes };
        match Self::check(source, None)? {
            Found::Intact(base) => Ok(base),
            Found::Newer(problem) => Err(io::Error::new(ErrorKind::Unsupported, problem)),
            Found::Damaged(problem) => Err(damaged(problem)),
            Found::Absent => Err(damaged("it has no base".to_owned())),
        }
    }

    fn check(source: Source, journal: Option<Uuid>) -> io::Result<Found> {
        let mut reader = BufReader::with_capacity(64 * 1024, source.from(0));
        let mut bytes = Vec::new();
        reader.by_ref().take(HEAD_BYTES).read_to_end(&mut bytes)?;
        let head = match Head::decode(&bytes) {
            Ok(head) => head,
            Err(Flaw::Newer(format)) => return Ok(Found::Newer(format!("format {format}"))),
            Err(Flaw::Damaged(problem)) => return Ok(Found::Damaged(problem)),
        };
        if journal.is_some_and(|journal| journal != head.journal) {
            return Ok(Found::Damaged("it belongs to another journal".to_owned()));
        }
        if head.file_bytes() != source.bytes {
            return Ok(Found::Damaged("it has another length than it says".to_owned()));
        }
        let (mut crc, mut left) = (0, head.residue_bytes);
        while left > 0 {
            bytes.clear();
            let part = left.min(STRIDE_BYTES);
            reader.by_ref().take(part).read_to_end(&mut bytes)?;
            if bytes.len() as u64 != part {
                return Ok(Found::Damaged("it ends too early".to_owned()));
            }
            crc = crc32c::crc32c_append(crc, &bytes);
            left -= part;
        }
        let (mut at, mut count, mut marks) = (head.frames_at(), 0, Vec::<(Seq, u64)>::new());
        let mut kept = Kept { reader, left: head.frames_bytes, before: Seq::ZERO, from: Seq::ZERO };
        for found in kept.by_ref() {
            let (seq, frame) = match found {
                Ok((seq, _)) if seq >= head.origin.first => {
                    return Ok(Found::Damaged(format!("record {seq} does not belong into it")));
                }
                Ok(found) => found,
                Err(error) => return Found::of(error),
            };
            crc = crc32c::crc32c_append(crc, &frame);
            if marks.last().is_none_or(|(_, mark)| mark + STRIDE_BYTES <= at) {
                marks.push((seq, at));
            }
            at += frame.len() as u64;
            count += 1;
        }
        let mut end = Vec::new();
        kept.reader.take(END_BYTES).read_to_end(&mut end)?;
        if end != crc.to_be_bytes() || count != head.kept {
            return Ok(Found::Damaged("its checksum does not fit".to_owned()));
        }
        Ok(Found::Intact(Self { file: source, head, marks: marks.into() }))
    }

    /// Where the records that are all there begin.
    pub(in crate::store::disk) const fn origin(&self) -> Origin {
        self.head.origin
    }

    pub(in crate::store::disk) const fn head(&self) -> &Head {
        &self.head
    }

    /// All bytes of it, as they are.
    pub(in crate::store::disk) fn bytes(&self) -> impl Read + use<> {
        self.file.from(0).take(self.head.file_bytes())
    }

    /// What stands for the records that are gone; none if that was lost.
    pub(in crate::store::disk) fn residue(&self) -> io::Result<Option<Vec<u8>>> {
        if self.head.loss.is_some() {
            return Ok(None);
        }
        let mut residue = Vec::new();
        let mut reader = self.file.from(HEAD_BYTES).take(self.head.residue_bytes);
        reader.read_to_end(&mut residue)?;
        if residue.len() as u64 == self.head.residue_bytes {
            Ok(Some(residue))
        } else {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }

    /// The frames that were kept, from a position on.
    pub(in crate::store::disk) fn kept(&self, from: Seq) -> Kept {
        let near = self.marks.partition_point(|(seq, _)| *seq <= from);
        let mark = near.checked_sub(1).and_then(|near| self.marks.get(near));
        let at = mark.map_or_else(|| self.head.frames_at(), |(_, at)| *at);
        let reader = BufReader::with_capacity(32 * 1024, self.file.from(at));
        Kept { reader, left: self.head.frames_end() - at, before: Seq::ZERO, from }
    }

    /// The frame of a record, if it was kept.
    pub(in crate::store::disk) fn frame(&self, seq: Seq) -> io::Result<Option<Vec<u8>>> {
        let found = self.kept(seq).next().transpose()?;
        Ok(found.filter(|(at, _)| *at == seq).map(|(_, frame)| frame))
    }
}

/// Frames out of the file, oldest first; nothing behind an error.
pub(in crate::store::disk) struct Kept {
    reader: BufReader<Part>,
    left: u64,
    before: Seq,
    /// Those in front of it are passed over.
    from: Seq,
}

impl Kept {
    fn step(&mut self) -> io::Result<(Seq, Vec<u8>)> {
        let damaged = |problem: String| io::Error::new(ErrorKind::InvalidData, problem);
        let mut bytes = vec![0; CLAIM_BYTES];
        if self.left < CLAIM_BYTES as u64 {
            return Err(damaged("it ends in the middle of a record".to_owned()));
        }
        self.reader.read_exact(&mut bytes)?;
        let (seq, length) =
            codec::claim(&bytes).ok_or_else(|| damaged("there is no record".to_owned()))?;
        if length as u64 > self.left {
            return Err(damaged("it ends in the middle of a record".to_owned()));
        }
        bytes.resize(length, 0);
        self.reader.read_exact(bytes.get_mut(CLAIM_BYTES..).unwrap_or_default())?;
        codec::check(seq, &bytes).map_err(|error| {
            let kind =
                if error.is_newer() { ErrorKind::Unsupported } else { ErrorKind::InvalidData };
            io::Error::new(kind, format!("record {seq}: {error}"))
        })?;
        if seq <= self.before {
            return Err(damaged(format!("record {seq} stands behind record {}", self.before)));
        }
        self.before = seq;
        self.left -= length as u64;
        Ok((seq, bytes))
    }
}

impl Iterator for Kept {
    type Item = io::Result<(Seq, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            match self.step() {
                Ok((seq, _)) if seq < self.from => {}
                Ok(found) => return Some(Ok(found)),
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// A part of an open file that stays what it is, whatever is renamed over its name.
#[derive(Debug, Clone)]
struct Source {
    file: Arc<Mutex<File>>,
    begin: u64,
    bytes: u64,
}

impl Source {
    fn from(&self, at: u64) -> Part {
        Part { file: Arc::clone(&self.file), at: self.begin.saturating_add(at) }
    }
}

/// Reads a shared file from a place of its own.
#[derive(Debug, Clone)]
struct Part {
    file: Arc<Mutex<File>>,
    at: u64,
}

impl Read for Part {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let read = file.read(to)?;
        self.at += read as u64;
        Ok(read)
    }
}
