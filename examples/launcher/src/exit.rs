//! What the process says to its caller when it ends.

use std::process::ExitCode;

/// What the process says to its caller when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything succeeded, or there was nothing to do.
    Success = 0,
    /// A run failed or was used up, or the journal cannot be opened.
    Failure = 1,
    /// Wrong usage or a broken manifest; nothing was started.
    Usage = 2,
    /// Interrupted by a signal; resumable.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
