//! Why an archive is not unpacked.

use std::io;
use std::path::Path;

use resurge_journal::failure::Class;

use crate::error::StepError;
use crate::fs::wait_for_room;

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackError {
    /// It tries to do something that no archive needs to do.
    #[error("the archive is refused because of `{entry}`: {rule}")]
    Hostile { entry: String, rule: &'static str },
    /// It asks for more than it may.
    #[error("the archive is refused: {0}; raise the limit if the archive is trusted")]
    Limit(&'static str),
    /// It is broken, or written in a way that can be read in two ways.
    #[error("the archive cannot be read: {0}; ask its publisher for another one")]
    Damaged(&'static str),
    /// It would not fit.
    #[error("unpacking needs {needed} bytes, but only {free} are free; free some space")]
    Space { needed: u64, free: u64 },
    /// The system failed.
    #[error("cannot unpack `{entry}`")]
    Io { entry: String, source: io::Error },
    /// The attempt was stopped.
    #[error("stopped")]
    Stopped(StepError),
}

impl UnpackError {
    pub(super) fn hostile(entry: &str, rule: &'static str) -> Self {
        // A name may hold anything; people see it in a terminal.
        Self::Hostile { entry: entry.escape_debug().take(200).collect(), rule }
    }

    /// An error while the archive was read: the decoders' own errors carry no system number.
    pub(super) fn reading(source: io::Error) -> Self {
        if source.raw_os_error().is_some() {
            Self::Io { entry: "the archive".to_owned(), source }
        } else if source.kind() == io::ErrorKind::UnexpectedEof {
            Self::Damaged("it ends too early")
        } else {
            Self::Damaged("its compressed data is broken")
        }
    }

    pub(super) fn writing(entry: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { entry: entry.escape_debug().to_string(), source }
    }

    /// The failure of the step; a refused archive is never tried again.
    ///
    /// `folder` is one on the drive that is unpacked to.
    pub(super) fn into_step_error(self, folder: &Path) -> StepError {
        let (class, kind) = match &self {
            Self::Hostile { .. } => (Class::Security, "hostile_archive"),
            Self::Limit(_) => (Class::Security, "archive_limit"),
            Self::Damaged(_) => (Class::Validation, "bad_archive"),
            Self::Space { needed, .. } => {
                let (needed, message) = (*needed, self.to_string());
                let error = StepError::new(Class::Resource, "disk_full", message);
                return wait_for_room(error, folder, needed);
            }
            Self::Io { .. } => return StepError::classify(self),
            Self::Stopped(_) => (Class::Interrupted, "stopped"),
        };
        match self {
            Self::Stopped(stopped) => stopped,
            refused => StepError::new(class, kind, refused.to_string()).never(),
        }
    }
}
