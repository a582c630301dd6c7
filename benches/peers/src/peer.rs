//! What is asked of every engine.

use async_trait::async_trait;

/// Whatever goes wrong ends the measurement.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Three steps in a row, each handing on about 100 bytes.
    W1,
    /// One step that fails three times, 1 ms apart, before it succeeds.
    W3,
}

/// Attempts of the step of [`Flow::W3`] that fail.
pub(crate) const FAILURES: u32 = 3;

impl Flow {
    /// Steps, or attempts of the same step.
    pub(crate) const fn steps_per_run(self) -> f64 {
        match self {
            Self::W1 => 3.0,
            Self::W3 => 4.0,
        }
    }
}

/// An engine that is open, with the workflow registered.
#[async_trait]
pub(crate) trait Peer: Send + Sync {
    /// Starts a run and waits for its outcome.
    async fn run(&self, payload: String) -> Result<()>;
}
