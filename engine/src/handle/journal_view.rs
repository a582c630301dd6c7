//! The journal as seen at one moment.

use std::time::Duration;

use resurge_journal::Seq;

use super::engine::Engine;
use super::error::Unavailable;
use crate::shell::{Latency, spawn_blocking};

/// The journal as seen at one moment, with what the engine has measured of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalView {
    /// The first record; those in front of it were dropped by retention.
    pub first: Seq,
    /// The last record that is durable.
    pub head: Seq,
    /// Bytes of the files that the journal consists of, with its cache; none if it has no files.
    ///
    /// Not what steps keep beside it, such as their scratch files.
    pub disk_bytes: Option<u64>,
    /// How long it took to fold what the journal said when the engine was opened.
    pub replay: Duration,
    /// How long flushes have taken since then, that is what every answer has to wait for.
    ///
    /// Only those that made something durable.
    pub flushes: Latency,
}

impl Engine {
    /// How large the journal is, and how quick.
    ///
    /// Looks at every file of the journal, on a thread of its own: once in a few seconds is enough.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn journal(&self) -> Result<JournalView, Unavailable> {
        let flushes = self.look(|sight| sight.flushes.clone()).await?;
        let store = self.store();
        let (first, head, replay) = (store.first(), self.head(), self.inner.replay);
        // A store that panics tells nothing.
        let disk_bytes = spawn_blocking(move || store.disk_bytes()).await.unwrap_or_default();
        Ok(JournalView { first, head, disk_bytes, replay, flushes })
    }
}
