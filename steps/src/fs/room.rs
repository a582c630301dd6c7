//! What becomes of a failure for lack of space.

use std::path::Path;

use resurge_journal::failure::{Advice, Class};

use super::free_space;
use crate::error::StepError;

/// Room to leave besides what is known to be needed: 16 MiB.
pub(crate) const MARGIN_BYTES: u64 = 16 * 1024 * 1024;

/// A drive without space is waited for, until `bytes` and a margin are free.
///
/// If that much is free although there was too little, more is needed than anybody knows, or a
/// quota is used up: then so much more than now must become free, or it would be tried for ever.
/// Blocks.
pub(crate) fn wait_for_room(error: StepError, folder: &Path, bytes: u64) -> StepError {
    if !lacks_space(&error) {
        return error;
    }
    let needed = bytes.saturating_add(MARGIN_BYTES);
    let free = free_space(folder).unwrap_or_default();
    let needed = if free < needed { needed } else { free.saturating_add(needed) };
    error.needs_space(folder, needed)
}

/// The same on a thread that may block.
///
/// # Cancel safety
/// Safe: nothing but the answer is lost.
pub(crate) async fn or_wait_for_room<T>(
    result: Result<T, StepError>,
    folder: &Path,
    bytes: u64,
) -> Result<T, StepError> {
    match result {
        Err(error) if lacks_space(&error) => {
            let folder = folder.to_owned();
            let asked =
                tokio::task::spawn_blocking(move || wait_for_room(error, &folder, bytes)).await;
            Err(asked.unwrap_or_else(StepError::from))
        }
        result => result,
    }
}

fn lacks_space(error: &StepError) -> bool {
    let is_full = error.class() == Class::Resource && matches!(error.kind(), "disk_full" | "quota");
    is_full && !matches!(error.advice(), Advice::WhenReady(_))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use std::io;

    use resurge_journal::failure::Condition;

    use super::*;

    fn full() -> StepError {
        io::Error::from(io::ErrorKind::StorageFull).into()
    }

    fn bytes(error: &StepError) -> u64 {
        match error.advice() {
            Advice::WhenReady(Condition::DiskSpace { bytes, .. }) => *bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_a_lack_of_space_is_waited_for_and_the_first_to_know_how_much_counts() {
        let here = Path::new("/");
        let plenty = u64::MAX / 2;
        assert_eq!(bytes(&wait_for_room(full(), here, plenty)), plenty + MARGIN_BYTES);
        let denied = StepError::from(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(!matches!(wait_for_room(denied, here, 5).advice(), Advice::WhenReady(_)));
        let twice = wait_for_room(wait_for_room(full(), here, plenty), here, plenty - 9);
        assert_eq!(bytes(&twice), plenty + MARGIN_BYTES);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn room_that_was_not_enough_is_not_waited_for() {
        let here = tempfile::tempdir().unwrap();
        let quota = || StepError::from(io::Error::from(io::ErrorKind::QuotaExceeded));
        for error in [full(), quota()] {
            let result = or_wait_for_room::<()>(Err(error), here.path(), 0).await;
            // Less may be free by now than then, but hardly by the whole margin.
            let free = free_space(here.path()).unwrap();
            assert!(bytes(&result.unwrap_err()) > free, "{free}");
        }
    }
}
