//! Makes bytes durable and saves checkpoints that speak of them, in this order.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use super::saved::{Saved, Sources};
use super::writer::{Mark, Writer};
use crate::context::StepContext;
use crate::error::StepError;

/// Saves checkpoints of one attempt; at most one is under way.
pub(super) struct Keeper {
    cx: StepContext,
    pub(super) sources: Sources,
    every_bytes: u64,
    every: Duration,
    /// Bytes that the newest checkpoint speaks of, or that the one under way will.
    kept: u64,
    kept_at: Instant,
    /// Bytes that the newest saved checkpoint speaks of.
    durable: u64,
    under_way: Option<UnderWay>,
    /// Whether no checkpoint speaks yet of what this attempt received.
    is_first: bool,
}

type UnderWay = Pin<Box<dyn Future<Output = Result<(), StepError>> + Send>>;

/// Fewer bytes than this are not worth a checkpoint of their own.
const WORTH_BYTES: u64 = 1024 * 1024;

impl Keeper {
    pub(super) fn new(
        cx: StepContext,
        sources: Sources,
        durable: u64,
        (every_bytes, every): (u64, Duration),
    ) -> Self {
        let kept_at = Instant::now();
        let (kept, under_way, is_first) = (durable, None, true);
        Self { cx, sources, every_bytes, every, kept, kept_at, durable, under_way, is_first }
    }

    /// Whether it is time for a checkpoint.
    pub(super) fn is_due(&self, offset: u64) -> bool {
        self.due_at(offset).is_some_and(|due_at| due_at <= Instant::now())
    }

    /// When a checkpoint is due if nothing more arrives; none while one is under way.
    pub(super) fn due_at(&self, offset: u64) -> Option<Instant> {
        let new = offset.saturating_sub(self.kept);
        if self.under_way.is_some() || new == 0 {
            return None;
        }
        // Attempts that die one after the other must show that they get somewhere.
        if self.is_first {
            return Some(self.kept_at);
        }
        if new < WORTH_BYTES.min(self.every_bytes) {
            return None;
        }
        let enough = new >= self.every_bytes;
        Some(if enough { self.kept_at } else { self.kept_at + self.every })
    }

    /// Begins a checkpoint of all that was handed to the writer so far.
    ///
    /// The bytes become durable while further ones are written.
    pub(super) async fn begin(&mut self, writer: &mut Writer) -> Result<(), StepError> {
        let mark = writer.mark().await?;
        self.is_first &= mark.offset <= self.kept;
        self.kept = mark.offset;
        self.sources.reached = self.sources.reached.max(mark.offset);
        self.kept_at = Instant::now();
        let (cx, file) = (self.cx.clone(), writer.file());
        let saved = self.saved(mark);
        self.under_way = Some(Box::pin(async move {
            let synced = tokio::task::spawn_blocking(move || file.sync_data()).await?;
            synced.map_err(|error| StepError::from(error).during("sync the partial file"))?;
            cx.save_checkpoint(&saved).await
        }));
        Ok(())
    }

    /// Waits for the checkpoint that is under way; for ever if there is none.
    ///
    /// # Cancel safety
    /// Safe: the checkpoint stays under way.
    pub(super) async fn done(&mut self) -> Result<(), StepError> {
        let Some(under_way) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let result = under_way.await;
        self.under_way = None;
        if result.is_ok() {
            self.durable = self.kept;
        }
        result
    }

    /// Bytes that a checkpoint of this attempt proves to be on the drive.
    pub(super) const fn durable(&self) -> u64 {
        self.durable
    }

    /// Saves a checkpoint of all that was handed to the writer so far, and waits for it.
    pub(super) async fn save(&mut self, writer: &mut Writer) -> Result<(), StepError> {
        if self.under_way.is_some() {
            self.done().await?;
        }
        self.begin(writer).await?;
        self.done().await
    }

    /// Saves a checkpoint of bytes that are durable already.
    pub(super) async fn save_as(&mut self, saved: &Saved) -> Result<(), StepError> {
        if self.under_way.is_some() {
            self.done().await?;
        }
        self.cx.save_checkpoint(saved).await
    }

    /// What a checkpoint says now.
    pub(super) fn saved(&self, mark: Mark) -> Saved {
        Saved {
            boot: self.cx.boot().map(str::to_owned),
            offset: mark.offset,
            hasher: mark.hasher,
            sources: self.sources.clone(),
            finished: None,
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Keeper");
        fields.field("sources", &self.sources).field("kept", &self.kept).finish_non_exhaustive()
    }
}
