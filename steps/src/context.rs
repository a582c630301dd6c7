//! What the engine gives to an attempt.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use resurge_journal::{AttemptNo, Json, ResourceKey, RunId, StepKey, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use crate::error::StepError;
use crate::pace::{Pace, Toll};
use crate::progress::{Meter, Progress};
use crate::reports::{Health, Reports};
use crate::stop::{StopHandle, StopReason};

/// What the engine gives to an attempt. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StepContext {
    shared: Arc<Shared>,
}

/// Which attempt this is, and what it can rely on.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is documented at the accessor of `StepContext`")]
pub struct AttemptInfo {
    pub run: RunId,
    pub step: StepKey,
    pub attempt: AttemptNo,
    pub max_attempts: u32,
    pub boot: Option<String>,
    pub scratch_dir: PathBuf,
    pub checkpoint: Option<Json>,
    pub held: Vec<ResourceKey>,
    pub pace: Pace,
}

#[derive(Debug)]
struct Shared {
    info: AttemptInfo,
    /// The newest checkpoint, so that an attempt reads back what it saved itself.
    checkpoint: Mutex<Option<Json>>,
    sink: Arc<dyn CheckpointSink>,
    stop: StopHandle,
    clock: fn() -> Timestamp,
    meter: Mutex<Option<Meter>>,
    progress: watch::Sender<Progress>,
    reports: Reports,
}

/// Where checkpoints go; the engine's side of [`StepContext::save_checkpoint`].
#[async_trait]
pub trait CheckpointSink: std::fmt::Debug + Send + Sync {
    /// Makes the checkpoint durable; refuses it if the attempt is no longer current.
    async fn save(&self, checkpoint: Json) -> Result<(), CheckpointError>;
}

const _: fn(&dyn CheckpointSink) = |_| {};

/// Why a checkpoint was not saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The attempt timed out, was cancelled or replaced; its work no longer counts.
    #[error("this attempt is no longer current; stop working")]
    Superseded,
    /// The checkpoint is larger than a record may be.
    #[error("the checkpoint has {bytes} bytes, at most {bytes_max} fit; keep large data in a file")]
    TooLarge {
        /// Size of the checkpoint.
        bytes: usize,
        /// Largest size.
        bytes_max: usize,
    },
    /// The journal cannot be written.
    #[error("the journal is unavailable; the engine must be opened again")]
    Unavailable,
}

impl StepContext {
    /// Puts a context together; for engines and tests.
    pub fn new(
        info: AttemptInfo,
        sink: Arc<dyn CheckpointSink>,
        stop: StopHandle,
        clock: fn() -> Timestamp,
        progress: watch::Sender<Progress>,
        reports: Reports,
    ) -> Self {
        let checkpoint = Mutex::new(info.checkpoint.clone());
        let meter = Mutex::new(None);
        let shared = Shared { info, checkpoint, sink, stop, clock, meter, progress, reports };
        Self { shared: Arc::new(shared) }
    }

    /// The run that the attempt belongs to.
    pub fn run(&self) -> RunId {
        self.shared.info.run
    }

    /// The step that the attempt belongs to.
    pub fn step(&self) -> &StepKey {
        &self.shared.info.step
    }

    /// Number of this attempt; the first one is 1.
    pub fn attempt(&self) -> AttemptNo {
        self.shared.info.attempt
    }

    /// How many attempts may fail in a row.
    pub fn max_attempts(&self) -> u32 {
        self.shared.info.max_attempts
    }

    /// A name for the effect of this step: the same in every attempt, in every process.
    ///
    /// Hand it to services that recognise repeated requests.
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}", self.run(), self.step())
    }

    /// Identity of this boot of the machine, where the system tells it.
    ///
    /// Unchanged since a checkpoint: the kernel has lived on, and with it all that was written.
    pub fn boot(&self) -> Option<&str> {
        self.shared.info.boot.as_deref()
    }

    /// A folder for this step of this run; may not exist yet, is removed after the run.
    pub fn scratch_dir(&self) -> &Path {
        self.shared.reports.tells_scratch();
        &self.shared.info.scratch_dir
    }

    /// The newest checkpoint of this step, from this attempt or an earlier one.
    ///
    /// It outlives inputs that were lost and made again: keep in it what tells which input it was
    /// made from, and compare. Success clears it.
    ///
    /// # Errors
    /// The checkpoint does not describe a `T`; class `validation`.
    pub fn checkpoint<T: DeserializeOwned>(&self) -> Result<Option<T>, StepError> {
        let newest = lock(&self.shared.checkpoint).clone();
        let read =
            |json: Json| json.read().map_err(|e| StepError::from(e).during("read checkpoint"));
        newest.map(read).transpose()
    }

    /// Saves where the step stands.
    ///
    /// Make durable whatever the checkpoint speaks of *before* this call, such as file contents.
    ///
    /// # Errors
    /// The attempt is no longer current, the checkpoint is too large, or the journal is
    /// unavailable. See [`CheckpointError`].
    ///
    /// # Durability
    /// Durable when it returns.
    ///
    /// # Cancel safety
    /// When the future is dropped the checkpoint may or may not be saved.
    pub async fn save_checkpoint<T: Serialize + Sync>(
        &self,
        checkpoint: &T,
    ) -> Result<(), StepError> {
        let json = Json::of(checkpoint)?;
        if lock(&self.shared.checkpoint).as_ref() == Some(&json) {
            // What is durable already needs no second record.
            return Ok(());
        }
        self.shared.sink.save(json.clone()).await?;
        *lock(&self.shared.checkpoint) = Some(json);
        Ok(())
    }

    /// Says where this attempt begins, when it goes on from a checkpoint.
    ///
    /// What was done before does not count as progress of this attempt.
    pub fn resume_from(&self, done: u64, total: Option<u64>) {
        *lock(&self.shared.meter) = Some(Meter::new((self.shared.clock)(), done));
        self.shared.progress.send_replace(Progress {
            began_at: done,
            done,
            total,
            per_second: 0.0,
        });
    }

    /// Says where this attempt stands, in the step's own unit (bytes for downloads).
    ///
    /// Cheap enough to call for every block; watchers see the newest value.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        let now = (self.shared.clock)();
        let per_second =
            lock(&self.shared.meter).get_or_insert_with(|| Meter::new(now, 0)).observe(now, done);
        self.shared.progress.send_modify(|progress| {
            *progress = Progress { done, total, per_second, ..*progress };
        });
    }

    /// Says that so many bytes have arrived, and waits for as long as the limit on bandwidth asks.
    ///
    /// The limit is that of the engine, over all transfers together; it can change at any moment.
    /// Returns at once if there is none, and when the attempt is asked to stop. The time that this
    /// takes does not count as idle. The first bytes show that the resource works, as the first
    /// [`progress`](Self::progress) does. A step with other things to do meanwhile takes a
    /// [`toll`](Self::toll).
    ///
    /// # Cancel safety
    /// Dropped before it is done, it forgets what these bytes still owe to the limit: whoever waits
    /// for several things at once takes a [`toll`](Self::toll) instead.
    pub async fn transferred(&self, bytes: u64) {
        if bytes > 0 && self.shared.reports.receives() {
            // Nothing has changed for those who show it; who waits for a sign of life looks again.
            self.shared.progress.send_modify(|_| {});
        }
        let mut toll = self.toll();
        toll.owe(bytes);
        while toll.owed() > 0 {
            tokio::select! {
                biased;
                _ = self.stopped() => return,
                () = toll.pay() => {}
            }
        }
    }

    /// What a transfer of this step owes to the limit on bandwidth; nothing yet.
    pub fn toll(&self) -> Toll {
        self.shared.reports.transfers();
        Toll::new(self.shared.info.pace.clone(), self.shared.reports.clone())
    }

    /// Whether a resource is taken for down: others failed on it, and nobody asks it for now.
    ///
    /// A step with mirrors leaves these out as long as another one is left.
    pub fn is_held(&self, key: &ResourceKey) -> bool {
        self.shared.info.held.contains(key)
    }

    /// From now on this resource is in use: the progress of the attempt proves that it works.
    pub fn uses(&self, key: &ResourceKey) {
        self.shared.reports.uses(key);
    }

    /// A complete answer proved that this resource works, whatever it said.
    pub fn alive(&self, key: &ResourceKey) {
        self.shared.reports.say(key, Health::Alive);
    }

    /// This resource failed, although the attempt goes on, for example with another one.
    pub fn failing(&self, key: &ResourceKey) {
        self.shared.reports.say(key, Health::Failing);
    }

    /// The reason, if the attempt was asked to stop.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.shared.stop.reason()
    }

    /// Waits until the attempt is asked to stop.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost when the future is dropped.
    pub async fn stopped(&self) -> StopReason {
        self.shared.stop.stopped().await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics while one of these is held; a poisoned value is still a valid one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
