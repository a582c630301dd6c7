//! A journal that is made out of the frames of another one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::anchor::Anchor;
use super::base::{self, Base, Origin};
use super::files::{self, Folder};
use super::lock::{self, Lock, LockError};
use super::payloads::{self, Payloads};
use super::recover::Chain;
use super::segment::{self, SegmentWriter};
use crate::id::Seq;

/// A folder in which no journal was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// There is something; it was not touched.
    #[error("{location} is not empty; choose another folder")]
    Occupied {
        /// The path.
        location: String,
    },
    /// It would be part of the journal that is read.
    #[error("{location} lies in the old journal; choose a folder elsewhere")]
    Inside {
        /// The path.
        location: String,
    },
    /// The disk failed or refused access.
    #[error("cannot make a journal at {location} ({action}); check the disk and the permissions")]
    Io {
        /// The path.
        location: String,
        /// What was attempted.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// A journal that is no journal yet: it has no marker.
#[derive(Debug)]
pub(super) struct Draft {
    dir: PathBuf,
    location: String,
    was_missing: bool,
    lock: Lock,
}

impl Draft {
    /// Prepares an empty folder, which is made if it is missing.
    pub(super) fn begin(dir: &Path) -> Result<Self, TargetError> {
        let location = dir.display().to_string();
        let occupied = || TargetError::Occupied { location: location.clone() };
        let failed =
            |action, source| TargetError::Io { location: location.clone(), action, source };
        let was_missing = match files::look(dir) {
            Ok(Folder::Missing) => true,
            Ok(Folder::Unmade) => false,
            Ok(_) => return Err(occupied()),
            Err(error) => return Err(failed("look into the folder", error)),
        };
        files::make_private_dir(dir).map_err(|error| failed("make the folder", error))?;
        let lock = Lock::exclusive(dir).map_err(|error| match error {
            LockError::Held { .. } => occupied(),
            LockError::Io(error) => failed("take the lock", error),
        })?;
        // Another process may have made a journal while this one waited for the lock.
        if !matches!(files::look(dir), Ok(Folder::Unmade)) {
            return Err(occupied());
        }
        let draft = Self { dir: dir.to_owned(), location, was_missing, lock };
        draft.io("prepare the folder", files::prepare(dir))?;
        Ok(draft)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// An empty chain in it, that begins where another journal does.
    pub(super) fn chain(&self, journal: Uuid, origin: Origin) -> Result<Chain, TargetError> {
        let writer = SegmentWriter::create(&self.dir, journal, origin.ordinal);
        let writer = self.io("make a segment", writer)?;
        Ok(Chain::new(writer, origin, Payloads::new(&self.dir)))
    }

    /// Takes over what stands for the records that another journal has dropped.
    ///
    /// The bodies that its frames refer to are taken over by whoever has them.
    pub(super) fn begin_with(&self, base: &Base) -> Result<(), TargetError> {
        self.io("write the base", base::adopt(&self.dir, base))
    }

    /// Makes it a journal that ends where a chain ends.
    ///
    /// # Durability
    /// All of it is on the disk when this returns.
    pub(super) fn publish(&self, journal: Uuid, chain: Chain) -> Result<Seq, TargetError> {
        let whole = self.io("write the records", chain.end())?;
        let anchor = Anchor::create(&self.dir, whole.tail);
        self.io("write the head", anchor.map(drop))?;
        self.io("sync the folder", files::sync_created(&self.dir))?;
        self.io("write the marker", files::write_marker(&self.dir, journal))?;
        self.io("sync the folder", files::finish(&self.dir))?;
        Ok(whole.tail.head)
    }

    pub(super) fn io<T>(
        &self,
        action: &'static str,
        result: io::Result<T>,
    ) -> Result<T, TargetError> {
        let location = || self.location.clone();
        result.map_err(|source| TargetError::Io { location: location(), action, source })
    }

    /// Leaves the folder as it was found. What cannot be removed is no journal either.
    pub(super) fn abandon(self) {
        let Self { dir, was_missing, lock, .. } = self;
        // The marker first: what has one is a journal, and this is about to be none.
        for marker in [files::MARKER, files::MARKER_DRAFT] {
            let _ = fs::remove_file(dir.join(marker));
        }
        for folder in [segment::DIR, payloads::DIR] {
            let _ = fs::remove_dir_all(dir.join(folder));
        }
        let others = [super::anchor::NAME, files::CREATING, lock::NAME];
        for file in base::NAMES.into_iter().chain(others) {
            let _ = fs::remove_file(dir.join(file));
        }
        if was_missing {
            let _ = fs::remove_dir(dir);
        }
        drop(lock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tail::Tail;

    /// The disk may fail in front of the last rename as well as behind it.
    #[test]
    fn nothing_is_left_of_a_draft_that_failed_at_its_end() {
        let home = tempfile::tempdir().expect("a folder");
        for is_made in [false, true] {
            let dir = home.path().join("journal");
            if is_made {
                fs::create_dir(&dir).expect("made");
            }
            let draft = Draft::begin(&dir).expect("begun");
            drop(draft.chain(Uuid::nil(), Origin::CREATION).expect("begun"));
            drop(Anchor::create(&dir, Tail::default()).expect("written"));
            files::write_marker(&dir, Uuid::nil()).expect("written");
            fs::copy(dir.join(files::MARKER), dir.join("FORMAT.new")).expect("copied");
            draft.abandon();
            assert_eq!(dir.exists(), is_made);
            assert!(!is_made || fs::read_dir(&dir).expect("there").next().is_none());
        }
    }
}
