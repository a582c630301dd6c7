//! Puts a bad file aside, so that it is neither used nor fetched onto again.

#[cfg(feature = "verify")]
use std::io;
use std::path::{Path, PathBuf};

/// Renames the file to `<name>.bad`, in place of an earlier one; removes it if that fails.
#[cfg(feature = "verify")]
pub(crate) fn quarantine(path: &Path) -> io::Result<Option<PathBuf>> {
    let bad = bad_path(path);
    if std::fs::rename(path, &bad).is_ok() {
        return Ok(Some(bad));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(None),
    }
}

/// Where a bad file is put.
pub(crate) fn bad_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".bad");
    path.with_file_name(name)
}
