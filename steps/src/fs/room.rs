//! What becomes of a failure for lack of space.

use std::path::Path;

use resurge_journal::failure::{Advice, Class};

use crate::error::StepError;

/// Room to leave besides what is known to be needed: 16 MiB.
pub(crate) const MARGIN_BYTES: u64 = 16 * 1024 * 1024;

/// A drive without space is waited for, until `bytes` and a margin are free.
pub(crate) fn wait_for_room(error: StepError, folder: &Path, bytes: u64) -> StepError {
    let lacks_space =
        error.class() == Class::Resource && matches!(error.kind(), "disk_full" | "quota");
    if lacks_space && !matches!(error.advice(), Advice::WhenReady(_)) {
        error.needs_space(folder, bytes.saturating_add(MARGIN_BYTES))
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn only_a_lack_of_space_is_waited_for_and_the_first_to_know_how_much_counts() {
        let waits = |error: StepError| matches!(error.advice(), Advice::WhenReady(_));
        let here = Path::new("/models");
        let full = || StepError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(waits(wait_for_room(full(), here, 5)));
        let quota = StepError::from(io::Error::from(io::ErrorKind::QuotaExceeded));
        assert!(waits(wait_for_room(quota, here, 5)));
        let denied = StepError::from(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(!waits(wait_for_room(denied, here, 5)));
        let twice = wait_for_room(wait_for_room(full(), here, 5), Path::new("/"), 9);
        assert_eq!(twice.advice(), wait_for_room(full(), here, 5).advice());
    }
}
