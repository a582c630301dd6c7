//! How an attempt learns that it should end.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

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

/// Asks one attempt to stop; the first reason stands. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct StopHandle(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    reason: OnceLock<StopReason>,
    /// Small, since every attempt has one and hardly any is ever stopped.
    changed: Notify,
}

impl StopHandle {
    /// Asks the attempt to stop. Later calls change nothing.
    pub fn stop(&self, reason: StopReason) {
        if self.0.reason.set(reason).is_ok() {
            self.0.changed.notify_waiters();
        }
    }

    /// The reason, if the attempt was asked to stop.
    pub fn reason(&self) -> Option<StopReason> {
        self.0.reason.get().copied()
    }

    /// Waits until the attempt is asked to stop.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost when the future is dropped.
    pub async fn stopped(&self) -> StopReason {
        loop {
            // Before the look, so that no word is missed between the two.
            let changed = self.0.changed.notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            changed.await;
        }
    }
}
