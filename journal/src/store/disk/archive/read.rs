//! Reading an archive.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::error::ArchiveError;
use super::format::{END_BYTES, END_MAGIC, End, HEADER_BYTES, Header, Problem};
use crate::codec::{self, Aside, Bodies, CLAIM_BYTES, Kept, PayloadProblem};
use crate::id::{RunId, Seq};
use crate::record::Record;
use crate::store::contract::Scan;
use crate::store::disk::base::{Base, Origin};
use crate::store::disk::past;
use crate::store::error::ReadError;
use crate::store::tail::record;

/// An archive whose every byte was checked.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    header: Header,
    base: Option<Base>,
    end: End,
}

impl Archive {
    /// Whether a path leads to a file rather than to the folder of a journal.
    pub fn is_at(path: &Path) -> bool {
        path.is_file()
    }

    /// Opens an archive and checks all of it.
    ///
    /// # Errors
    /// [`ArchiveError`] if a single byte is missing or is not what was written.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let mut reader = Reader::open(path)?;
        let header = reader.header;
        let base = reader.base()?;
        for found in base.iter().flat_map(|base| base.kept(Seq::ZERO)) {
            let (seq, frame) = found.map_err(|error| reader.damaged(&error.to_string()))?;
            let framed = reader.framed(seq, frame)?;
            reader.prove_body(&framed)?;
        }
        let tail = base.as_ref().map_or(Origin::CREATION, Base::origin).tail();
        let (mut before, mut chain) = (tail.head, tail.chain);
        let end = loop {
            let framed = match reader.next()? {
                Next::Frame(framed) => framed,
                Next::End(end) => break end,
            };
            let seq = framed.seq;
            let seal = codec::check(seq, &framed.frame).map_err(|error| reader.refuse(&error))?;
            reader.prove_body(&framed)?;
            let is_next = seq == before.next();
            if seq <= before || (header.run.is_none() && !is_next) {
                return Err(reader.damaged(&format!("record {seq} does not belong here")));
            }
            if is_next && seal.link.chain != chain {
                return Err(reader.damaged(&format!("record {seq} does not continue the last one")));
            }
            (before, chain) = (seq, seal.crc);
        };
        let is_right = match header.run {
            Some(_) => before <= end.last,
            None => before == end.last && end.records > 0,
        };
        if end.records != reader.records || !is_right {
            return Err(reader.damaged("its end speaks of other records"));
        }
        Ok(Self { path: path.to_owned(), header, base, end })
    }

    /// Tells the journal from every other.
    pub const fn journal(&self) -> Uuid {
        self.header.journal
    }

    /// The run whose records it holds; all records of the journal if none.
    pub const fn run(&self) -> Option<RunId> {
        self.header.run
    }

    /// Number of records, without those that were [kept](Self::kept) of the dropped ones.
    pub const fn records(&self) -> u64 {
        self.end.records
    }

    /// How far the journal went.
    pub const fn last(&self) -> Seq {
        self.end.last
    }

    /// The first record from which on none was dropped: 1, unless the journal was trimmed.
    pub fn first(&self) -> Seq {
        self.origin().first
    }

    /// What stands in the place of the records in front of [`first`](Self::first), if the journal
    /// was trimmed.
    ///
    /// # Errors
    /// [`ReadError`] if it was, and this is gone or cannot be read.
    pub fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        self.base().map_or(Ok(None), |base| past::residue(base).map(Some))
    }

    /// The records in front of [`first`](Self::first) that were kept, oldest first, with gaps.
    pub fn scan_kept(&self) -> Scan<'_> {
        Box::new(self.kept_frames().map(to_record))
    }

    /// How many records in front of [`first`](Self::first) were kept.
    pub fn kept(&self) -> u64 {
        self.base().map_or(0, |base| base.head().kept)
    }

    /// Where the records that are all there begin.
    pub(super) fn origin(&self) -> Origin {
        self.base().map_or(Origin::CREATION, Base::origin)
    }

    /// What stands for those that were dropped.
    pub(super) const fn base(&self) -> Option<&Base> {
        self.base.as_ref()
    }

    /// All records that are frames of it. Positions have gaps if it holds one run.
    pub fn scan(&self) -> Scan<'_> {
        Box::new(self.frames().map(to_record))
    }

    /// The frames that were kept of the dropped ones, read again; nothing behind an error.
    pub(super) fn kept_frames(&self) -> impl Iterator<Item = Result<Framed, ArchiveError>> {
        let mut kept = self.base.as_ref().map(|base| base.kept(Seq::ZERO));
        let mut reader = Some(Reader::open(&self.path).and_then(Reader::behind_base));
        std::iter::from_fn(move || {
            let found = kept.as_mut()?.next()?;
            let framed = reader.take()?.and_then(|mut open| {
                let (seq, frame) = found.map_err(|error| open.damaged(&error.to_string()))?;
                let framed = open.framed(seq, frame);
                reader = Some(Ok(open));
                framed
            });
            if framed.is_err() {
                kept = None;
            }
            Some(framed)
        })
    }

    /// All other frames, read again; nothing behind an error.
    pub(super) fn frames(&self) -> impl Iterator<Item = Result<Framed, ArchiveError>> {
        let mut reader = Some(self.reader());
        std::iter::from_fn(move || {
            let mut open = match reader.take()? {
                Ok(open) => open,
                Err(error) => return Some(Err(error)),
            };
            match open.next() {
                Ok(Next::Frame(framed)) => {
                    reader = Some(Ok(open));
                    Some(Ok(framed))
                }
                Ok(Next::End(_)) => None,
                Err(error) => Some(Err(error)),
            }
        })
    }

    /// A reader that stands before the first frame behind the base.
    fn reader(&self) -> Result<Reader, ArchiveError> {
        let mut reader = Reader::open(&self.path).and_then(Reader::behind_base)?;
        for found in self.base.iter().flat_map(|base| base.kept(Seq::ZERO)) {
            let (seq, frame) = found.map_err(|error| reader.damaged(&error.to_string()))?;
            reader.framed(seq, frame)?;
        }
        Ok(reader)
    }
}

fn to_record(found: Result<Framed, ArchiveError>) -> Result<Record, ReadError> {
    let Framed { seq, frame, body } = found
        .map_err(|error| ReadError::Io { seq: Seq::new(1), source: io::Error::other(error) })?;
    record(seq, &frame, &body)
}

/// Bytes of what is passed over at a time.
const PART_BYTES: usize = 64 * 1024;

/// A frame, with its body if that is not in it.
pub(super) struct Framed {
    pub(super) seq: Seq,
    pub(super) frame: Vec<u8>,
    pub(super) body: Option<Kept>,
}

impl Bodies for Option<Kept> {
    fn body(&self, _aside: Aside) -> Result<Vec<u8>, PayloadProblem> {
        self.as_ref().map(|kept| kept.body.clone()).ok_or(PayloadProblem::Missing)
    }
}

/// What comes next in an archive.
enum Next {
    Frame(Framed),
    /// The end mark, and nothing behind it.
    End(End),
}

struct Reader {
    path: PathBuf,
    location: String,
    file: BufReader<File>,
    header: Header,
    /// Checksum of everything that was read.
    crc: u32,
    offset: u64,
    records: u64,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, ArchiveError> {
        let location = path.display().to_string();
        let failed = |source| ArchiveError::Io { location: location.clone(), source };
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        file.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut bytes).map_err(failed)?;
        let header = Header::decode(&bytes).map_err(|problem| match problem {
            Problem::Foreign => ArchiveError::Foreign { location: location.clone() },
            Problem::Damaged => ArchiveError::Damaged {
                location: location.clone(),
                offset: 0,
                problem: "its head is not what was written".to_owned(),
            },
            Problem::Newer(format) => ArchiveError::NewerFormat {
                location: location.clone(),
                problem: format!("format {format}"),
            },
        })?;
        let crc = crc32c::crc32c(&bytes);
        let path = path.to_owned();
        Ok(Self { path, location, file, header, crc, offset: HEADER_BYTES as u64, records: 0 })
    }

    /// Checks what stands for dropped records, and passes over it.
    fn base(&mut self) -> Result<Option<Base>, ArchiveError> {
        let bytes = self.header.base_bytes;
        if bytes == 0 {
            return Ok(None);
        }
        let found = File::open(&self.path).and_then(|file| Base::within(file, self.offset, bytes));
        let base = found.map_err(|error| match error.kind() {
            ErrorKind::InvalidData => self.damaged(&error.to_string()),
            ErrorKind::Unsupported => ArchiveError::NewerFormat {
                location: self.location.clone(),
                problem: error.to_string(),
            },
            _ => ArchiveError::Io { location: self.location.clone(), source: error },
        })?;
        if base.head().journal != self.header.journal || self.header.run.is_some() {
            return Err(self.damaged("what stands for dropped records does not belong here"));
        }
        self.skip_base()?;
        Ok(Some(base))
    }

    fn behind_base(mut self) -> Result<Self, ArchiveError> {
        self.skip_base().map(|()| self)
    }

    fn skip_base(&mut self) -> Result<(), ArchiveError> {
        let mut left = self.header.base_bytes;
        while left > 0 {
            let part = usize::try_from(left).unwrap_or(PART_BYTES).min(PART_BYTES);
            let bytes = self.take(part)?;
            if bytes.len() != part {
                return Err(self.damaged("it ends too early"));
            }
            self.crc = crc32c::crc32c_append(self.crc, &bytes);
            self.offset += part as u64;
            left -= part as u64;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Next, ArchiveError> {
        let mut bytes = self.take(END_BYTES)?;
        if bytes.starts_with(&END_MAGIC) {
            let end = End::decode(&bytes, self.crc);
            let end = end.ok_or_else(|| self.damaged("its checksum does not fit"))?;
            if !self.take(1)?.is_empty() {
                return Err(self.damaged("something stands behind its end"));
            }
            return Ok(Next::End(end));
        }
        bytes.extend(self.take(CLAIM_BYTES - END_BYTES)?);
        let claim = codec::claim(&bytes);
        let (seq, length) = claim.ok_or_else(|| self.damaged("there is no record"))?;
        bytes.extend(self.take(length.saturating_sub(CLAIM_BYTES))?);
        if bytes.len() != length {
            return Err(self.damaged("it ends in the middle of a record"));
        }
        self.count(&bytes);
        self.records += 1;
        self.framed(seq, bytes).map(Next::Frame)
    }

    /// A frame with its body, which comes next if it refers to one.
    fn framed(&mut self, seq: Seq, frame: Vec<u8>) -> Result<Framed, ArchiveError> {
        let body = codec::claim_aside(&frame).map(|aside| self.body(aside)).transpose()?;
        Ok(Framed { seq, frame, body })
    }

    fn prove_body(&self, framed: &Framed) -> Result<(), ArchiveError> {
        match &framed.body {
            Some(kept) if !kept.aside.is(&kept.body) => {
                let problem = format!("the payload of record {} was changed", framed.seq);
                Err(self.damaged(&problem))
            }
            _ => Ok(()),
        }
    }

    /// The body behind a frame that refers to it.
    fn body(&mut self, aside: Aside) -> Result<Kept, ArchiveError> {
        let bytes = usize::try_from(aside.bytes).unwrap_or(usize::MAX);
        let body = self.take(bytes)?;
        if body.len() != bytes {
            return Err(self.damaged("it ends in the middle of a payload"));
        }
        self.count(&body);
        Ok(Kept { aside, body })
    }

    /// Takes note of bytes that were read.
    fn count(&mut self, bytes: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.offset += bytes.len() as u64;
    }

    /// The next bytes; fewer at the end.
    fn take(&mut self, bytes: usize) -> Result<Vec<u8>, ArchiveError> {
        let mut taken = Vec::with_capacity(bytes);
        let read = self.file.by_ref().take(bytes as u64).read_to_end(&mut taken);
        let location = || self.location.clone();
        read.map_err(|source| ArchiveError::Io { location: location(), source })?;
        Ok(taken)
    }

    fn damaged(&self, problem: &str) -> ArchiveError {
        let (location, problem) = (self.location.clone(), problem.to_owned());
        ArchiveError::Damaged { location, offset: self.offset, problem }
    }

    fn refuse(&self, error: &codec::DecodeError) -> ArchiveError {
        if error.is_newer() {
            let (location, problem) = (self.location.clone(), error.to_string());
            return ArchiveError::NewerFormat { location, problem };
        }
        self.damaged(&error.to_string())
    }
}
