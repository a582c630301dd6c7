//! A folder held by its handle: every step below it is taken from the handle, never from a path.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};

use super::beneath::{Beneath, Found, Kind};

/// A folder held by its handle.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Dir {
    /// Opens a folder by its path; links on the way are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let fd = rustix::fs::openat(CWD, path, FOLDER, Mode::empty())?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// The path of an entry; for messages and for what std can only do by path.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The same folder once more.
    fn again(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()?, path: self.path.clone() })
    }

    /// Enters the folder at a checked relative path, creating what is missing.
    ///
    /// No component may be a link. With `durable`, created entries are flushed.
    pub(crate) fn create_beneath(&self, relative: &str, durable: bool) -> Result<Self, Beneath> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| Beneath::Io { path, source }
        };
        let mut dir = self.again().map_err(fail(&self.path))?;
        for name in relative.split('/').filter(|name| !name.is_empty()) {
            let path = dir.join(name);
            if dir.make_dir(name).map_err(fail(&path))? && durable {
                dir.sync().map_err(fail(&path))?;
            }
            dir = dir.enter(name)?;
        }
        Ok(dir)
    }

    /// Enters a folder that is an entry of this one and not a link.
    pub(crate) fn enter(&self, name: &str) -> Result<Self, Beneath> {
        let path = self.join(name);
        let opened = rustix::fs::openat(&self.fd, name, FOLDER | OFlags::NOFOLLOW, Mode::empty());
        match opened {
            Ok(fd) => Ok(Self { fd, path }),
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => match self.find(name) {
                Ok(Some(Found { kind: Kind::Link, .. })) => Err(Beneath::Link { path }),
                _ => Err(Beneath::NotFolder { path }),
            },
            Err(errno) => Err(Beneath::Io { path, source: errno.into() }),
        }
    }

    /// Creates a folder; false if the name is taken.
    pub(crate) fn make_dir(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::EXIST) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Creates a file that must not exist yet.
    pub(crate) fn create_file(&self, name: &str, executable: bool) -> io::Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
        Ok(rustix::fs::openat(&self.fd, name, flags, mode)?.into())
    }

    /// What stands under a name.
    pub(crate) fn find(&self, name: &str) -> io::Result<Option<Found>> {
        let stat = match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let modified_ns =
            i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        let modified_ns = i64::try_from(modified_ns).ok();
        Ok(Some(Found { kind, id: Some(stat.st_ino), modified_ns, size }))
    }

    /// Renames an entry of this folder, over a file that may stand there.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Brings a file from elsewhere on the same volume into this folder.
    pub(crate) fn rename_here(&self, from: &Path, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(CWD, from, &self.fd, to)?)
    }

    /// Swaps two entries at once; false if the system cannot do that here.
    #[cfg(target_os = "linux")]
    pub(crate) fn exchange(&self, a: &str, b: &str) -> io::Result<bool> {
        use rustix::fs::{RenameFlags, renameat_with};
        match renameat_with(&self.fd, a, &self.fd, b, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(
                rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP,
            ) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Swaps two entries at once; false if the system cannot do that here.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "Linux can")]
    pub(crate) fn exchange(&self, _a: &str, _b: &str) -> io::Result<bool> {
        Ok(false)
    }

    /// Makes the names in this folder durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    /// Flushes everything on this volume; false if each file must be flushed by itself.
    #[cfg(target_os = "linux")]
    pub(crate) fn sync_volume(&self) -> io::Result<bool> {
        rustix::fs::syncfs(&self.fd)?;
        Ok(true)
    }

    /// Flushes everything on this volume; false if each file must be flushed by itself.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "Linux can")]
    pub(crate) fn sync_volume(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// Bytes that may still be written to this volume, where the system tells.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::fstatvfs(&self.fd).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
