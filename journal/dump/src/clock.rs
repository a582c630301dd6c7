//! The clock of this machine, for journals that nobody works on.

use std::time::{SystemTime, UNIX_EPOCH};

use resurge_journal::Timestamp;

/// Now by the clock of this machine.
#[expect(clippy::disallowed_methods, reason = "somebody who looks at a journal looks now")]
pub(crate) fn now() -> Timestamp {
    // A clock before 1970 is as good as none.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(0).after(since)
}
