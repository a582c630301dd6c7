//! Reads a file and hashes it, a slice at a time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::context::StepContext;
use crate::digest::Hasher;
use crate::fs::FileStamp;

const BLOCK: usize = 1024 * 1024;

/// A file that is being hashed.
pub(super) struct Hashing {
    file: File,
    pub(super) hasher: Hasher,
    total: u64,
}

/// Why a slice came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// As many bytes as were asked for are done.
    Slice,
    /// The whole file is done.
    End,
    /// The attempt was asked to stop.
    Stop,
}

impl Hashing {
    /// Opens the file and goes to where the hasher stands.
    pub(super) fn open(path: &Path, hasher: Hasher) -> io::Result<(Self, FileStamp)> {
        let mut file = File::open(path)?;
        let stamp = FileStamp::of_file(&file)?;
        file.seek(SeekFrom::Start(hasher.position()))?;
        Ok((Self { file, hasher, total: stamp.size() }, stamp))
    }

    /// Hashes about `bytes` more; blocks.
    pub(super) fn advance(&mut self, bytes: u64, cx: &StepContext) -> io::Result<Pause> {
        let mut block = vec![0; BLOCK];
        let goal = self.hasher.position().saturating_add(bytes);
        while self.hasher.position() < goal {
            if cx.stop_reason().is_some() {
                return Ok(Pause::Stop);
            }
            let read = match self.file.read(&mut block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let Some(read) = block.get(..read).filter(|read| !read.is_empty()) else {
                return Ok(Pause::End);
            };
            self.hasher.update(read);
            cx.progress(self.hasher.position(), Some(self.total));
        }
        Ok(Pause::Slice)
    }

    /// The file's stamp now; it differs from the first one if somebody wrote meanwhile.
    pub(super) fn stamp(&self) -> io::Result<FileStamp> {
        FileStamp::of_file(&self.file)
    }
}
