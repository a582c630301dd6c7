//! How an attempt learns that it should end.

use tokio::sync::watch;

/// Why an attempt should end before its work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The engine shuts down: save a checkpoint, keep what was done.
    Shutdown,
    /// The run was paused: save a checkpoint, keep what was done.
    Paused,
    /// The run was cancelled: clear up.
    Cancelled,
    /// The attempt took too long: save a checkpoint, keep what was done.
    TimedOut,
    /// The attempt is no longer wanted, because another took its place.
    Superseded,
}

/// Asks one attempt to stop; the first reason stands.
#[derive(Debug, Clone)]
pub struct StopHandle(watch::Sender<Option<StopReason>>);

impl Default for StopHandle {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl StopHandle {
    /// Asks the attempt to stop. Later calls change nothing.
    pub fn stop(&self, reason: StopReason) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(reason);
            }
            first
        });
    }

    /// The reason, if the attempt was asked to stop.
    pub fn reason(&self) -> Option<StopReason> {
        *self.0.borrow()
    }

    /// Waits until the attempt is asked to stop.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost when the future is dropped.
    pub async fn stopped(&self) -> StopReason {
        let mut changes = self.0.subscribe();
        loop {
            if let Some(reason) = *changes.borrow_and_update() {
                return reason;
            }
            if changes.changed().await.is_err() {
                // Unreachable while `self` holds the sender; waiting for ever is the right answer.
                std::future::pending::<()>().await;
            }
        }
    }
}
