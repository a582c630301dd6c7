//! zip: the directory is checked against the whole file first, then every entry is unpacked.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::error::UnpackError;
use super::sink::Sink;
use super::zip_directory::{self, Entry};

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const ZSTD: u16 = 93;
/// Encrypted, patched, strongly encrypted, masked.
const REFUSED_FLAGS: u16 = 1 | 1 << 5 | 1 << 6 | 1 << 13;

/// Unpacks the archive into the sink.
pub(super) fn unpack(file: &File, len: u64, sink: &mut Sink<'_>) -> Result<(), UnpackError> {
    let directory = zip_directory::read(file, len, sink.entries_max())?;
    let headers = &directory.headers;
    let declared = headers.iter().fold(0_u64, |sum, header| sum.saturating_add(header.size));
    sink.announce(headers.len() as u64, declared)?;
    let entries = zip_directory::check(file, directory)?;
    for entry in &entries {
        check_name(entry)?;
    }
    for entry in entries {
        sink.header()?;
        unpack_entry(file, &entry, sink)?;
        sink.read_so_far(entry.data.saturating_add(entry.header.packed));
    }
    Ok(())
}

fn check_name(entry: &Entry) -> Result<&str, UnpackError> {
    let name = &entry.header.name;
    std::str::from_utf8(name)
        .map_err(|_| UnpackError::hostile(&String::from_utf8_lossy(name), "its name is not UTF-8"))
}

fn unpack_entry(mut file: &File, entry: &Entry, sink: &mut Sink<'_>) -> Result<(), UnpackError> {
    let (header, name) = (&entry.header, check_name(entry)?);
    if header.flags & REFUSED_FLAGS != 0 {
        return Err(UnpackError::Damaged("it is encrypted; unpack it by hand"));
    }
    let executable = executable(entry, name)?;
    if let Some(folder) = name.strip_suffix('/') {
        if header.size != 0 {
            return Err(UnpackError::hostile(name, "it is both a file and a folder"));
        }
        return sink.folder(folder);
    }
    file.seek(SeekFrom::Start(entry.data)).map_err(UnpackError::reading)?;
    let mut packed = BufReader::with_capacity(256 * 1024, file.take(header.packed));
    let crc = match header.method {
        STORED if header.packed != header.size => {
            return Err(UnpackError::Damaged("an entry has two sizes"));
        }
        STORED => write(sink, name, executable, entry, &mut packed)?,
        DEFLATED => {
            let mut content = DeflateDecoder::new(&mut packed);
            write(sink, name, executable, entry, &mut content)?
        }
        ZSTD => {
            let mut content = zstd::Decoder::with_buffer(&mut packed)
                .map_err(UnpackError::reading)?
                .single_frame();
            write(sink, name, executable, entry, &mut content)?
        }
        _ => return Err(UnpackError::Damaged("it is packed with a method that is not known")),
    };
    if crc != header.crc {
        return Err(UnpackError::Damaged("the checksum of an entry is wrong"));
    }
    // All of the entry's bytes must have been its content.
    let left = packed.read(&mut [0; 1]).map_err(UnpackError::reading)?;
    if left > 0 { Err(UnpackError::Damaged("something follows an entry's data")) } else { Ok(()) }
}

/// Writes exactly the stated size, and gives the checksum of what was written.
fn write(
    sink: &mut Sink<'_>,
    name: &str,
    executable: bool,
    entry: &Entry,
    content: &mut dyn Read,
) -> Result<u32, UnpackError> {
    let mut content = Checked { content, crc: Crc::new() };
    sink.file(name, executable, entry.header.size, &mut content)?;
    let sum = content.crc.sum();
    // Reading on to the end also lets the decoder check its own trailer.
    if content.read(&mut [0; 1]).map_err(UnpackError::reading)? > 0 {
        return Err(UnpackError::Damaged("a file is longer than announced"));
    }
    Ok(sum)
}

/// Whether the mode says so; an error if the entry is neither file nor folder.
fn executable(entry: &Entry, name: &str) -> Result<bool, UnpackError> {
    const UNIX: u8 = 3;
    const MACOS: u8 = 19;
    const KIND: u32 = 0o170_000;
    const FILE: u32 = 0o100_000;
    const FOLDER: u32 = 0o040_000;
    let mode = entry.header.attributes >> 16;
    match mode & KIND {
        // Whoever made it: a mode that speaks of a link is one, other tools might follow it.
        FILE | 0 if !name.ends_with('/') => {}
        FOLDER | 0 if name.ends_with('/') => {}
        FILE | FOLDER => return Err(UnpackError::hostile(name, "it is both a file and a folder")),
        _ => return Err(UnpackError::hostile(name, "links and devices are not unpacked")),
    }
    Ok(matches!(entry.header.made_by, UNIX | MACOS) && mode & 0o111 != 0)
}

/// Computes the checksum of what passes through.
struct Checked<'a> {
    content: &'a mut dyn Read,
    crc: Crc,
}

impl Read for Checked<'_> {
    fn read(&mut self, block: &mut [u8]) -> std::io::Result<usize> {
        let read = self.content.read(block)?;
        self.crc.update(block.get(..read).unwrap_or_default());
        Ok(read)
    }
}
