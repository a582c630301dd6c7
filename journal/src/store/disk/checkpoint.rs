//! What the records up to some position add up to, in a file of its own.
//!
//! ```text
//!   0  4  magic, "RJCP"             36  8  offset behind the record
//!   4  2  version, 1                44  8  length of the image
//!   6  2  0                         52  4  CRC32C of the image
//!   8  8  position of the record    56  4  CRC32C of these 56 bytes
//!  16  4  its checksum              60  4  0
//!  20  8  0                         64  n  the image
//!  28  8  its segment
//! ```

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::files;
use super::segment::{Place, Position};
use crate::id::Seq;
use crate::store::tail::Tail;

/// The folder of the checkpoints.
pub(super) const DIR: &str = "checkpoints";

const MAGIC: [u8; 4] = *b"RJCP";
const VERSION: u16 = 1;
const COVERED_BYTES: usize = 56;
const HEADER_BYTES: usize = 64;
/// A file that claims more than this is damaged.
const IMAGE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Writes a checkpoint, then removes those before it.
pub(super) fn save(dir: &Path, position: Position, image: &[u8]) -> io::Result<()> {
    if image.len() as u64 > IMAGE_BYTES_MAX {
        let problem = format!("a checkpoint of {} bytes is too large", image.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let folder = dir.join(DIR);
    files::make_private_dir(&folder)?;
    let draft = folder.join("draft");
    let mut file = files::create(&draft)?;
    file.write_all(&header(position, image))?;
    file.write_all(image)?;
    file.sync_all()?;
    fs::rename(&draft, path(&folder, position.tail.head))?;
    files::sync_dir(&folder)?;
    // The folder may have been made just now, or by a session that died behind that.
    files::sync_dir(dir)?;
    for older in list(&folder)?.into_iter().filter(|(seq, _)| *seq != position.tail.head) {
        fs::remove_file(older.1)?;
    }
    Ok(())
}

/// The newest checkpoint that is intact, without its image.
pub(super) fn position(dir: &Path) -> Option<Position> {
    newest(dir, |path| read_header(&mut files::open(path).ok()?).map(|(position, ..)| position))
}

/// The newest checkpoint that is intact.
pub(super) fn load(dir: &Path) -> Option<(Position, Vec<u8>)> {
    newest(dir, |path| {
        let mut file = files::open(path).ok()?;
        let (position, bytes, crc) = read_header(&mut file)?;
        let mut image = Vec::new();
        file.take(bytes).read_to_end(&mut image).ok()?;
        (image.len() as u64 == bytes && crc32c::crc32c(&image) == crc).then_some((position, image))
    })
}

/// Forgets all checkpoints: what they stand on has changed.
pub(super) fn clear(dir: &Path) -> io::Result<()> {
    files::remove_all(&dir.join(DIR))?;
    files::sync_dir(dir)
}

fn newest<T>(dir: &Path, read: impl Fn(&Path) -> Option<T>) -> Option<T> {
    let found = list(&dir.join(DIR)).ok()?;
    found.iter().rev().find_map(|(_, path)| read(path))
}

/// Checkpoints by their positions, in order.
fn list(folder: &Path) -> io::Result<Vec<(Seq, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let seq = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".checkpoint")?.parse().ok());
        if let Some(seq) = seq {
            found.push((Seq::new(seq), path));
        }
    }
    found.sort();
    Ok(found)
}

fn path(folder: &Path, seq: Seq) -> PathBuf {
    folder.join(format!("{:020}.checkpoint", seq.get()))
}

fn header(position: Position, image: &[u8]) -> Vec<u8> {
    let Position { tail, end } = position;
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&tail.head.get().to_be_bytes());
    bytes.extend_from_slice(&tail.chain.to_be_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&end.ordinal.to_be_bytes());
    bytes.extend_from_slice(&end.offset.to_be_bytes());
    bytes.extend_from_slice(&(image.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(image).to_be_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes.resize(HEADER_BYTES, 0);
    bytes
}

/// The position, and the length and the checksum of the image.
fn read_header(file: &mut File) -> Option<(Position, u64, u32)> {
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact(&mut bytes).ok()?;
    let (covered, rest) = bytes.split_at_checked(COVERED_BYTES)?;
    let crc = u32::from_be_bytes(*rest.first_chunk()?);
    let is_ours = covered.get(..6) == Some(&[MAGIC.as_slice(), &VERSION.to_be_bytes()].concat());
    if crc32c::crc32c(covered) != crc || !is_ours {
        return None;
    }
    let long = |at: usize| Some(u64::from_be_bytes(*covered.get(at..)?.first_chunk()?));
    let short = |at: usize| Some(u32::from_be_bytes(*covered.get(at..)?.first_chunk()?));
    let tail = Tail { head: Seq::new(long(8)?), chain: short(16)? };
    let end = Place { ordinal: long(28)?, offset: long(36)? };
    let image_bytes = long(44).filter(|bytes| *bytes <= IMAGE_BYTES_MAX)?;
    Some((Position { tail, end }, image_bytes, short(52)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(seq: u64) -> Position {
        let tail = Tail { head: Seq::new(seq), chain: 7 };
        Position { tail, end: Place { ordinal: 3, offset: 99 } }
    }

    #[test]
    fn the_newest_counts_and_a_damaged_one_is_as_good_as_none() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(load(dir.path()), None);
        save(dir.path(), position(5), b"five").expect("saved");
        save(dir.path(), position(9), b"nine").expect("saved");
        assert_eq!(load(dir.path()), Some((position(9), b"nine".to_vec())));
        assert_eq!(super::position(dir.path()), Some(position(9)));

        let file = path(&dir.path().join(DIR), Seq::new(9));
        let bytes = fs::read(&file).expect("read");
        for bit in (0..bytes.len() * 8).filter(|bit| !(60..64).contains(&(bit / 8))) {
            let mut flipped = bytes.clone();
            *flipped.get_mut(bit / 8).expect("within") ^= 1 << (bit % 8);
            fs::write(&file, flipped).expect("written");
            assert_eq!(load(dir.path()), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            fs::write(&file, bytes.get(..length).expect("within")).expect("written");
            assert_eq!(load(dir.path()), None, "cut to {length}");
        }
    }
}
