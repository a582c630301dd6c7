//! Opening a journal: never makes one where one was expected, never shortens one in silence.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use chrono::Utc;
use uuid::Uuid;

use super::anchor::{self, Anchor};
use super::db::{self, Db};
use super::disk::Disk;
use super::error::OpenError;
use super::files::{self, Folder};
use super::lock::{Lock, LockError};
use super::store::{CutTail, Durability, OpenMode};
use super::survey::{Survey, Worth, survey};
use crate::codec::{self, Link};
use crate::id::Seq;
use crate::store::tail::{Tail, first_record};
use crate::time::Timestamp;

/// A journal that is ready for writing.
pub(super) struct Opened {
    pub(super) disk: Disk,
    pub(super) tail: Tail,
    pub(super) cut: Option<CutTail>,
}

/// Opens the journal in a folder, or makes it if the mode allows that.
pub(super) fn open(
    dir: &Path,
    mode: OpenMode,
    durability: Durability,
) -> Result<Opened, OpenError> {
    let place = Place::new(dir);
    let may_create = mode == OpenMode::CreateIfMissing;
    if !place.is_journal()? && !may_create {
        return Err(place.missing());
    }
    if may_create {
        place.io("make the folder", make_folder(dir))?;
    }
    let lock = place.lock(Lock::exclusive(dir))?;
    // Another process may have made the journal while this one waited for the lock.
    let opened = if place.is_journal()? {
        reopen(&place, durability, lock)
    } else {
        create(&place, durability, lock)
    }?;
    place.io("set permissions", files::make_database_private(dir))?;
    Ok(opened)
}

fn make_folder(dir: &Path) -> io::Result<()> {
    if files::look(dir)? == Folder::Journal { Ok(()) } else { files::make_private_dir(dir) }
}

fn create(place: &Place, durability: Durability, lock: Lock) -> Result<Opened, OpenError> {
    let dir = place.dir.as_path();
    place.io("prepare the folder", files::prepare(dir))?;
    let journal = Uuid::new_v4();
    let first = first_record(journal, Timestamp::from(Utc::now()));
    let frame = codec::encode(&first, Link::default())
        .map_err(|error| place.failed("write the first record", io::Error::other(error)))?;
    let tail = Tail { head: first.seq, chain: frame.crc };

    let db = place.io("make the database", Db::open(&dir.join(files::DATABASE)))?;
    place.io("write the first record", db.commit(&[(first.seq, frame)]))?;
    let anchor = place.io("write the head", Anchor::create(dir, tail))?;
    place.io("sync the folder", files::sync_created(dir))?;
    place.io("write the marker", files::write_marker(dir, journal))?;
    place.io("sync the folder", files::finish(dir))?;
    let disk = place.io("open the log", Disk::new(dir, db, anchor, lock, durability))?;
    Ok(Opened { disk, tail, cut: None })
}

fn reopen(place: &Place, durability: Durability, lock: Lock) -> Result<Opened, OpenError> {
    let dir = place.dir.as_path();
    place.io("sync the folder", files::finish(dir))?;
    let (db, survey) = place.open_database(dir)?;
    let mut cut = None;
    match survey.worth {
        Worth::Whole => {}
        Worth::Torn { from, to, problem } => {
            place.io("cut the torn end", db.cut(from))?;
            cut = Some(CutTail { from, to, problem });
        }
        Worth::Damaged { from, to, problem } => return Err(place.damaged(from, to, problem)),
        Worth::Newer { problem } => return Err(place.newer(problem)),
    }
    let anchor = place.io("open the head", Anchor::open(dir))?;
    let mut disk = place.io("open the log", Disk::new(dir, db, anchor, lock, durability))?;
    // What a killed process left may be in the system's cache only; nothing may build on that.
    place.io("sync the log", disk.settle(survey.whole))?;
    Ok(Opened { disk, tail: survey.whole, cut })
}

/// The folder that all errors of an opening name.
pub(super) struct Place {
    dir: PathBuf,
    location: String,
}

impl Place {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), location: dir.display().to_string() }
    }

    /// Whether there is a journal; what is neither that nor room for one is an error.
    pub(super) fn is_journal(&self) -> Result<bool, OpenError> {
        match self.io("look into the folder", files::look(&self.dir))? {
            Folder::Journal => Ok(true),
            Folder::Missing | Folder::Unmade => Ok(false),
            Folder::Newer { format } => Err(self.newer(format!("format {format}"))),
            Folder::Foreign { problem } => {
                Err(OpenError::Foreign { location: self.location.clone(), problem })
            }
        }
    }

    /// Opens the database in a copy or an original of this journal, and reads all of it.
    pub(super) fn open_database(&self, dir: &Path) -> Result<(Db, Survey), OpenError> {
        let anchor = self.io("read the head", anchor::read(dir))?;
        let known = anchor.map(|tail| tail.head);
        let database = dir.join(files::DATABASE);
        for file in [db::LOG, db::CONF] {
            // sled would make a new one.
            if !database.join(file).is_file() {
                let problem = format!("the file {}/{file} is gone", files::DATABASE);
                return Err(self.damaged(Seq::new(1), known, problem));
            }
        }
        match Db::open(&database) {
            Ok(db) => {
                let survey = survey(&db, anchor);
                Ok((db, survey))
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Err(self.damaged(Seq::new(1), known, error.to_string()))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(self.locked(None)),
            Err(error) => Err(self.failed("open the database", error)),
        }
    }

    pub(super) fn lock<T>(&self, result: Result<T, LockError>) -> Result<T, OpenError> {
        result.map_err(|error| match error {
            LockError::Held { pid } => self.locked(pid),
            LockError::Io(source) => self.failed("take the lock", source),
        })
    }

    pub(super) fn io<T>(
        &self,
        action: &'static str,
        result: io::Result<T>,
    ) -> Result<T, OpenError> {
        result.map_err(|source| self.failed(action, source))
    }

    pub(super) fn missing(&self) -> OpenError {
        OpenError::Missing { location: self.location.clone() }
    }

    fn failed(&self, action: &'static str, source: io::Error) -> OpenError {
        OpenError::Io { location: self.location.clone(), action, source }
    }

    fn locked(&self, pid: Option<u32>) -> OpenError {
        OpenError::Locked { location: self.location.clone(), pid }
    }

    fn damaged(&self, lost_from: Seq, lost_to: Option<Seq>, problem: String) -> OpenError {
        OpenError::Damaged { location: self.location.clone(), lost_from, lost_to, problem }
    }

    fn newer(&self, problem: String) -> OpenError {
        OpenError::NewerFormat { location: self.location.clone(), problem }
    }
}
