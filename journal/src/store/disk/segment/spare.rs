//! The segment after the one that is written to: made in advance, so that no commit waits for it.

use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::thread::{self, JoinHandle};

use std::fs::File;

use uuid::Uuid;

use super::fill;
use super::header::{self, HEADER_BYTES, SegmentFile};
use crate::store::disk::files;

/// A segment that holds no frame yet.
#[derive(Debug)]
pub(super) struct Spare {
    /// Stands behind the header.
    pub(super) file: File,
    pub(super) segment: SegmentFile,
    pub(super) capacity: u64,
}

impl Spare {
    /// Makes a segment whose whole space is on the disk when this returns.
    pub(super) fn make(dir: &Path, journal: Uuid, ordinal: u64, capacity: u64) -> io::Result<Self> {
        let segment = SegmentFile::new(dir, ordinal);
        let made = made(&segment, journal, capacity).and_then(|file| {
            files::sync_dir(&dir.join(header::DIR))?;
            Ok(file)
        });
        if made.is_err() {
            // Half a segment would only take up the space that is missing.
            let _ = std::fs::remove_file(&segment.path);
        }
        Ok(Self { file: made?, segment, capacity })
    }
}

fn made(segment: &SegmentFile, journal: Uuid, capacity: u64) -> io::Result<File> {
    let mut file = files::create(&segment.path)?;
    fill::begin(&mut file, &header::encode(segment.ordinal, journal), capacity)?;
    file.sync_all()?;
    file.seek(SeekFrom::Start(HEADER_BYTES))?;
    Ok(file)
}

/// A spare that is being made on a thread of its own.
///
/// Lets nobody go on without it: it would write into what is somebody else's by then, or is gone.
#[derive(Debug)]
pub(super) struct Making(Option<JoinHandle<io::Result<Spare>>>);

impl Making {
    /// With less than the wanted capacity, but no less than `least`, if the disk is nearly full.
    pub(super) fn begin(
        dir: &Path,
        journal: Uuid,
        ordinal: u64,
        capacity: u64,
        least: u64,
    ) -> io::Result<Self> {
        let dir = dir.to_owned();
        let make = move || {
            let mut capacity = capacity;
            loop {
                match Spare::make(&dir, journal, ordinal, capacity) {
                    // A smaller one is better than none.
                    Err(_) if capacity > least => {
                        capacity =
                            (capacity / 2).next_multiple_of(fill::PAGE_BYTES as u64).max(least);
                    }
                    made => return made,
                }
            }
        };
        let thread = thread::Builder::new().name("journal-spare".to_owned()).spawn(make)?;
        Ok(Self(Some(thread)))
    }

    pub(super) fn is_done(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for it.
    pub(super) fn end(mut self) -> io::Result<Spare> {
        let made = self.0.take().and_then(|thread| thread.join().ok());
        made.unwrap_or_else(|| Err(io::Error::other("the thread ended early")))
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        drop(self.0.take().map(JoinHandle::join));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_lets_go_of_a_spare_waits_until_nobody_writes_to_it() {
        let home = tempfile::tempdir().expect("a folder");
        header::create_dir(home.path()).expect("made");
        let bytes = 8 * 1024 * 1024;
        drop(Making::begin(home.path(), Uuid::nil(), 2, bytes, bytes).expect("begun"));
        let path = SegmentFile::new(home.path(), 2).path;
        assert_eq!(std::fs::metadata(path).expect("made").len(), bytes);
    }
}
