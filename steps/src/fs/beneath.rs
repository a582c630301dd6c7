//! What can be found below a folder, and what may not be walked through.

use std::io;
use std::path::PathBuf;

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    /// A device, a pipe or a socket.
    Other,
}

/// What stands under a name, without following a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    /// Its number on the volume or its time of birth, where the system has one.
    pub(crate) id: Option<u64>,
    /// Last change of the content or of the list of entries, in nanoseconds since 1970.
    pub(crate) modified_ns: Option<i64>,
    /// Size in bytes; only means something for files.
    pub(crate) size: u64,
}

/// Why a folder below a root cannot be entered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Beneath {
    #[error("`{}` is a symbolic link; replace it with a real folder, links are not followed", path.display())]
    Link { path: PathBuf },
    #[error("`{}` is not a folder; move it away or install somewhere else", path.display())]
    NotFolder { path: PathBuf },
    #[error("cannot enter the folder `{}`", path.display())]
    Io { path: PathBuf, source: io::Error },
}
