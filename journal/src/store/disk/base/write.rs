//! Writing the file, so that a crash leaves the one before it or this one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::bases::{COPY, COPY_DRAFT, DRAFT, NAME};
use super::file::Base;
use super::format::{HEAD_BYTES, Head};
use crate::store::disk::files;

/// Puts a new file in the place of the one before it, if any.
///
/// The lengths in the head are those of what is given.
///
/// # Durability
/// When this returns, the file is on the disk under its name. After an error it is not, unless the
/// disk failed at the very end.
pub(in crate::store::disk) fn replace<E: From<io::Error>>(
    dir: &Path,
    head: Head,
    residue: &[u8],
    kept: impl Iterator<Item = Result<Vec<u8>, E>>,
) -> Result<(), E> {
    let drafts = Drafts::new(dir);
    let mut out = Summed::begin(&drafts.base)?;
    out.write(residue)?;
    let mut head = Head { residue_bytes: residue.len() as u64, frames_bytes: 0, kept: 0, ..head };
    for frame in kept {
        let frame = frame?;
        out.write(&frame)?;
        head.frames_bytes += frame.len() as u64;
        head.kept += 1;
    }
    out.end(&head)?;
    copy(&drafts.base, &drafts.copy)?;
    drafts.publish(dir)?;
    Ok(())
}

/// Writes both copies of a file that is known to be whole.
///
/// # Durability
/// They are on the disk when this returns.
pub(in crate::store::disk) fn adopt(dir: &Path, base: &Base) -> io::Result<()> {
    let drafts = Drafts::new(dir);
    let mut file = files::create(&drafts.base)?;
    io::copy(&mut base.bytes(), &mut file)?;
    file.sync_all()?;
    copy(&drafts.base, &drafts.copy)?;
    drafts.publish(dir)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut file = files::create(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.sync_all()
}

/// Both copies under the names that they have until they are whole; removed unless they got others.
struct Drafts {
    base: PathBuf,
    copy: PathBuf,
}

impl Drafts {
    fn new(dir: &Path) -> Self {
        Self { base: dir.join(DRAFT), copy: dir.join(COPY_DRAFT) }
    }

    fn publish(&self, dir: &Path) -> io::Result<()> {
        fs::rename(&self.base, dir.join(NAME))?;
        files::sync_dir(dir)?;
        // From here on it counts; what is not done is done by the next opening.
        let renamed = fs::rename(&self.copy, dir.join(COPY));
        let _ = renamed.and_then(|()| files::sync_dir(dir));
        Ok(())
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        for draft in [&self.base, &self.copy] {
            let _ = fs::remove_file(draft);
        }
    }
}

/// A file that is written from its end to its head.
struct Summed {
    file: BufWriter<File>,
    /// Checksum of what stands behind the head.
    crc: u32,
}

impl Summed {
    fn begin(path: &Path) -> io::Result<Self> {
        let mut file = files::create(path)?;
        file.seek(SeekFrom::Start(HEAD_BYTES))?;
        Ok(Self { file: BufWriter::with_capacity(256 * 1024, file), crc: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.file.write_all(bytes)
    }

    fn end(mut self, head: &Head) -> io::Result<()> {
        self.file.write_all(&self.crc.to_be_bytes())?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&head.encode())?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }
}
