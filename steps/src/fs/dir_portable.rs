//! A folder by its path, for systems without folder handles: every component is looked at first.
//!
//! Between the look and the use somebody else could put a link there; that needs write access to
//! the install folder, which is the user's own.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::beneath::{Beneath, Found, Kind};
use super::stamp::nanos_since_1970;

/// A folder by its path.
#[derive(Debug)]
pub(crate) struct Dir {
    path: PathBuf,
}

impl Dir {
    /// Opens a folder by its path; links on the way are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            Ok(Self { path: path.to_owned() })
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    /// The path of an entry.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Enters the folder at a checked relative path, creating what is missing.
    pub(crate) fn create_beneath(&self, relative: &str, durable: bool) -> Result<Self, Beneath> {
        let mut dir = Self { path: self.path.clone() };
        for name in relative.split('/').filter(|name| !name.is_empty()) {
            let path = dir.join(name);
            let made = dir
                .make_dir(name)
                .and_then(|made| if made && durable { dir.sync() } else { Ok(()) });
            made.map_err(|source| Beneath::Io { path, source })?;
            dir = dir.enter(name)?;
        }
        Ok(dir)
    }

    /// Enters a folder that is an entry of this one and not a link.
    pub(crate) fn enter(&self, name: &str) -> Result<Self, Beneath> {
        let path = self.join(name);
        match self.find(name) {
            Ok(Some(Found { kind: Kind::Folder, .. })) => Ok(Self { path }),
            Ok(Some(Found { kind: Kind::Link, .. })) => Err(Beneath::Link { path }),
            Ok(Some(_)) => Err(Beneath::NotFolder { path }),
            Ok(None) => Err(Beneath::Io { path, source: io::ErrorKind::NotFound.into() }),
            Err(source) => Err(Beneath::Io { path, source }),
        }
    }

    /// Creates a folder; false if the name is taken.
    pub(crate) fn make_dir(&self, name: &str) -> io::Result<bool> {
        match fs::create_dir(self.join(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Creates a file that must not exist yet.
    pub(crate) fn create_file(&self, name: &str, _executable: bool) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(self.join(name))
    }

    /// What stands under a name.
    pub(crate) fn find(&self, name: &str) -> io::Result<Option<Found>> {
        let metadata = match fs::symlink_metadata(self.join(name)) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let kind = if metadata.is_file() {
            Kind::File
        } else if metadata.is_dir() {
            Kind::Folder
        } else if metadata.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        };
        let modified_ns = metadata.modified().ok().and_then(nanos_since_1970);
        Ok(Some(Found { kind, id: born_ns(&metadata), modified_ns, size: metadata.len() }))
    }

    /// Renames an entry of this folder, over a file that may stand there.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        patient_rename(&self.join(from), &self.join(to))
    }

    /// Brings a file from elsewhere on the same volume into this folder.
    pub(crate) fn rename_here(&self, from: &Path, to: &str) -> io::Result<()> {
        patient_rename(from, &self.join(to))
    }

    /// Swaps two entries at once; false if the system cannot do that here.
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "Linux can")]
    pub(crate) fn exchange(&self, _a: &str, _b: &str) -> io::Result<bool> {
        Ok(false)
    }

    /// Makes the names in this folder durable; the file system journals them by itself.
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "Unix must flush")]
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Flushes everything on this volume; false if each file must be flushed by itself.
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "Linux can")]
    pub(crate) fn sync_volume(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// Bytes that may still be written to this volume, where the system tells.
    #[expect(clippy::unused_self, reason = "Unix tells")]
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        None
    }
}

/// The time of birth tells folders apart, and a rename keeps it.
fn born_ns(metadata: &fs::Metadata) -> Option<u64> {
    let since = metadata.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

/// Virus scanners hold new files open for a moment, and a rename then is refused.
fn patient_rename(from: &Path, to: &Path) -> io::Result<()> {
    for wait_ms in [10, 50, 200, 1_000] {
        match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                std::thread::sleep(Duration::from_millis(wait_ms));
            }
            done => return done,
        }
    }
    fs::rename(from, to)
}
