//! Reading a journal without touching it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::anchor;
use super::db::Db;
use super::error::OpenError;
use super::files;
use super::lock::Lock;
use super::open::Place;
use super::salvage::Salvage;
use super::survey::{Survey, Worth};

use crate::id::Seq;
use crate::store::contract::Scan;
use crate::store::error::ReadError;
use crate::store::tail::records;

/// A copy of a journal, for reading; damaged ones too.
///
/// Opening a sled database rewrites files in it, so that even a look at the original would change
/// it.
#[derive(Debug)]
pub struct Snapshot {
    frames: Frames,
    whole: Seq,
    last: Seq,
    condition: Condition,
}

/// Where the frames of a copy come from.
#[derive(Debug)]
enum Frames {
    Database(Db),
    /// sled cannot open the database; its log was searched instead.
    Salvage(Salvage),
    /// Let go of.
    Closed,
}

/// What state a journal is in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// Everything that was ever durable is there.
    Whole,
    /// A commit that was never acknowledged is there in part; the next opening cuts it off.
    Torn {
        /// The first record that is not whole.
        from: Seq,
        /// The last record of which anything is there.
        to: Seq,
        /// What is wrong with the first.
        problem: String,
    },
    /// Records are gone that were durable once.
    Damaged {
        /// The first record that is gone.
        from: Seq,
        /// The last record that is known to be gone; none if that cannot be told.
        to: Option<Seq>,
        /// How it was noticed.
        problem: String,
    },
    /// Written by a newer release.
    Newer {
        /// What is newer.
        problem: String,
    },
}

impl Snapshot {
    /// Copies a journal into an empty folder and opens the copy.
    ///
    /// Keeps writers away while it copies, for which the journal need not be writable.
    ///
    /// # Errors
    /// [`OpenError`] if there is no journal, or it is in use, or cannot be copied. A damaged one
    /// is no error: see [`condition`](Self::condition).
    pub fn take(journal: &Path, into: &Path) -> Result<Self, OpenError> {
        let place = Place::new(journal);
        if !place.is_journal()? {
            return Err(place.missing());
        }
        let lock = place.lock(Lock::shared(journal))?;
        place.io("copy it", copy(journal, into))?;
        let opened = match place.open_database(into) {
            Err(OpenError::Damaged { lost_from: from, lost_to: to, problem, .. }) => {
                (None, Survey::nothing(Worth::Damaged { from, to, problem }))
            }
            opened => opened.map(|(db, survey)| (Some(db), survey))?,
        };
        let snapshot = match opened {
            (Some(db), survey) if !matches!(survey.worth, Worth::Damaged { .. }) => {
                Self::of_database(db, survey)
            }
            (db, survey) => {
                db.into_iter().for_each(Db::close);
                // Opening may have rewritten the first copy.
                place.io("copy it again", copy(journal, into))?;
                let found = Salvage::search(&into.join(files::DATABASE));
                Self::of_salvage(place.io("search what is left", found)?, survey)
            }
        };
        drop(lock);
        Ok(snapshot)
    }

    fn of_database(db: Db, survey: Survey) -> Self {
        let Survey { whole, last, worth } = survey;
        let frames = Frames::Database(db);
        Self { frames, whole: whole.head, last, condition: condition(worth) }
    }

    /// A database that sled opened, but shortened or with holes, has no more than its log.
    fn of_salvage(found: Salvage, survey: Survey) -> Self {
        let (whole, last) = (found.whole(), found.last().max(survey.last));
        Self { frames: Frames::Salvage(found), whole, last, condition: condition(survey.worth) }
    }

    /// What state the journal is in.
    pub const fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The end of the part that is whole from record 1 on.
    pub const fn whole(&self) -> Seq {
        self.whole
    }

    /// All records as [`Store::scan`](crate::store::Store::scan) gives them, with errors for what
    /// is known to be gone.
    pub fn scan(&self) -> Scan<'_> {
        let lost_to = match &self.condition {
            Condition::Damaged { to, .. } => to.unwrap_or(Seq::ZERO),
            Condition::Whole | Condition::Torn { .. } | Condition::Newer { .. } => Seq::ZERO,
        };
        let to = self.last.max(lost_to);
        match &self.frames {
            Frames::Database(db) => Box::new(records(Seq::ZERO, to, db.frames(Seq::ZERO, to))),
            Frames::Salvage(found) => Box::new(records(Seq::ZERO, to, found.frames())),
            Frames::Closed => Box::new(std::iter::once(Err(ReadError::Closed))),
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Frames::Database(db) = std::mem::replace(&mut self.frames, Frames::Closed) {
            db.close();
        }
    }
}

fn condition(worth: Worth) -> Condition {
    match worth {
        Worth::Whole => Condition::Whole,
        Worth::Torn { from, to, problem } => Condition::Torn { from, to, problem },
        Worth::Damaged { from, to, problem } => Condition::Damaged { from, to, problem },
        Worth::Newer { problem } => Condition::Newer { problem },
    }
}

/// Copies what a reader needs; the lock stays behind.
fn copy(journal: &Path, into: &Path) -> io::Result<()> {
    for file in [files::MARKER, anchor::NAME] {
        copy_file(&journal.join(file), &into.join(file))?;
    }
    let (from, to) = (journal.join(files::DATABASE), into.join(files::DATABASE));
    copy_folder(&from, &to)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    files::make_private_dir(to)?;
    for entry in entries {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() { copy_folder(&from, &to) } else { copy_file(&from, &to) }?;
    }
    Ok(())
}

/// Copies the bytes and not the permissions, which may forbid writing to the copy.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = match fs::File::open(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        source => source?,
    };
    io::copy(&mut source, &mut files::create(to)?).map(|_| ())
}
