//! Puts a bad file aside, so that it is neither used nor fetched onto again.

use std::io;
use std::path::{Path, PathBuf};

/// Renames the file to `<name>.bad`, in place of an earlier one; removes it if that fails.
pub(super) fn quarantine(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".bad");
    let bad = path.with_file_name(name);
    if std::fs::rename(path, &bad).is_ok() {
        return Ok(Some(bad));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(None),
    }
}
