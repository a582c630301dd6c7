//! Room on the disk of the journal: while there is none nothing begins, and what has begun may end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::store::Store;
use tokio::task::JoinHandle;

use super::ambient::{sleep, spawn, spawn_blocking};
use super::message::Message;
use crate::core::Command;

/// Room on the disk of the journal.
pub(super) struct Space {
    store: Arc<dyn Store>,
    period: Duration,
    /// Asks the disk again and again, while it has no room.
    asking: Option<JoinHandle<()>>,
    /// Checkpoints that wait for room, so that they do not use up the reserve.
    held: Vec<Message>,
}

impl Space {
    pub(super) fn new(store: Arc<dyn Store>, period: Duration) -> Self {
        Self { store, period: period.max(PERIOD_MIN), asking: None, held: Vec::new() }
    }

    /// Looks at the disk; true if it has just run out of room, as it has if it refused something.
    pub(super) fn has_run_out(&mut self, has_refused: bool) -> bool {
        if self.asking.is_some() || !has_refused && self.store.has_room() {
            return false;
        }
        let (store, period) = (Arc::clone(&self.store), self.period);
        self.asking = Some(spawn(async move {
            loop {
                sleep(period).await;
                let store = Arc::clone(&store);
                let found = spawn_blocking(move || store.seek_room()).await;
                if found.unwrap_or(false) {
                    return;
                }
            }
        }));
        tracing::warn!("the disk of the journal is full: nothing begins until some is freed");
        true
    }

    /// Waits until there is room again, and gives what waited for it; for ever while there is.
    ///
    /// # Cancel safety
    /// Safe: ask again.
    pub(super) async fn regained(&mut self) -> Vec<Message> {
        let Some(asking) = &mut self.asking else { return std::future::pending().await };
        // A task that was lost is begun again by the next look at the disk.
        let _ = asking.await;
        self.asking = None;
        tracing::info!("the disk of the journal has room again");
        std::mem::take(&mut self.held)
    }

    /// Takes a message that has to wait for room; gives back any other.
    pub(super) fn hold(&mut self, message: Message) -> Option<Message> {
        let is_checkpoint = matches!(
            &message,
            Message::Do { command, .. } if matches!(**command, Command::Checkpoint { .. })
        );
        if self.asking.is_some() && is_checkpoint {
            self.held.push(message);
            return None;
        }
        Some(message)
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if let Some(asking) = &self.asking {
            asking.abort();
        }
    }
}

/// However short a period somebody sets, the disk is left alone for this long.
const PERIOD_MIN: Duration = Duration::from_millis(10);
