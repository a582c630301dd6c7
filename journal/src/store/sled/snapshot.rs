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
use super::survey::{Survey, Worth};

use crate::id::Seq;
use crate::store::contract::Scan;
use crate::store::tail::{Tail, records};

/// A copy of a journal, for reading; damaged ones too.
///
/// Opening a sled database rewrites files in it, so that even a look at the original would change
/// it.
#[derive(Debug)]
pub struct Snapshot {
    db: Option<Db>,
    survey: Survey,
    condition: Condition,
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
        {
            let _lock = place.lock(Lock::shared(journal))?;
            place.io("copy it", copy(journal, into))?;
        }
        match place.open_database(into) {
            Ok((db, survey)) => {
                Ok(Self { db: Some(db), condition: condition(&survey.worth), survey })
            }
            Err(OpenError::Damaged { lost_from: from, lost_to: to, problem, .. }) => {
                let worth = Worth::Damaged { from, to, problem };
                let condition = condition(&worth);
                let survey = Survey { whole: Tail::default(), last: Seq::ZERO, worth };
                Ok(Self { db: None, survey, condition })
            }
            Err(error) => Err(error),
        }
    }

    /// What state the journal is in.
    pub const fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The end of the part that is whole from record 1 on.
    pub const fn whole(&self) -> Seq {
        self.survey.whole.head
    }

    /// All records as [`Store::scan`](crate::store::Store::scan) gives them, with errors for what
    /// is known to be gone.
    pub fn scan(&self) -> Scan<'_> {
        let lost_to = match &self.condition {
            Condition::Damaged { to, .. } => to.unwrap_or(Seq::ZERO),
            Condition::Whole | Condition::Torn { .. } | Condition::Newer { .. } => Seq::ZERO,
        };
        let to = self.survey.last.max(lost_to);
        let frames = self.db.iter().flat_map(move |db| db.frames(Seq::ZERO, to));
        Box::new(records(Seq::ZERO, to, frames))
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.db.take().into_iter().for_each(Db::close);
    }
}

fn condition(worth: &Worth) -> Condition {
    match worth.clone() {
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
