//! One attempt: what is there already, the sources in turn, and how it ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::failure::{Class, Scope};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::keeper::Keeper;
use super::options::Download;
use super::partial::{self, Claim};
use super::place::Place;
use super::plan::Ground;
use super::saved::{Saved, Sources};
use super::transfer::{Block, Told};
use super::writer::{Mark, Writer};
use crate::artifact::{Algorithm, Artifact, Downloaded, Expected};
use crate::context::StepContext;
use crate::digest::Hasher;
use crate::error::StepError;
use crate::fs::{FileStamp, MARGIN_BYTES, or_wait_for_room};
use crate::pace::Toll;
use crate::stop::StopReason;

/// One attempt at one artifact.
pub(super) struct Attempt<'a> {
    pub(super) options: &'a Download,
    pub(super) cx: &'a StepContext,
    pub(super) artifact: &'a Artifact,
    pub(super) places: &'a [Place],
    pub(super) writer: Writer,
    pub(super) keeper: Keeper,
    /// What was received and not yet handed to the writer.
    pub(super) block: Block,
    /// Where the file ends once everything received is written.
    pub(super) offset: u64,
    /// Where the last body went on.
    pub(super) resumed: u64,
    /// Bytes received in this attempt.
    pub(super) fetched: u64,
    /// Whether the end of the file can be told from a broken connection.
    pub(super) end_is_marked: bool,
    pub(super) told: Told,
    /// What was received ahead of the limit on bandwidth.
    pub(super) toll: Toll,
    /// Bytes of the file that came last.
    pub(super) fresh: u64,
    path: PathBuf,
    began_at: u64,
}

/// Why an attempt, or one of its sources, came to an end.
pub(super) enum Ended {
    /// It was asked to stop.
    Stopped(StopReason),
    /// The source failed; another may do better.
    Source(StepError),
    /// This machine failed; no source can help.
    Local(StepError),
}

/// Makes one attempt.
pub(super) async fn run(
    options: &Download,
    cx: &StepContext,
    artifact: &Artifact,
) -> Result<Downloaded, StepError> {
    let places = Place::all(artifact)?;
    let path = partial::path(&artifact.staging, cx);
    let saved = newest_checkpoint(cx);
    if let Some(done) = saved.as_ref().and_then(|saved| saved.finished.as_ref())
        && done.path == path
        && stamp_of(&path).await.as_ref() == Some(&done.stamp)
    {
        return Ok(done.clone());
    }
    // A finished file whose stamp changed was written by somebody else.
    let saved = saved.filter(|saved| saved.finished.is_none());
    let opened = open(cx, artifact, &path, saved.as_ref()).await;
    let missing = artifact.size.unwrap_or(UNKNOWN_BYTES);
    let (file, hasher) = or_wait_for_room(opened, &artifact.staging, missing).await?;
    let offset = hasher.position();
    let durable = saved.as_ref().map_or(0, |saved| saved.offset.min(offset));
    let sources = saved.map_or_else(|| fresh(cx, places.len()), |saved| saved.sources_at(offset));
    let every = (options.checkpoint_bytes, options.checkpoint_interval);
    let attempt = Attempt {
        options,
        cx,
        artifact,
        places: &places,
        keeper: Keeper::new(cx.clone(), sources, durable, every),
        writer: Writer::start(file, hasher),
        block: Block::default(),
        offset,
        resumed: 0,
        fetched: 0,
        end_is_marked: true,
        told: Told { at: Instant::now(), done: offset },
        toll: cx.toll(),
        fresh: 0,
        path,
        began_at: offset,
    };
    attempt.go().await
}

/// Where a transfer without history begins.
///
/// A later attempt without checkpoint means that a finished download was of no use, such as one
/// with a wrong digest: the next place may hold better bytes.
fn fresh(cx: &StepContext, places: usize) -> Sources {
    let attempts_before = cx.attempt().get().saturating_sub(1) as usize;
    Sources { next: attempts_before.checked_rem(places).unwrap_or(0), ..Sources::default() }
}

/// A checkpoint that cannot be read costs the bytes that it speaks of, not the run.
fn newest_checkpoint(cx: &StepContext) -> Option<Saved> {
    cx.checkpoint().unwrap_or_else(|error| {
        tracing::warn!(%error, "the download begins anew because its checkpoint cannot be read");
        None
    })
}

async fn stamp_of(path: &Path) -> Option<FileStamp> {
    let path = path.to_owned();
    spawn_blocking(move || FileStamp::of(&path).ok()).await.ok().flatten()
}

/// Opens the partial file and keeps as much of it as is proven.
async fn open(
    cx: &StepContext,
    artifact: &Artifact,
    path: &Path,
    saved: Option<&Saved>,
) -> Result<(File, Hasher), StepError> {
    let mut file = open_alone(path).await?;
    let claim = saved.map(|saved| Claim {
        offset: saved.offset,
        hasher: Hasher::restore(&saved.hasher).ok(),
        same_boot: saved.boot.is_some() && saved.boot.as_deref() == cx.boot(),
        total: artifact.size.or_else(|| saved.sources.total()),
        digest: artifact.digest.is_some(),
    });
    let algorithm = artifact.digest.as_ref().map_or(Algorithm::Sha256, Expected::algorithm);
    let folder = path.to_owned();
    let opened = spawn_blocking(move || {
        let hasher = partial::recover(&mut file, algorithm, claim)?;
        partial::sync_folder(&folder)?;
        Ok::<_, std::io::Error>((file, hasher))
    });
    opened.await?.map_err(|error| StepError::from(error).during("read the partial file"))
}

/// Waits for the writer of an attempt that was given up; it ends by itself.
async fn open_alone(path: &Path) -> Result<File, StepError> {
    for _ in 0..OPEN_TRIES {
        let path = path.to_owned();
        let opened = spawn_blocking(move || partial::open(&path)).await?;
        let opened =
            opened.map_err(|error| StepError::from(error).during("open the partial file"))?;
        if let Some(file) = opened {
            return Ok(file);
        }
        tokio::time::sleep(OPEN_PAUSE).await;
    }
    let message = "another attempt still writes to the partial file; it is tried again";
    Err(StepError::new(Class::Conflict, "busy", message))
}

const OPEN_TRIES: u32 = 200;
const OPEN_PAUSE: Duration = Duration::from_millis(50);

impl Attempt<'_> {
    /// Asks the sources in turn until one delivers, or one fails in a way that may pass.
    async fn go(mut self) -> Result<Downloaded, StepError> {
        let mut refused = None;
        for source in self.turns() {
            match self.fetch_from(source).await {
                Ok(()) => {
                    let (file, staging) = (self.writer.file(), &self.artifact.staging);
                    let total = Some(self.offset);
                    let finished = self.finish(source).await;
                    return or_wait_for_rest(finished, file, total, staging).await;
                }
                Err(Ended::Stopped(reason)) => return Err(self.stop(reason).await),
                Err(Ended::Local(error)) => return self.give_up(error).await,
                Err(Ended::Source(error)) => {
                    let shown = self.places.get(source).map(Place::shown).unwrap_or_default();
                    let error = error.during(format_args!("fetch {shown}"));
                    if error.is_retryable() {
                        self.settle(self.next_after(source)).await;
                        return Err(error);
                    }
                    tracing::info!(%error, "this source is of no use");
                    if let Some(host) = error.failed_resource().filter(|_| speaks_of_host(&error)) {
                        self.cx.failing(host);
                    }
                    refused.get_or_insert(error);
                }
            }
        }
        self.settle(0).await;
        Err(refused.unwrap_or_else(|| StepError::permanent("the artifact has no address")))
    }

    /// The sources in the order in which they are asked: those that others found down are left
    /// out, unless all of them are.
    fn turns(&self) -> Vec<usize> {
        let count = self.places.len();
        let all = (0..count).map(|turn| (self.keeper.sources.next + turn) % count);
        let is_held = |source: &usize| {
            let key = self.places.get(*source).and_then(|place| place.key.as_ref());
            key.is_some_and(|key| self.cx.is_held(key))
        };
        let (held, open): (Vec<usize>, Vec<usize>) = all.partition(is_held);
        if open.is_empty() { held } else { open }
    }

    /// What is known before a source is asked.
    pub(super) fn ground(&self, source: usize) -> Ground<'_> {
        let sources = &self.keeper.sources;
        Ground {
            offset: self.offset,
            known: sources.known.get(&source),
            total: self.artifact.size.or_else(|| sources.total()),
            size: self.artifact.size,
            digest: self.artifact.digest.is_some(),
        }
    }

    /// The source to ask next time. A source whose bytes only it can continue is kept while it
    /// gives some.
    fn next_after(&self, source: usize) -> usize {
        let only_it = self.artifact.digest.is_none() && self.offset > self.began_at;
        if only_it { source } else { (source + 1) % self.places.len() }
    }

    /// Keeps what was received, for the next attempt.
    async fn settle(&mut self, next: usize) {
        self.keeper.sources.next = next;
        let kept = match self.flush().await {
            Ok(()) => self.keeper.save(&mut self.writer).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            // The failure that ended the attempt says more; less of the file is proven, that is all.
            tracing::warn!(%error, "the last bytes are not in a checkpoint");
        }
    }

    /// After a failure of the drive, only what it had confirmed before is believed.
    async fn give_up<T>(self, error: StepError) -> Result<T, StepError> {
        let file = self.writer.file();
        let (staging, total) = (self.artifact.staging.clone(), self.ground(0).total);
        if error.class() == Class::Integrity {
            let cut = self.writer.keep_only(self.keeper.durable()).await;
            tracing::warn!(?cut, "the drive failed; unconfirmed bytes are given up");
        }
        or_wait_for_rest(Err(error), file, total, &staging).await
    }

    async fn stop(mut self, reason: StopReason) -> StepError {
        match reason {
            StopReason::Shutdown | StopReason::Paused | StopReason::TimedOut => {
                self.settle(self.keeper.sources.next).await;
            }
            StopReason::Cancelled => {
                // The writer must have ended, or it would write on to a file without a name.
                let ended = self.writer.finish().await.map(|_| ());
                let removed = spawn_blocking(move || std::fs::remove_file(self.path)).await;
                tracing::debug!(?ended, ?removed, "the partial file is removed");
            }
            StopReason::Superseded => {}
        }
        stopped(reason)
    }

    /// Makes the file durable and says what it is.
    async fn finish(mut self, source: usize) -> Result<Downloaded, StepError> {
        self.flush().await?;
        let (file, hasher) = self.writer.finish().await?;
        spawn_blocking(move || file.sync_all())
            .await?
            .map_err(|error| StepError::from(error).during("sync the downloaded file"))?;
        let mark = Mark { offset: hasher.position(), hasher: hasher.save() };
        let digest = hasher.finish();
        let mut saved = self.keeper.saved(mark);
        let as_promised =
            self.artifact.size.is_some() || self.artifact.digest.as_ref() == Some(&digest);
        let in_doubt = !self.end_is_marked && !as_promised;
        // The digest alone cannot tell a cut body from a wrong one; a second answer that ends at
        // the same byte can.
        if in_doubt && self.artifact.digest.is_some() && self.offset > self.began_at {
            self.keeper.save_as(&saved).await?;
            let message = "the connection ended, and what came is not the whole file";
            return Err(StepError::found("transfer", "cut_short", message));
        }
        let path = self.path.clone();
        let stamp = spawn_blocking(move || FileStamp::of(&path)).await??;
        let done = Downloaded {
            path: self.path,
            size: saved.offset,
            digest,
            stamp,
            origin: self.places.get(source).map(Place::shown).unwrap_or_default(),
            resumed_bytes: self.resumed,
            fetched_bytes: self.fetched,
            unverified_length: in_doubt,
        };
        self.cx.progress(done.size, Some(done.size));
        saved.finished = Some(done.clone());
        self.keeper.save_as(&saved).await?;
        Ok(done)
    }

    /// Hands what was received to the writer.
    pub(super) async fn flush(&mut self) -> Result<(), StepError> {
        let block = self.block.take();
        if block.is_empty() { Ok(()) } else { self.writer.write(block).await }
    }
}

/// Room to wait for while nobody knows how long the file is; with the margin 64 MiB.
const UNKNOWN_BYTES: u64 = 64 * 1024 * 1024 - MARGIN_BYTES;

/// A drive without room for what is not in the file yet is waited for.
async fn or_wait_for_rest<T>(
    result: Result<T, StepError>,
    file: Arc<File>,
    total: Option<u64>,
    staging: &Path,
) -> Result<T, StepError> {
    if result.is_ok() {
        return result;
    }
    let written = spawn_blocking(move || file.metadata().map(|metadata| metadata.len())).await;
    let written = written.ok().and_then(Result::ok).unwrap_or_default();
    let missing = total.map_or(UNKNOWN_BYTES, |total| total.saturating_sub(written));
    or_wait_for_room(result, staging, missing).await
}

fn speaks_of_host(error: &StepError) -> bool {
    error.ruling().scope == Scope::Host
}

fn stopped(reason: StopReason) -> StepError {
    let (class, kind, message) = match reason {
        StopReason::Shutdown => (Class::Interrupted, "shutdown", "interrupted; it can go on"),
        StopReason::Paused => (Class::Interrupted, "paused", "paused; it can go on"),
        StopReason::TimedOut => (Class::Timeout, "attempt", "the attempt took too long"),
        StopReason::Cancelled => (Class::Cancelled, "cancelled", "cancelled"),
        StopReason::Superseded => {
            (Class::Interrupted, "superseded", "another attempt took its place")
        }
    };
    StepError::new(class, kind, message)
}
