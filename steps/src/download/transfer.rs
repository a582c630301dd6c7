//! Receives a body: counts, bundles, hands over to the writer, watches the time.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::attempt::{Attempt, Ended};
use super::judge::Coming;
use super::place;
use super::request::stalled;
use crate::error::StepError;

/// Bytes received and not yet handed to the writer.
#[derive(Debug, Default)]
pub(super) struct Block {
    chunks: Vec<Bytes>,
    bytes: usize,
    since: Option<Instant>,
}

impl Block {
    /// Large writes cost less than small ones.
    const FULL_BYTES: usize = 1024 * 1024;
    /// A slow transfer should not lose more than this when the process dies.
    const AGE_MAX: Duration = Duration::from_millis(500);

    fn push(&mut self, chunk: Bytes) {
        self.since.get_or_insert_with(Instant::now);
        self.bytes += chunk.len();
        self.chunks.push(chunk);
    }

    const fn is_full(&self) -> bool {
        self.bytes >= Self::FULL_BYTES
    }

    fn due_at(&self) -> Option<Instant> {
        self.since.map(|since| since + Self::AGE_MAX)
    }

    fn is_old(&self) -> bool {
        self.due_at().is_some_and(|due_at| due_at <= Instant::now())
    }

    /// Empties it.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        std::mem::take(self).chunks
    }
}

/// The progress that was told last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) at: Instant,
    pub(super) done: u64,
}

/// Progress is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

impl Attempt<'_> {
    /// Receives a body, of which the first `skip` bytes are there already.
    ///
    /// Bytes that were there once do not count as progress, or a source that always begins anew
    /// would be tried for ever.
    pub(super) async fn receive(
        &mut self,
        response: Response,
        coming: &Coming,
        skip: u64,
    ) -> Result<(), Ended> {
        let reached = self.offset.max(self.keeper.sources.reached);
        self.cx.resume_from(reached, coming.total);
        self.end_is_marked = coming.end_is_marked;
        let host = place::key_of(response.url());
        if let Some(host) = &host {
            self.cx.uses(host);
        }
        let ended = self.pump(response, coming, skip).await;
        self.cx.progress(self.offset, coming.total);
        match (ended, host) {
            (Ok(()), Some(host)) => {
                self.cx.alive(&host);
                Ok(())
            }
            (Err(Ended::Source(error)), Some(host)) => Err(Ended::Source(error.resource(host))),
            (ended, _) => ended,
        }
    }

    async fn pump(
        &mut self,
        mut response: Response,
        coming: &Coming,
        mut skip: u64,
    ) -> Result<(), Ended> {
        let mut stopped = pin!(self.cx.stopped());
        let mut patience = Instant::now() + self.options.idle_timeout;
        loop {
            self.tell(coming.total);
            let due_at = self.due_at();
            tokio::select! {
                biased;
                reason = &mut stopped => return Err(Ended::Stopped(reason)),
                kept = self.keeper.done() => kept.map_err(Ended::Local)?,
                () = self.toll.pay(), if self.toll.owed() > 0 => {
                    patience = Instant::now() + self.options.idle_timeout;
                }
                chunk = timeout_at(patience, response.chunk()),
                    if self.toll.owed() == 0 => match chunk
                {
                    Ok(Ok(Some(chunk))) => {
                        self.take_in(chunk, coming, &mut skip).await?;
                        patience = Instant::now() + self.options.idle_timeout;
                    }
                    Ok(Ok(None)) => return self.check_end(coming, skip),
                    Ok(Err(error)) => return Err(Ended::Source(error.without_url().into())),
                    Err(_) => return Err(Ended::Source(stalled("nothing arrives any more"))),
                },
                () = sleep_until(due_at.unwrap_or(patience)), if due_at.is_some() => {
                    self.hand_over().await.map_err(Ended::Local)?;
                }
            }
        }
    }

    /// When something is to be done even if nothing arrives.
    fn due_at(&self) -> Option<Instant> {
        let telling = (self.told.done != self.done()).then(|| self.told.at + PROGRESS_EVERY);
        let dues = [self.block.due_at(), self.keeper.due_at(self.offset), telling];
        dues.into_iter().flatten().min()
    }

    fn tell(&mut self, total: Option<u64>) {
        let done = self.done();
        if self.told.done != done && self.told.at.elapsed() >= PROGRESS_EVERY {
            self.told = Told { at: Instant::now(), done };
            self.cx.progress(done, total);
        }
    }

    /// How far the file is: without what came ahead of the limit, lest the progress go by leaps.
    ///
    /// One byte of it counts at once, because it shows that the source works.
    fn done(&self) -> u64 {
        self.offset.saturating_sub(self.toll.owed().min(self.fresh.saturating_sub(1)))
    }

    async fn take_in(
        &mut self,
        mut chunk: Bytes,
        coming: &Coming,
        skip: &mut u64,
    ) -> Result<(), Ended> {
        self.fetched += chunk.len() as u64;
        self.toll.owe(chunk.len() as u64);
        let skipped = (chunk.len() as u64).min(*skip);
        *skip -= skipped;
        drop(chunk.split_to(usize::try_from(skipped).unwrap_or(chunk.len())));
        self.fresh = chunk.len() as u64;
        let room = coming.total.map_or(u64::MAX, |total| total.saturating_sub(self.offset));
        if self.fresh > room {
            self.discard().await.map_err(Ended::Local)?;
            let message = "the server sends more bytes than the file should have";
            return Err(Ended::Source(StepError::found("transfer", "too_long", message)));
        }
        if chunk.is_empty() {
            return Ok(());
        }
        self.offset += self.fresh;
        self.block.push(chunk);
        if self.block.is_full() || self.keeper.is_due(self.offset) {
            self.hand_over().await.map_err(Ended::Local)?;
        }
        Ok(())
    }

    /// Hands over what is old or large enough, and begins a checkpoint if it is time for one.
    async fn hand_over(&mut self) -> Result<(), StepError> {
        if self.keeper.is_due(self.offset) || self.block.is_full() || self.block.is_old() {
            self.flush().await?;
        }
        if self.keeper.is_due(self.offset) {
            self.keeper.begin(&mut self.writer).await?;
        }
        Ok(())
    }

    /// None of what came from a source that sends too much is worth keeping.
    async fn discard(&mut self) -> Result<(), StepError> {
        self.block.take();
        self.writer.restart().await?;
        self.offset = 0;
        self.keeper.sources.forget();
        self.keeper.save(&mut self.writer).await
    }

    fn check_end(&self, coming: &Coming, skip: u64) -> Result<(), Ended> {
        match coming.total {
            _ if skip > 0 => Err(early(self.offset - skip, Some(self.offset))),
            Some(total) if self.offset < total => Err(early(self.offset, Some(total))),
            _ => Ok(()),
        }
    }
}

fn early(came: u64, total: Option<u64>) -> Ended {
    let total = total.unwrap_or_default();
    let message = format!("the connection ended after {came} of {total} bytes");
    let error = StepError::found("transfer", "dropped", message);
    Ended::Source(error.hint("it goes on where it stands"))
}
