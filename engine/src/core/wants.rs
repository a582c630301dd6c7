//! What must be in memory before a command is decided.

use resurge_journal::{RunId, RunKey};

use super::command::Command;

/// What must be in memory before a command is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A run, and whoever has its key.
    Run(RunId),
    /// A run, to be told that something came too late for it.
    Late(RunId),
    /// The newest run under a key.
    Newest(RunKey),
    /// Runs whose time has come.
    Due,
    /// Open runs that no registered definition fits.
    Misfits,
}

impl Command {
    /// What must be in memory before this is decided; steps that are worked on always are.
    pub(crate) fn wants(&self) -> Option<Wanted> {
        match self {
            Self::Recover { .. } => Some(Wanted::Misfits),
            Self::Start(request) => request.key.clone().map(Wanted::Newest),
            Self::Finished { run, .. } => Some(Wanted::Late(*run)),
            Self::Control { run, .. } => Some(Wanted::Run(*run)),
            Self::Wake => Some(Wanted::Due),
            // About steps that run or are held, breakers, settings, or the engine as a whole.
            Self::Checkpoint { .. }
            | Self::Moved { .. }
            | Self::Ready { .. }
            | Self::Breaker { .. }
            | Self::Tune { .. }
            | Self::Detach { .. }
            | Self::Trim(_)
            | Self::Drain
            | Self::Close { .. } => None,
        }
    }
}
