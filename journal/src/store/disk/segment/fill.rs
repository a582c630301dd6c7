//! Space that is taken in advance: zeroes, so that a commit changes no more than its own bytes.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use crate::store::disk::files;

/// What the system keeps in memory and writes at least.
pub(super) const PAGE_BYTES: usize = 4 * 1024;

/// Writes the beginning of a file, and zeroes behind it up to its capacity.
///
/// Past the memory of the system where it lets us: there the zeroes would be of no use to anybody,
/// and cost as much again as what is written over them.
pub(super) fn begin(file: &mut File, head: &[u8], capacity: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match direct::begin(file, head, capacity) {
        Err(error) if !files::is_full(&error) => {}
        filled => return filled,
    }
    // Whatever was the reason, here it is told if it still holds.
    file.seek(SeekFrom::Start(0))?;
    file.write_all(head)?;
    zero(file, head.len() as u64, capacity)
}

/// Fills a file with zeroes from one offset to another.
///
/// A page at a time: written in larger pieces, they would be kept in larger pieces too, and every
/// commit would make all of such a piece dirty again.
pub(super) fn zero(file: &mut File, from: u64, to: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(from))?;
    let zeroes = [0; PAGE_BYTES];
    let mut left = to.saturating_sub(from);
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(PAGE_BYTES).min(PAGE_BYTES);
        file.write_all(zeroes.get(..part).unwrap_or_default())?;
        left -= part as u64;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod direct {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    use super::PAGE_BYTES;

    /// Bytes written at a time.
    const FILL_BYTES: usize = 1024 * 1024;

    pub(super) fn begin(file: &File, head: &[u8], capacity: u64) -> io::Result<()> {
        let before = fcntl_getfl(file)?;
        fcntl_setfl(file, before | OFlags::DIRECT)?;
        let filled = fill(file, head, capacity);
        fcntl_setfl(file, before)?;
        filled
    }

    fn fill(file: &File, head: &[u8], capacity: u64) -> io::Result<()> {
        // Memory must begin where a page does.
        let mut buffer = vec![0; FILL_BYTES + PAGE_BYTES];
        let start = buffer.as_ptr().align_offset(PAGE_BYTES);
        let refused = || io::Error::from(io::ErrorKind::InvalidInput);
        let chunk = buffer.get_mut(start..start + FILL_BYTES).ok_or_else(refused)?;
        chunk.get_mut(..head.len()).ok_or_else(refused)?.copy_from_slice(head);
        let mut at = 0;
        while at < capacity {
            let left = usize::try_from(capacity - at).unwrap_or(FILL_BYTES).min(FILL_BYTES);
            file.write_all_at(chunk.get(..left).ok_or_else(refused)?, at)?;
            at += left as u64;
            chunk.get_mut(..head.len()).ok_or_else(refused)?.fill(0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_begins_with_its_head_and_goes_on_with_zeroes() {
        let home = tempfile::tempdir().expect("a folder");
        for capacity in [3 * PAGE_BYTES as u64, 3 * 1024 * 1024, 5_000] {
            let path = home.path().join(capacity.to_string());
            let mut file = File::create(&path).expect("created");
            begin(&mut file, b"head", capacity).expect("filled");
            // What begins in the middle of a page is refused as long as the memory is passed by.
            file.seek(SeekFrom::Start(1)).expect("within");
            file.write_all(b"ead").expect("it takes more");
            let bytes = std::fs::read(&path).expect("there");
            assert_eq!(bytes.len() as u64, capacity);
            let (head, rest) = bytes.split_at(4);
            assert_eq!(head, b"head");
            assert!(rest.iter().all(|byte| *byte == 0));
        }
    }
}
