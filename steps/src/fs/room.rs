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
