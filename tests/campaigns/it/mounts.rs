//! File systems of our own: one that can lose power, one that can be full.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// A file system that is taken down with this.
pub(crate) struct Mounted {
    home: TempDir,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Ext4,
    Tmpfs,
}

impl Mounted {
    /// An ext4 of its own in a file; the reason if that is not to be had.
    pub(crate) fn ext4(bytes: u64) -> Result<Self, String> {
        let mounted = Self::empty(Kind::Ext4)?;
        File::create(mounted.image()).and_then(|file| file.set_len(bytes)).unwrap();
        mounted.format()?;
        mounted.mount()?;
        Ok(mounted)
    }

    /// A file system in memory with so much room.
    pub(crate) fn tmpfs(bytes: u64) -> Result<Self, String> {
        let mounted = Self::empty(Kind::Tmpfs)?;
        let size = format!("size={bytes}");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(mounted.path()))?;
        Ok(mounted)
    }

    fn empty(kind: Kind) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can mount".to_owned());
        }
        let home = tempfile::tempdir().unwrap();
        let mounted = Self { home, kind };
        fs::create_dir(mounted.path()).unwrap();
        Ok(mounted)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.home.path().join("mount")
    }

    fn image(&self) -> PathBuf {
        self.home.path().join("image")
    }

    fn format(&self) -> Result<(), String> {
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(self.image()))
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()))
    }

    /// Another one in the place of this.
    pub(crate) fn renew(&self) {
        unmount(&self.path());
        self.format().unwrap();
        self.mount().unwrap();
    }

    /// Switches it off and on again.
    pub(crate) fn remount(&self) {
        unmount(&self.path());
        self.mount().unwrap();
    }

    /// Makes everything in it durable.
    pub(crate) fn sync(&self) {
        run(Command::new("sync").arg("-f").arg(self.path())).unwrap();
    }

    /// Gives it so much room in all.
    pub(crate) fn resize(&self, bytes: u64) {
        let options = format!("remount,size={bytes}");
        run(Command::new("mount").args(["-o", &options]).arg(self.path())).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        match self.kind {
            Kind::Ext4 | Kind::Tmpfs => unmount(&self.path()),
        }
    }
}

/// Whoever used it may need a moment to let go.
fn unmount(path: &Path) {
    for _ in 0..100 {
        if run(Command::new("umount").arg(path)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = run(Command::new("umount").arg("-l").arg(path));
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
