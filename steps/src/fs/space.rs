//! How much room a drive has.

use std::io;
use std::path::Path;

/// Bytes that may still be written to the drive of a path, by whoever runs this. Blocks.
///
/// A path that does not exist yet stands for its nearest folder that does. Quotas count only where
/// the file system reports them as space.
///
/// # Errors
/// No folder on the way can be examined, or the system does not tell.
pub fn free_space(path: impl AsRef<Path>) -> io::Result<u64> {
    let path = std::path::absolute(path)?;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for folder in path.ancestors() {
        match of_folder(folder) {
            Err(error) if is_missing(&error) => last = error,
            told => return told,
        }
    }
    Err(last)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(unix)]
fn of_folder(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn of_folder(_folder: &Path) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_still_missing_has_the_room_of_its_drive() {
        let here = tempfile::tempdir().unwrap();
        let file = here.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(free_space(here.path()).unwrap() > 0);
        assert!(free_space(here.path().join("a/b/c")).unwrap() > 0);
        assert!(free_space(file.join("below/a/file")).unwrap() > 0);
        // A file system that has no room at all.
        assert_eq!(free_space("/proc/self/status").unwrap_or_default(), 0);
    }
}
