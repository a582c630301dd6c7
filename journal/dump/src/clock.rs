//! The clock of this machine.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use resurge_journal::Timestamp;

/// Now by the clock of this machine.
#[expect(clippy::disallowed_methods, reason = "somebody who looks at a journal looks now")]
pub(crate) fn now() -> Timestamp {
    // A clock before 1970 is as good as none.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(0).after(since)
}

/// Time between two looks at a journal that is followed.
const PAUSE: Duration = Duration::from_millis(25);

/// Lets time pass until it is worth to look again.
#[expect(clippy::disallowed_methods, reason = "nobody tells a reader that something was written")]
pub(crate) fn pause() {
    thread::sleep(PAUSE);
}
