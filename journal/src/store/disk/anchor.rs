//! How far the journal went, remembered outside the database.
//!
//! The file has two slots that are written in turn, so that a torn write spoils one of them only.
//! It is written after each durable commit and not synced: it survives a killed process exactly,
//! and after a power cut it may be older than the journal, never newer.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::files;
use crate::id::Seq;
use crate::store::tail::Tail;

pub(super) const NAME: &str = "head";

/// One slot is one sector of the disk.
const SLOT_BYTES: usize = 512;
const SLOT_COUNT: usize = 2;
const MAGIC: [u8; 4] = *b"RJHD";

/// The open file of the anchor.
#[derive(Debug)]
pub(super) struct Anchor {
    file: File,
    next_slot: u64,
}

impl Anchor {
    /// Makes the file with both slots in it, synced.
    pub(super) fn create(dir: &Path, tail: Tail) -> io::Result<Self> {
        let mut file = files::create(&dir.join(NAME))?;
        file.write_all(&slot(tail).repeat(SLOT_COUNT))?;
        file.sync_all()?;
        Ok(Self { file, next_slot: 0 })
    }

    /// Opens the file for further commits, whose first one replaces the older slot.
    ///
    /// One that is gone is made again: the segments tell how far the journal went as well.
    pub(super) fn reopen(dir: &Path, tail: Tail) -> io::Result<Self> {
        let mut file = match files::open_for_update(&dir.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Self::create(dir, tail);
            }
            file => file?,
        };
        let [first, second] = slots(&mut file)?;
        let next_slot = u64::from(first.map(|tail| tail.head) > second.map(|tail| tail.head));
        Ok(Self { file, next_slot })
    }

    /// Remembers where the journal ends now.
    pub(super) fn write(&mut self, tail: Tail) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.next_slot * SLOT_BYTES as u64))?;
        self.file.write_all(&slot(tail))?;
        self.next_slot = 1 - self.next_slot;
        Ok(())
    }

    /// Saves the anchor itself, at the end of a session.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Where the journal in a folder ended last; none if neither slot says so.
pub(super) fn read(dir: &Path) -> io::Result<Option<Tail>> {
    let [first, second] = match files::open(&dir.join(NAME)) {
        Ok(mut file) => slots(&mut file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(first.into_iter().chain(second).max_by_key(|tail| tail.head))
}

fn slots(file: &mut File) -> io::Result<[Option<Tail>; SLOT_COUNT]> {
    let mut bytes = Vec::with_capacity(SLOT_BYTES * SLOT_COUNT);
    file.take((SLOT_BYTES * SLOT_COUNT) as u64).read_to_end(&mut bytes)?;
    let mut slots = bytes.chunks(SLOT_BYTES).map(parse);
    Ok([slots.next().flatten(), slots.next().flatten()])
}

fn slot(tail: Tail) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&tail.head.get().to_be_bytes());
    bytes.extend_from_slice(&tail.chain.to_be_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes.resize(SLOT_BYTES, 0);
    bytes
}

fn parse(slot_bytes: &[u8]) -> Option<Tail> {
    let (_, rest) = slot_bytes.split_first_chunk::<4>()?;
    let (head, rest) = rest.split_first_chunk()?;
    let (chain, _) = rest.split_first_chunk()?;
    let tail =
        Tail { head: Seq::new(u64::from_be_bytes(*head)), chain: u32::from_be_bytes(*chain) };
    // Comparing with what would have been written checks magic and checksum at once.
    (slot(tail) == slot_bytes).then_some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(head: u64) -> Tail {
        Tail { head: Seq::new(head), chain: 99 }
    }

    #[test]
    fn the_newest_intact_slot_counts() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut anchor = Anchor::create(dir.path(), tail(1)).expect("created");
        for head in 2..6 {
            anchor.write(tail(head)).expect("written");
            assert_eq!(read(dir.path()).expect("read"), Some(tail(head)));
            anchor = Anchor::reopen(dir.path(), tail(head)).expect("opened");
        }

        let path = dir.path().join(NAME);
        let bytes = std::fs::read(&path).expect("read");
        let newest = bytes.chunks(SLOT_BYTES).position(|slot| parse(slot) == Some(tail(5)));
        for bit in 0..SLOT_BYTES / 4 {
            let mut torn = bytes.clone();
            let byte = newest.expect("one of the two") * SLOT_BYTES + bit / 8;
            *torn.get_mut(byte).expect("within") ^= 1 << (bit % 8);
            std::fs::write(&path, torn).expect("written");
            assert_eq!(read(dir.path()).expect("read"), Some(tail(4)), "bit {bit}");
        }
    }

    #[test]
    fn nothing_is_read_from_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(read(dir.path()).expect("read"), None);
        std::fs::write(dir.path().join(NAME), b"RJHD").expect("written");
        assert_eq!(read(dir.path()).expect("read"), None);
    }
}
