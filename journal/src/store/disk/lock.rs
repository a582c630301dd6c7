//! One writer at a time.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::files;

pub(super) const NAME: &str = "lock";

/// How long an opening waits for one that is just ending; sled needs up to 6 ms to let go.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two tries.
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// The lock on a journal, as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

/// Why there is no lock.
#[derive(Debug)]
pub(super) enum LockError {
    Held { pid: Option<u32> },
    Io(io::Error),
}

impl Lock {
    /// Takes the lock for writing, and writes down who took it where there is space.
    pub(super) fn exclusive(dir: &Path) -> Result<Self, LockError> {
        let file = files::open_or_create(&dir.join(NAME)).map_err(LockError::Io)?;
        wait(&file, File::try_lock)?;
        let mut lock = Self { file };
        // It holds without a name as well, which a full disk does not take.
        let _ = lock.sign(&std::process::id().to_string());
        Ok(lock)
    }

    /// Whether somebody has the journal open for writing. Changes nothing.
    pub(super) fn is_held(dir: &Path) -> bool {
        let Ok(file) = files::open(&dir.join(NAME)) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    fn sign(&mut self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Lock {
    /// The system lets go of the lock; a name that stays behind would only mislead.
    fn drop(&mut self) {
        let _ = self.sign("");
    }
}

fn wait(
    file: &File,
    try_lock: impl Fn(&File) -> Result<(), TryLockError>,
) -> Result<(), LockError> {
    let began = Instant::now();
    loop {
        match try_lock(file) {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
            Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { pid: holder(file) }),
        }
    }
}

fn holder(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
