//! Names and headers of segment files.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::store::disk::files;

/// The folder of the segments.
pub(in crate::store::disk) const DIR: &str = "segments";
/// Bytes in front of the first frame.
pub(in crate::store::disk) const HEADER_BYTES: u64 = 64;

const MAGIC: [u8; 4] = *b"RJSG";
/// Format of the segments that this release writes, and the latest that it reads.
pub(super) const FORMAT: u16 = 2;
const COVERED_BYTES: usize = 60;
const EXTENSION: &str = "seg";

/// A place in the segments: a file and an offset in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store::disk) struct Place {
    pub(in crate::store::disk) ordinal: u64,
    pub(in crate::store::disk) offset: u64,
}

impl Place {
    /// Where the first frame of a segment begins.
    pub(in crate::store::disk) const fn start_of(ordinal: u64) -> Self {
        Self { ordinal, offset: HEADER_BYTES }
    }
}

/// A segment file by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::disk) struct SegmentFile {
    pub(in crate::store::disk) ordinal: u64,
    pub(in crate::store::disk) path: PathBuf,
}

impl SegmentFile {
    pub(in crate::store::disk) fn new(journal_dir: &Path, ordinal: u64) -> Self {
        Self { ordinal, path: journal_dir.join(DIR).join(name(ordinal)) }
    }

    /// Whether it is the segment of this journal that its name says.
    pub(in crate::store::disk) fn is_of(&self, journal: Uuid) -> bool {
        matches!(self.open(journal), Ok((_, None)))
    }

    /// Opens the file, which must be the segment of this journal that its name says.
    ///
    /// Says what is wrong with the header as well, if anything.
    pub(super) fn open(&self, journal: Uuid) -> io::Result<(File, Option<HeaderFlaw>)> {
        let mut file = files::open(&self.path)?;
        let mut bytes = Vec::with_capacity(COVERED_BYTES + 4);
        file.by_ref().take(HEADER_BYTES).read_to_end(&mut bytes)?;
        Ok((file, check(&bytes, self.ordinal, journal).err()))
    }
}

fn name(ordinal: u64) -> String {
    format!("{ordinal:08}.{EXTENSION}")
}

/// Whether a frame with this checksum, which is its last part, ends at a place.
pub(in crate::store::disk) fn ends_with(
    segments: &[SegmentFile],
    journal: Uuid,
    end: Place,
    chain: u32,
) -> io::Result<bool> {
    let Some(segment) = segments.iter().find(|segment| segment.ordinal == end.ordinal) else {
        return Ok(false);
    };
    let (mut file, flaw) = segment.open(journal)?;
    if flaw.is_some() {
        return Ok(false);
    }
    let mut bytes = [0; 4];
    file.seek(SeekFrom::Start(end.offset.saturating_sub(4)))?;
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| u32::from_be_bytes(bytes) == chain),
    }
}

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HeaderFlaw {
    /// It is intact, and of a later format.
    Newer(u16),
    /// It is intact, and not the one that should stand here.
    Foreign(String),
    Damaged(String),
}

/// The journal that all segments with an intact header name; none if they name several.
pub(in crate::store::disk) fn named_by_all(segments: &[SegmentFile]) -> Option<Uuid> {
    let named = |segment: &SegmentFile| {
        let mut bytes = [0; COVERED_BYTES + 4];
        files::open(&segment.path).ok()?.read_exact(&mut bytes).ok()?;
        let journal = Uuid::from_bytes(*bytes.get(16..)?.first_chunk()?);
        (bytes == encode(segment.ordinal, journal)).then_some(journal)
    };
    let mut all = segments.iter().filter_map(named);
    let first = all.next()?;
    all.all(|journal| journal == first).then_some(first)
}

/// All segments of a journal, in order. A name that is only like that of one is none.
pub(in crate::store::disk) fn list(journal_dir: &Path) -> io::Result<Vec<SegmentFile>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(journal_dir.join(DIR)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let ordinal = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let is_named = |ordinal: &u64| path.file_name().is_some_and(|had| *had == *name(*ordinal));
        if let Some(ordinal) = ordinal.filter(is_named) {
            found.push(SegmentFile { ordinal, path });
        }
    }
    found.sort_by_key(|segment| segment.ordinal);
    Ok(found)
}

/// Makes the folder for the segments.
pub(in crate::store::disk) fn create_dir(journal_dir: &Path) -> io::Result<()> {
    files::make_private_dir(&journal_dir.join(DIR))
}

/// The header of a segment.
pub(super) fn encode(ordinal: u64, journal: Uuid) -> [u8; 64] {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_be_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&ordinal.to_be_bytes());
    bytes.extend_from_slice(journal.as_bytes());
    bytes.resize(COVERED_BYTES, 0);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes.first_chunk().copied().unwrap_or([0; 64])
}

fn check(bytes: &[u8], ordinal: u64, journal: Uuid) -> Result<(), HeaderFlaw> {
    let expected = encode(ordinal, journal);
    if bytes == expected {
        return Ok(());
    }
    let intact = bytes.split_last_chunk::<4>().is_some_and(|(covered, crc)| {
        bytes.len() == expected.len() && crc32c::crc32c(covered) == u32::from_be_bytes(*crc)
    });
    let format = bytes.get(4..).and_then(|rest| rest.first_chunk()).copied();
    let format = format.map_or(FORMAT, u16::from_be_bytes);
    Err(if !intact || bytes.get(..4) != Some(&MAGIC) {
        HeaderFlaw::Damaged(format!("the head of its segment {ordinal} is damaged"))
    } else if format > FORMAT {
        HeaderFlaw::Newer(format)
    } else if bytes.get(16..32) != Some(journal.as_bytes()) {
        HeaderFlaw::Foreign(format!("its segment {ordinal} belongs to another journal"))
    } else {
        HeaderFlaw::Foreign(format!("its segment {ordinal} carries another number"))
    })
}
