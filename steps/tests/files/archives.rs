//! Archives made byte by byte, so that they can say what no tool would write.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

/// One entry of a tar archive.
#[derive(Debug, Clone)]
pub(crate) struct TarFile {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: u8,
    pub(crate) mode: u32,
    pub(crate) link: String,
    pub(crate) content: Vec<u8>,
    /// What the header says; the content's own length by default.
    pub(crate) size: u64,
}

impl TarFile {
    pub(crate) fn new(name: &str, content: &str) -> Self {
        Self::of_kind(b'0', name, content.as_bytes())
    }

    pub(crate) fn of_kind(kind: u8, name: &str, content: &[u8]) -> Self {
        Self {
            name: name.as_bytes().to_vec(),
            kind,
            mode: 0o644,
            link: String::new(),
            content: content.to_vec(),
            size: content.len() as u64,
        }
    }

    pub(crate) fn link(kind: u8, name: &str, target: &str) -> Self {
        Self { link: target.to_owned(), ..Self::of_kind(kind, name, b"") }
    }

    pub(crate) fn pax(records: &[(&str, &str)]) -> Self {
        let mut content = Vec::new();
        for (key, value) in records {
            let mut len = key.len() + value.len() + 3;
            while len != format!("{len} {key}={value}\n").len() {
                len += 1;
            }
            writeln!(content, "{len} {key}={value}").unwrap();
        }
        Self::of_kind(b'x', "pax", &content)
    }

    fn block(&self) -> [u8; 512] {
        let mut block = [0; 512];
        put(&mut block, 0, &self.name);
        put(&mut block, 100, format!("{:07o}", self.mode).as_bytes());
        put(&mut block, 124, format!("{:011o}", self.size).as_bytes());
        put(&mut block, 136, b"00000000000");
        put(&mut block, 148, b"        ");
        block[156] = self.kind;
        put(&mut block, 157, self.link.as_bytes());
        put(&mut block, 257, b"ustar\x0000");
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block.get_mut(at..at + bytes.len()).unwrap().copy_from_slice(bytes);
}

/// A tar archive without its end.
pub(crate) fn tar_open(files: &[TarFile]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for file in files {
        bytes.extend(file.block());
        bytes.extend(&file.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes
}

pub(crate) fn tar(files: &[TarFile]) -> Vec<u8> {
    let mut bytes = tar_open(files);
    bytes.extend([0; 1024]);
    bytes
}

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn tar_gz(files: &[TarFile]) -> Vec<u8> {
    gz(&tar(files))
}

/// One entry of a zip archive; the local header may contradict the directory.
#[derive(Debug, Clone)]
pub(crate) struct ZipFile {
    pub(crate) name: Vec<u8>,
    pub(crate) local_name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) size: u32,
    pub(crate) local_size: u32,
    pub(crate) packed: Vec<u8>,
    pub(crate) mode: u32,
    /// What follows the data.
    pub(crate) after: Vec<u8>,
}

impl ZipFile {
    pub(crate) fn new(name: &str, content: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        Self { method: 8, packed: encoder.finish().unwrap(), ..Self::stored(name, content) }
    }

    pub(crate) fn stored(name: &str, content: &[u8]) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let size = u32::try_from(content.len()).unwrap();
        Self {
            name: name.as_bytes().to_vec(),
            local_name: name.as_bytes().to_vec(),
            flags: 0,
            method: 0,
            crc: crc.sum(),
            size,
            local_size: size,
            packed: content.to_vec(),
            mode: if name.ends_with('/') { 0o040_755 } else { 0o100_644 },
            after: Vec::new(),
        }
    }

    fn local(&self) -> Vec<u8> {
        let mut bytes = 0x0403_4b50_u32.to_le_bytes().to_vec();
        bytes.extend(20_u16.to_le_bytes());
        bytes.extend(self.common(self.local_size, &self.local_name));
        bytes.extend(&self.local_name);
        bytes.extend(&self.packed);
        bytes.extend(&self.after);
        bytes
    }

    fn common(&self, size: u32, name: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.flags.to_le_bytes());
        bytes.extend(self.method.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.crc.to_le_bytes());
        bytes.extend(u32::try_from(self.packed.len()).unwrap().to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend(0_u16.to_le_bytes());
        bytes
    }

    fn central(&self, offset: u32) -> Vec<u8> {
        let mut bytes = 0x0201_4b50_u32.to_le_bytes().to_vec();
        bytes.extend([20, 3, 20, 0]);
        bytes.extend(self.common(self.size, &self.name));
        bytes.extend([0; 6]);
        bytes.extend((self.mode << 16).to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        bytes.extend(&self.name);
        bytes
    }
}

/// A zip archive: its entries, then the directory in the same order.
pub(crate) fn zip(files: &[ZipFile]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        directory.extend(file.central(u32::try_from(bytes.len()).unwrap()));
        bytes.extend(file.local());
    }
    with_directory(bytes, &directory, u16::try_from(files.len()).unwrap(), b"")
}

/// Puts a directory and an end after the entries.
pub(crate) fn with_directory(
    mut bytes: Vec<u8>,
    directory: &[u8],
    entries: u16,
    comment: &[u8],
) -> Vec<u8> {
    let start = u32::try_from(bytes.len()).unwrap();
    bytes.extend(directory);
    bytes.extend(0x0605_4b50_u32.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(entries.to_le_bytes());
    bytes.extend(entries.to_le_bytes());
    bytes.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    bytes.extend(comment);
    bytes
}
