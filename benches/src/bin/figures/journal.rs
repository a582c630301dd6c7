//! Folders for journals, and a runtime as a program would have it.

use tempfile::TempDir;

use crate::Result;

/// A folder on the disk that holds temporary files (`TMPDIR`), removed when dropped.
pub(crate) fn folder() -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("figures-").tempdir()?)
}

/// Runs to the end on as many threads as there are cores.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
