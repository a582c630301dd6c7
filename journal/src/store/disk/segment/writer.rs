//! The end of the segments, where frames are added.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::fill::{self, PAGE_BYTES};
use super::header::{self, Place, SegmentFile};
use super::spare::{Making, Spare};
use crate::store::disk::files::{self, Unwritten};
use crate::store::tail::Tail;

/// Size of the first segment of a session; each further one has twice the size of the one before.
const CAPACITY_MIN: u64 = 256 * 1024;
const CAPACITY_MAX: u64 = 16 * 1024 * 1024;
/// Data from which on a session begins a segment of its own rather than to fill one up.
const REUSED_BYTES_MAX: u64 = 1024 * 1024;

/// A record and the place behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::disk) struct Position {
    pub(in crate::store::disk) tail: Tail,
    pub(in crate::store::disk) end: Place,
}

/// The segment that is written to, and the one after it.
#[derive(Debug)]
pub(in crate::store::disk) struct SegmentWriter {
    dir: PathBuf,
    journal: Uuid,
    file: File,
    end: Place,
    capacity: u64,
    next: Next,
    /// Bytes of the batch for which there was no space; 0 if there was for all.
    missing: u64,
}

/// The segment after the one that is written to.
#[derive(Debug)]
enum Next {
    NotYet,
    Making(Making),
    Ready(Spare),
    /// There was no space for it.
    Failed,
}

impl SegmentWriter {
    /// Begins the first segment of a journal, or of what is left of it.
    pub(in crate::store::disk) fn create(
        dir: &Path,
        journal: Uuid,
        ordinal: u64,
    ) -> io::Result<Self> {
        let spare = Spare::make(dir, journal, ordinal.max(1), CAPACITY_MIN)?;
        Ok(Self::over(dir, journal, spare))
    }

    /// Goes on behind a position; what stands there is cut off.
    ///
    /// A full disk is no error: there is no room then, and what the journal has can be read.
    ///
    /// # Durability
    /// What stands in front of it is synced when this returns.
    pub(in crate::store::disk) fn resume(
        dir: &Path,
        journal: Uuid,
        segments: &[SegmentFile],
        end: Place,
    ) -> io::Result<Self> {
        for behind in segments.iter().filter(|segment| segment.ordinal > end.ordinal) {
            if behind.is_of(journal) {
                // Made in advance, or the rest of a batch that was never acknowledged.
                std::fs::remove_file(&behind.path)?;
            } else {
                files::set_aside(dir, &behind.path, "segment")?;
            }
        }
        let segment = SegmentFile::new(dir, end.ordinal);
        let mut file = files::open_for_update(&segment.path)?;
        file.set_len(end.offset)?;
        if end.offset > REUSED_BYTES_MAX {
            file.sync_all()?;
            let spare = Spare::make(dir, journal, after(end.ordinal)?, CAPACITY_MIN);
            if let Some(spare) = unless_full(spare)? {
                return Ok(Self::over(dir, journal, spare));
            }
            return Self::behind(dir, journal, file, end, end.offset);
        }
        let capacity = end.offset + CAPACITY_MIN;
        let filled = unless_full(fill::zero(&mut file, end.offset, capacity))?;
        Self::behind(dir, journal, file, end, filled.map_or(end.offset, |()| capacity))
    }

    /// Goes on in a segment that has some capacity.
    fn behind(
        dir: &Path,
        journal: Uuid,
        mut file: File,
        end: Place,
        capacity: u64,
    ) -> io::Result<Self> {
        let next = if capacity > end.offset { Next::NotYet } else { Next::Failed };
        file.set_len(capacity)?;
        file.sync_all()?;
        files::sync_dir(&dir.join(header::DIR))?;
        file.seek(SeekFrom::Start(end.offset))?;
        Ok(Self { dir: dir.to_owned(), journal, file, end, capacity, next, missing: 0 })
    }

    fn over(dir: &Path, journal: Uuid, spare: Spare) -> Self {
        let Spare { file, segment, capacity } = spare;
        let (end, next) = (Place::start_of(segment.ordinal), Next::NotYet);
        Self { dir: dir.to_owned(), journal, file, end, capacity, next, missing: 0 }
    }

    /// Where the next frame goes, as long as it fits there.
    pub(in crate::store::disk) const fn end(&self) -> Place {
        self.end
    }

    /// Adds the frames of a batch as one; gives the place where they begin.
    ///
    /// A batch that is larger than a segment makes its segment grow: none is ever split. Without
    /// space for that, no byte of it is written.
    pub(in crate::store::disk) fn append(&mut self, frames: &[u8]) -> Result<Place, Unwritten> {
        let bytes = frames.len() as u64;
        if self.is_full_for(frames) {
            self.rotate()?;
        }
        if let Err(unwritten) = self.reserve(bytes) {
            self.missing = bytes;
            return Err(unwritten);
        }
        if self.missing <= bytes {
            self.missing = 0;
        }
        let begin = self.end;
        self.write(frames)?;
        self.end.offset += bytes;
        if self.end.offset > self.capacity / 4 {
            self.prepare();
        }
        // The rest is the reserve: before it is used it must be known whether there is more.
        if self.end.offset > self.capacity / 4 * 3 {
            self.settle();
        }
        Ok(begin)
    }

    /// Takes the space that a batch needs behind what was filled with zeroes: with more of them.
    fn reserve(&mut self, bytes: u64) -> Result<(), Unwritten> {
        let needed = self.end.offset + bytes;
        if needed <= self.capacity {
            return Ok(());
        }
        let filled = fill::zero(&mut self.file, self.capacity, needed);
        if filled.is_err() {
            // Zeroes that stay all the same say nothing.
            let _ = self.file.set_len(self.capacity);
        }
        self.file.seek(SeekFrom::Start(self.end.offset))?;
        filled.map_err(Unwritten::harmless)?;
        self.capacity = needed;
        Ok(())
    }

    /// Whether these frames go into the next segment, before which this one is synced.
    pub(in crate::store::disk) fn is_full_for(&self, frames: &[u8]) -> bool {
        self.end.offset + frames.len() as u64 > self.capacity && !self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.end == Place::start_of(self.end.ordinal)
    }

    /// Writes what comes next, and the page that it ends in to its end if nothing stands there yet.
    ///
    /// Of a page that is written in part the system has to read the rest from the disk first. And
    /// what is written at once it may keep in one piece, all of which the next commit would write
    /// again: that page is one by itself.
    fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        let page = PAGE_BYTES as u64;
        let end = self.end.offset + frames.len() as u64;
        let last = end - end % page;
        let is_new = last >= self.end.offset && end > last && last + page <= self.capacity;
        let head_bytes = usize::try_from(last.saturating_sub(self.end.offset));
        let Some((head, tail)) = head_bytes.ok().filter(|_| is_new).map(|at| frames.split_at(at))
        else {
            return self.file.write_all(frames);
        };
        self.file.write_all(head)?;
        let mut whole = [0; PAGE_BYTES];
        if let Some(begin) = whole.get_mut(..tail.len()) {
            begin.copy_from_slice(tail);
        }
        self.file.write_all(&whole)?;
        self.file.seek(SeekFrom::Start(end)).map(|_| ())
    }

    /// Makes what was added durable.
    pub(in crate::store::disk) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Whether the disk has given space for what comes next, as far as is known.
    pub(in crate::store::disk) fn has_room(&mut self) -> bool {
        if matches!(&self.next, Next::Making(making) if making.is_done()) {
            self.settle();
        }
        !matches!(self.next, Next::Failed) && self.missing == 0
    }

    /// Asks the disk for space again, if it had none.
    pub(in crate::store::disk) fn seek_room(&mut self) -> bool {
        if !self.has_room() {
            if matches!(self.next, Next::Failed) {
                self.next = Next::NotYet;
            }
            self.prepare();
            self.settle();
            // Nothing leaves a segment that is empty for another one.
            let fits = |this: &mut Self, bytes| {
                matches!(this.next, Next::Ready(_))
                    && (!this.is_empty() && this.is_next_for(bytes) || this.reserve(bytes).is_ok())
            };
            if fits(self, self.missing) {
                self.missing = 0;
            }
        }
        self.has_room()
    }

    /// Whether the next segment is there, and has so much space.
    fn is_next_for(&self, bytes: u64) -> bool {
        let offset = Place::start_of(self.end.ordinal).offset;
        matches!(&self.next, Next::Ready(spare) if offset + bytes <= spare.capacity)
    }

    /// Ends the session: gives back what was taken in advance.
    pub(in crate::store::disk) fn close(mut self) {
        self.settle();
        if let Next::Ready(spare) = self.next {
            let _ = std::fs::remove_file(&spare.segment.path);
        }
        // Whatever fails here is mended by the next opening.
        let _ = self.file.set_len(self.end.offset);
        let _ = self.file.sync_all();
    }

    /// Ends the session without touching what is there: somebody else may open it from now on.
    pub(in crate::store::disk) fn abandon(mut self) {
        // The thread that makes the next segment would write into one of theirs.
        self.settle();
    }

    /// Begins to make the next segment, unless that was begun.
    fn prepare(&mut self) {
        if matches!(self.next, Next::NotYet) {
            let capacity = self.capacity_next();
            let making = after(self.end.ordinal).and_then(|ordinal| {
                Making::begin(&self.dir, self.journal, ordinal, capacity, CAPACITY_MIN)
            });
            self.next = match making {
                Ok(making) => Next::Making(making),
                Err(_) => Next::Failed,
            };
        }
    }

    fn capacity_next(&self) -> u64 {
        // What is no multiple of a block cannot be filled past the memory of the system.
        (self.capacity * 2).next_multiple_of(PAGE_BYTES as u64).clamp(CAPACITY_MIN, CAPACITY_MAX)
    }

    /// Waits for the next segment, if it is being made.
    fn settle(&mut self) {
        self.next = match std::mem::replace(&mut self.next, Next::NotYet) {
            Next::Making(making) => making.end().map_or(Next::Failed, Next::Ready),
            next => next,
        };
    }

    /// Goes on in the next segment; without space for one, behind the end of this one.
    fn rotate(&mut self) -> io::Result<()> {
        self.prepare();
        self.settle();
        let Next::Ready(spare) = std::mem::replace(&mut self.next, Next::NotYet) else {
            // The reason is asked for again when somebody asks for room.
            self.next = Next::Failed;
            return Ok(());
        };
        self.file.set_len(self.end.offset)?;
        // A commit that only has to survive a killed process has not done this yet.
        self.file.sync_data()?;
        *self = Self::over(&self.dir, self.journal, spare);
        Ok(())
    }

    /// Puts another file in the place of the segment, and lets there be no next one; gives it.
    #[cfg(all(test, target_os = "linux"))]
    pub(in crate::store::disk) fn replace(&mut self, file: File) -> File {
        self.next = Next::Failed;
        std::mem::replace(&mut self.file, file)
    }

    /// Puts a file in the place of the segment that cannot be synced.
    #[cfg(all(test, unix))]
    pub(in crate::store::disk) fn break_sync(&mut self) {
        self.file = File::options().write(true).open("/dev/null").expect("always there");
    }
}

/// The number of the segment after another one.
fn after(ordinal: u64) -> io::Result<u64> {
    let used_up = || {
        let problem = format!("segment {ordinal} has the last number there is; export the journal");
        io::Error::new(ErrorKind::InvalidData, problem)
    };
    ordinal.checked_add(1).ok_or_else(used_up)
}

/// What could be done; none if the disk had no space for it.
fn unless_full<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if files::is_full(&error) => Ok(None),
        done => done.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_one_that_fails() {
        for full in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            assert_eq!(unless_full::<()>(Err(full.into())).expect("no error"), None);
        }
        let failed = unless_full::<()>(Err(ErrorKind::PermissionDenied.into()));
        assert_eq!(failed.expect_err("an error").kind(), ErrorKind::PermissionDenied);
        assert_eq!(unless_full(Ok(7)).expect("done"), Some(7));
    }

    #[test]
    fn every_further_segment_of_a_session_is_made_of_whole_pages() {
        let home = tempfile::tempdir().expect("a folder");
        let (dir, journal) = (home.path(), Uuid::from_u128(1));
        header::create_dir(dir).expect("made");
        let mut writer = SegmentWriter::create(dir, journal, 1).expect("made");
        writer.append(&[7; 101]).expect("added");
        let end = writer.end();
        writer.close();
        let segments = header::list(dir).expect("listed");
        let mut writer = SegmentWriter::resume(dir, journal, &segments, end).expect("opened");
        for ordinal in 2..=8 {
            while writer.end().ordinal < ordinal {
                writer.append(&vec![7; 100_003]).expect("added");
            }
            assert_eq!(writer.capacity % PAGE_BYTES as u64, 0, "segment {ordinal}");
        }
        assert_eq!(writer.capacity, CAPACITY_MAX);
    }

    #[test]
    fn the_last_number_of_all_is_the_end() {
        let home = tempfile::tempdir().expect("a folder");
        header::create_dir(home.path()).expect("made");
        let mut writer = SegmentWriter::create(home.path(), Uuid::nil(), u64::MAX).expect("made");
        writer.append(&vec![7; 500_000]).expect("added");
        assert!(!writer.has_room());
        writer.append(&[7; 500]).expect("it grows");
        assert_eq!(writer.end(), Place { ordinal: u64::MAX, offset: 64 + 500_500 });
    }

    #[test]
    fn without_capacity_there_is_no_room_until_the_disk_has_some() {
        let home = tempfile::tempdir().expect("a folder");
        let (dir, journal) = (home.path(), Uuid::from_u128(1));
        header::create_dir(dir).expect("made");
        let mut writer = SegmentWriter::create(dir, journal, 1).expect("made");
        writer.append(&[7; 100]).expect("added");
        let end = writer.end();
        writer.close();

        let path = SegmentFile::new(dir, 1).path;
        let file = files::open_for_update(&path).expect("there");
        fill::zero(&mut file.try_clone().expect("once more"), end.offset, 9_000).expect("filled");
        let mut writer =
            SegmentWriter::behind(dir, journal, file, end, end.offset).expect("opened");
        assert_eq!(std::fs::metadata(&path).expect("there").len(), end.offset, "it is given back");
        assert!(!writer.has_room());
        assert_eq!(writer.append(&[8; 50]).expect("it grows"), end);
        assert!(!writer.has_room());
        assert!(writer.seek_room());
        assert_eq!(writer.append(&[9; 50]).expect("added"), Place::start_of(2));
        writer.close();
        let bytes = std::fs::read(path).expect("there");
        assert_eq!(bytes.get(64..), Some([[7; 50], [7; 50], [8; 50]].concat().as_slice()));
    }
}
