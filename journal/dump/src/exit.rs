//! How the tool ends.

use std::io::{self, Write};
use std::process::ExitCode;

use resurge::lab::LabError;
use resurge_journal::dump::{Plain, with_causes};
use resurge_journal::store::{
    ArchiveError, ExportError, ImportError, OpenError, RepairError, TargetError,
};

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    Findings = 1,
    Usage = 2,
    NoJournal = 3,
    Locked = 4,
    Torn = 5,
    Newer = 6,
    NothingMatched = 7,
}

impl Exit {
    /// The one that weighs more: what is newer was not judged, damage is worse than a torn end.
    pub(crate) fn max_with(self, other: Self) -> Self {
        let weight = |exit: Self| match exit {
            Self::Ok => 0,
            Self::Torn => 1,
            Self::Newer => 3,
            _ => 2,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        (exit as u8).into()
    }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Repair(#[from] RepairError),
    #[error("cannot write the output")]
    Output(#[from] io::Error),
    #[error("no run matches `{0}`; `journal-dump ls` lists the runs")]
    NothingMatched(String),
    #[error("`{0}` fits {1} runs; give more of the id")]
    Ambiguous(String, usize),
    #[error("the oldest records are dropped faster than they can be read; try again")]
    Overtaken,
    #[error("{0}")]
    Usage(String),
    #[error(
        "the journal shows {samples} attempts and probes at hosts, too few to conclude anything from; at least {wanted} are needed, or say --min-samples"
    )]
    TooThin { samples: u32, wanted: u32 },
    #[error(transparent)]
    Lab(#[from] LabError),
}

impl Trouble {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Open(error)
            | Self::Export(ExportError::Open(error))
            | Self::Repair(RepairError::Open(error)) => not_opened(error),
            Self::Archive(error) | Self::Import(ImportError::Archive(error)) => not_read(error),
            Self::NothingMatched(_) | Self::TooThin { .. } => Exit::NothingMatched,
            Self::Ambiguous(..)
            | Self::Usage(_)
            | Self::Lab(LabError::Policy(_))
            | Self::Export(ExportError::Exists { .. })
            | Self::Import(
                ImportError::OneRun { .. } | ImportError::Target(TargetError::Occupied { .. }),
            )
            | Self::Repair(RepairError::Target(
                TargetError::Occupied { .. } | TargetError::Inside { .. },
            )) => Exit::Usage,
            // In use, and by somebody who is too busy.
            Self::Overtaken => Exit::Locked,
            Self::Output(_)
            | Self::Lab(_)
            | Self::Export(_)
            | Self::Import(_)
            | Self::Repair(_) => Exit::Findings,
        }
    }
}

fn not_opened(error: &OpenError) -> Exit {
    match error {
        OpenError::Missing { .. } | OpenError::Foreign { .. } => Exit::NoJournal,
        OpenError::Locked { .. } => Exit::Locked,
        OpenError::NewerFormat { .. } => Exit::Newer,
        _ => Exit::Findings,
    }
}

fn not_read(error: &ArchiveError) -> Exit {
    match error {
        ArchiveError::Foreign { .. } => Exit::NoJournal,
        ArchiveError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Exit::NoJournal
        }
        ArchiveError::NewerFormat { .. } => Exit::Newer,
        _ => Exit::Findings,
    }
}

/// Tells what went wrong, with its causes, in one line.
pub(crate) fn tell(trouble: &Trouble) {
    say(&with_causes(trouble));
}

/// Says something beside the data. That nobody listens is no reason to fail.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "journal-dump: {}", Plain(message));
}
