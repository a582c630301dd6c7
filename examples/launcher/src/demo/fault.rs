//! The ways in which the demo's server is unreliable.

use std::time::Duration;

/// What a server does to one request instead of simply answering it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Answers 503, perhaps with the seconds to wait.
    Busy(Option<u64>),
    /// Closes the connection once the file was sent up to this byte.
    DropAt(usize),
    /// Thinks for a while before it answers.
    Think(Duration),
    /// Answers 500.
    Broken,
    /// Answers 404, to every later request as well.
    Gone,
}
