//! tar: one header after the other, extensions bounded, contradictions refused.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

use tar::{EntryType, Header, PaxExtensions};

use super::error::UnpackError;
use super::sink::Sink;

const BLOCK: u64 = 512;
/// Longest extension: a path has at most 1024 bytes, the rest is times and owners.
const EXTENSION_MAX: u64 = 64 * 1024;
/// Most bytes after the end: tools fill up to a record, 10 KiB by default, a few MiB at most.
const FILL_MAX: usize = 4 * 1024 * 1024;

/// What extensions say about the next entry.
#[derive(Debug, Default)]
struct Said {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Unpacks the stream into the sink.
pub(super) fn unpack(
    stream: &mut dyn Read,
    packed: &AtomicU64,
    sink: &mut Sink<'_>,
) -> Result<(), UnpackError> {
    let mut said = Said::default();
    loop {
        let block = read_block(stream)?;
        if block.iter().all(|b| *b == 0) {
            return end(stream, &said);
        }
        let header = Header::from_byte_slice(&block);
        check_sum(header, &block)?;
        sink.header()?;
        let size =
            header.entry_size().map_err(|_| UnpackError::Damaged("a size is not a number"))?;
        match header.entry_type() {
            EntryType::XHeader => pax(&extension(stream, size)?, &mut said)?,
            EntryType::XGlobalHeader => pax_global(&extension(stream, size)?)?,
            EntryType::GNULongName => said.once_path(until_nul(extension(stream, size)?))?,
            EntryType::GNULongLink => drop(extension(stream, size)?),
            kind => entry(stream, header, kind, size, std::mem::take(&mut said), sink)?,
        }
        sink.read_so_far(packed.load(Ordering::Relaxed));
    }
}

fn entry(
    stream: &mut dyn Read,
    header: &Header,
    kind: EntryType,
    size: u64,
    said: Said,
    sink: &mut Sink<'_>,
) -> Result<(), UnpackError> {
    if said.size.is_some_and(|said| said != size) {
        return Err(UnpackError::Damaged("two sizes are stated for one entry"));
    }
    let raw = said.path.unwrap_or_else(|| header.path_bytes().into_owned());
    let lossy = String::from_utf8_lossy(&raw).into_owned();
    let Ok(path) = String::from_utf8(raw) else {
        return Err(UnpackError::hostile(&lossy, "its name is not UTF-8"));
    };
    // What `tar -C dir -cf x.tar .` writes.
    let path = if path == "." { "" } else { path.strip_prefix("./").unwrap_or(&path) };
    match kind {
        EntryType::Regular | EntryType::Continuous if !path.ends_with('/') => {
            let executable = header.mode().unwrap_or(0) & 0o111 != 0;
            sink.file(path, executable, size, &mut stream.take(size))?;
            skip_padding(stream, size)
        }
        EntryType::Directory | EntryType::Regular if size == 0 => {
            match path.trim_end_matches('/') {
                "" if path.is_empty() => Ok(()),
                "" => Err(UnpackError::hostile(path, "it is absolute")),
                path => sink.folder(path),
            }
        }
        EntryType::Symlink | EntryType::Link => {
            Err(UnpackError::hostile(path, "links are not unpacked"))
        }
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            Err(UnpackError::hostile(path, "devices and pipes are not unpacked"))
        }
        _ => Err(UnpackError::hostile(path, "its kind of entry is not known")),
    }
}

impl Said {
    fn once_path(&mut self, path: Vec<u8>) -> Result<(), UnpackError> {
        match self.path.replace(path) {
            None => Ok(()),
            Some(_) => Err(UnpackError::Damaged("two names are stated for one entry")),
        }
    }
}

fn read_block(stream: &mut dyn Read) -> Result<[u8; 512], UnpackError> {
    let mut block = [0; 512];
    stream.read_exact(&mut block).map_err(UnpackError::reading)?;
    Ok(block)
}

fn check_sum(header: &Header, block: &[u8; 512]) -> Result<(), UnpackError> {
    // The field of the sum itself counts as eight spaces.
    let sum = block.iter().enumerate().map(|(at, byte)| match at {
        148..156 => u32::from(b' '),
        _ => u32::from(*byte),
    });
    if header.cksum().ok() == Some(sum.sum()) {
        Ok(())
    } else {
        Err(UnpackError::Damaged("a header's checksum is wrong"))
    }
}

fn extension(stream: &mut dyn Read, size: u64) -> Result<Vec<u8>, UnpackError> {
    if size > EXTENSION_MAX {
        return Err(UnpackError::Limit("one of its extended headers is too large"));
    }
    let mut bytes = Vec::new();
    stream.take(size).read_to_end(&mut bytes).map_err(UnpackError::reading)?;
    if bytes.len() as u64 != size {
        return Err(UnpackError::Damaged("it ends too early"));
    }
    skip_padding(stream, size)?;
    Ok(bytes)
}

fn skip_padding(stream: &mut dyn Read, size: u64) -> Result<(), UnpackError> {
    let mut padding = [0; 512];
    let length = usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or(0);
    let padding = padding.get_mut(..length).unwrap_or_default();
    stream.read_exact(padding).map_err(UnpackError::reading)
}

fn until_nul(mut name: Vec<u8>) -> Vec<u8> {
    if name.last() == Some(&0) {
        name.pop();
    }
    name
}

fn pax(bytes: &[u8], said: &mut Said) -> Result<(), UnpackError> {
    for record in PaxExtensions::new(bytes) {
        let record = record.map_err(|_| UnpackError::Damaged("an extended header is malformed"))?;
        match record.key_bytes() {
            b"path" => said.once_path(record.value_bytes().to_owned())?,
            b"size" => {
                let size = record.value().ok().and_then(|text| text.parse().ok());
                let size = size.ok_or(UnpackError::Damaged("a size is not a number"))?;
                if said.size.replace(size).is_some() {
                    return Err(UnpackError::Damaged("two sizes are stated for one entry"));
                }
            }
            key if key.starts_with(b"GNU.sparse") => {
                return Err(UnpackError::Damaged("it holds a sparse file; pack it without those"));
            }
            // Links are refused by their type; times, owners and attributes are not kept.
            _ => {}
        }
    }
    Ok(())
}

/// A global header may carry a comment, such as the commit that `git archive` notes.
fn pax_global(bytes: &[u8]) -> Result<(), UnpackError> {
    let mut said = Said::default();
    pax(bytes, &mut said)?;
    if said.path.is_some() || said.size.is_some() {
        return Err(UnpackError::Damaged("one name or size is stated for all entries"));
    }
    Ok(())
}

/// After the first empty block there may only be more of them.
fn end(stream: &mut dyn Read, said: &Said) -> Result<(), UnpackError> {
    if said.path.is_some() || said.size.is_some() {
        return Err(UnpackError::Damaged("it ends too early"));
    }
    let mut filled = 0;
    let mut block = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut block).map_err(UnpackError::reading)?;
        filled += read;
        if read == 0 {
            return Ok(());
        }
        if filled > FILL_MAX || block.get(..read).is_none_or(|b| b.iter().any(|b| *b != 0)) {
            return Err(UnpackError::Damaged("something follows its end"));
        }
    }
}
