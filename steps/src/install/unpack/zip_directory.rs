//! The directory of a zip archive, and proof that nothing else is in the file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::error::UnpackError;
use super::zip_record::{
    CENTRAL, DESCRIPTOR, END, END_64, EntryHeader, Fields, LOCAL_LEN, LOCATOR_64,
};

/// One entry, and where its data is.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) header: EntryHeader,
    pub(super) data: u64,
}

/// The headers of the directory, in the order of their data.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) headers: Vec<EntryHeader>,
    /// Where the directory itself begins.
    start: u64,
}

/// Where the directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    entries: u64,
    start: u64,
    len: u64,
}

const END_LEN: u64 = 22;
const END_64_LEN: u64 = 56;
const LOCATOR_LEN: u64 = 20;
const COMMENT_MAX: u64 = 65_535;
/// 200 000 entries with long names take about 30 MB.
const DIRECTORY_MAX: u64 = 256 * 1024 * 1024;
const STREAMED: u16 = 1 << 3;

/// Reads the directory.
pub(super) fn read(file: &File, len: u64, entries_max: u64) -> Result<Directory, UnpackError> {
    let extent = locate(file, len)?;
    if extent.entries > entries_max {
        return Err(UnpackError::Limit("it has too many entries"));
    }
    if extent.len > DIRECTORY_MAX {
        return Err(UnpackError::Limit("its directory is too large"));
    }
    let bytes = read_at(file, extent.start, extent.len)?;
    let mut fields = Fields::new(&bytes);
    let mut headers = Vec::new();
    for _ in 0..extent.entries {
        if fields.u32()? != CENTRAL {
            return Err(UnpackError::Damaged("its directory is broken"));
        }
        headers.push(EntryHeader::central(&mut fields)?);
    }
    if fields.left() > 0 {
        return Err(UnpackError::Damaged("its directory has more entries than it says"));
    }
    headers.sort_by_key(|header| header.offset);
    Ok(Directory { headers, start: extent.start })
}

/// Compares each entry with the header before its data, and sees that they fill the file.
pub(super) fn check(file: &File, directory: Directory) -> Result<Vec<Entry>, UnpackError> {
    let mut entries: Vec<Entry> = Vec::with_capacity(directory.headers.len());
    for header in directory.headers {
        adjoins(file, entries.last(), header.offset)?;
        let data = check_local(file, &header)?;
        entries.push(Entry { header, data });
    }
    adjoins(file, entries.last(), directory.start)?;
    Ok(entries)
}

/// Whether something begins right where the entry before it ends.
fn adjoins(file: &File, before: Option<&Entry>, next: u64) -> Result<(), UnpackError> {
    let end = before.map_or(Ok(0), |entry| end_of(file, entry, next))?;
    if next == end {
        Ok(())
    } else {
        Err(UnpackError::Damaged("its entries overlap, or something stands between them"))
    }
}

/// Where the data begins.
fn check_local(file: &File, central: &EntryHeader) -> Result<u64, UnpackError> {
    let fixed = read_at(file, central.offset, LOCAL_LEN)?;
    let (name, extra) = EntryHeader::lengths(&fixed)?;
    let len = LOCAL_LEN + (name + extra) as u64;
    let local = EntryHeader::local(&read_at(file, central.offset, len)?, central.offset)?;
    let streamed = central.flags & STREAMED != 0;
    let same = |local: u64, central: u64| local == central || (streamed && local == 0);
    let agree = local.name == central.name
        && local.flags == central.flags
        && local.method == central.method
        && same(local.crc.into(), central.crc.into())
        && same(local.packed, central.packed)
        && same(local.size, central.size);
    if agree {
        Ok(central.offset + len)
    } else {
        Err(UnpackError::Damaged("its directory contradicts the header of an entry"))
    }
}

/// Where an entry ends, with the descriptor that may follow its data.
fn end_of(file: &File, entry: &Entry, next: u64) -> Result<u64, UnpackError> {
    const CUT: UnpackError = UnpackError::Damaged("its entries overlap");
    let header = &entry.header;
    let end = entry.data.checked_add(header.packed).ok_or(CUT)?;
    if header.flags & STREAMED == 0 {
        return Ok(end);
    }
    let gap = next.checked_sub(end).ok_or(CUT)?;
    let wide = matches!(gap, 20 | 24);
    if !wide && !matches!(gap, 12 | 16) {
        return Err(CUT);
    }
    let bytes = read_at(file, end, gap)?;
    let mut fields = Fields::new(&bytes);
    let signed = matches!(gap, 16 | 24);
    let signature = !signed || fields.u32()? == DESCRIPTOR;
    let crc = fields.u32()?;
    let (packed, size) = if wide {
        (fields.u64()?, fields.u64()?)
    } else {
        (fields.u32()?.into(), fields.u32()?.into())
    };
    if signature && (crc, packed, size) == (header.crc, header.packed, header.size) {
        Ok(next)
    } else {
        Err(UnpackError::Damaged("its directory contradicts what follows an entry"))
    }
}

/// Finds the directory from the end of the file.
fn locate(file: &File, len: u64) -> Result<Extent, UnpackError> {
    let tail_len = len.min(END_LEN + COMMENT_MAX);
    let tail = read_at(file, len - tail_len, tail_len)?;
    // Only what reaches to the very end of the file is an end: a zip inside the zip has its own.
    let mut ends = (0..tail.len()).filter(|at| is_end(tail.get(*at..).unwrap_or_default()));
    let at = ends.next().ok_or(UnpackError::Damaged("it has no end that ends the file"))?;
    if ends.next().is_some() {
        return Err(UnpackError::Damaged("its end is there twice"));
    }
    let mut fields = Fields::new(tail.get(at..).unwrap_or_default());
    fields.take(4)?;
    let disks = (fields.u16()?, fields.u16()?);
    let (here, entries) = (fields.u16()?, fields.u16()?);
    let (size, start) = (fields.u32()?, fields.u32()?);
    if disks != (0, 0) || here != entries {
        return Err(UnpackError::Damaged("it is one part of several"));
    }
    let end = len - tail_len + at as u64;
    let extent = Extent { entries: entries.into(), start: start.into(), len: size.into() };
    let (extent, end) = locate_wide(file, end, extent)?;
    if extent.start.checked_add(extent.len) != Some(end) {
        return Err(UnpackError::Damaged("its directory is not where its end says"));
    }
    Ok(extent)
}

/// Whether these bytes are an end record whose comment is all that follows it.
fn is_end(bytes: &[u8]) -> bool {
    let mut fields = Fields::new(bytes);
    fields.u32().ok() == Some(END)
        && fields.take(16).is_ok()
        && fields.u16().is_ok_and(|comment| usize::from(comment) == fields.left())
}

/// Uses the 64-bit end if there is one; gives where the directory must end.
fn locate_wide(file: &File, end: u64, narrow: Extent) -> Result<(Extent, u64), UnpackError> {
    let full = narrow.entries == u64::from(u16::MAX)
        || narrow.start == u64::from(u32::MAX)
        || narrow.len == u64::from(u32::MAX);
    let Some(locator_at) = end.checked_sub(LOCATOR_LEN) else {
        return Ok((narrow, end));
    };
    let bytes = read_at(file, locator_at, LOCATOR_LEN)?;
    let mut fields = Fields::new(&bytes);
    if fields.u32()? != LOCATOR_64 {
        return if full && narrow.entries != u64::from(u16::MAX) {
            Err(UnpackError::Damaged("a size is missing"))
        } else {
            Ok((narrow, end))
        };
    }
    let (disk, at, disks) = (fields.u32()?, fields.u64()?, fields.u32()?);
    if at.checked_add(END_64_LEN) != Some(locator_at) || disk != 0 || disks > 1 {
        return Err(UnpackError::Damaged("its directory is not where its end says"));
    }
    let bytes = read_at(file, at, END_64_LEN)?;
    let mut fields = Fields::new(&bytes);
    if fields.u32()? != END_64 || fields.u64()? != END_64_LEN - 12 {
        return Err(UnpackError::Damaged("its end is malformed"));
    }
    fields.take(12)?;
    let (here, entries) = (fields.u64()?, fields.u64()?);
    let (len, start) = (fields.u64()?, fields.u64()?);
    let wide = Extent { entries, start, len };
    let agrees = |narrow: u64, wide: u64, full: u64| narrow == wide || narrow == full;
    let agree = here == entries
        && agrees(narrow.entries, entries, u16::MAX.into())
        && agrees(narrow.start, start, u32::MAX.into())
        && agrees(narrow.len, len, u32::MAX.into());
    if agree { Ok((wide, at)) } else { Err(UnpackError::Damaged("it states two directories")) }
}

fn read_at(mut file: &File, at: u64, len: u64) -> Result<Vec<u8>, UnpackError> {
    let read = |file: &mut &File| -> io::Result<Vec<u8>> {
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        file.take(len).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    };
    read(&mut file).map_err(UnpackError::reading)
}
