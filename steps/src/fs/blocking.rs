//! Work that blocks, away from the async threads.

use crate::error::StepError;

/// Runs `work` on a thread that may block.
///
/// # Cancel safety
/// When the future is dropped, `work` goes on to its end; it has to look whether it is still wanted.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    tokio::task::spawn_blocking(work).await?
}
