//! Runs a step by hand, without an engine: for tests of steps.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use resurge_journal::{AttemptNo, Json, ResourceKey, RunId, StepKey, Timestamp};
use tokio::sync::watch;

use crate::context::{AttemptInfo, CheckpointError, CheckpointSink, StepContext};
use crate::pace::Pace;
use crate::progress::Progress;
use crate::reports::Reports;
use crate::stop::StopHandle;

/// One step of one run, attempted by hand; keeps the checkpoint from attempt to attempt.
#[derive(Debug)]
pub struct TestRun {
    run: RunId,
    step: StepKey,
    attempts: AttemptNo,
    boot: Option<String>,
    scratch_dir: PathBuf,
    checkpoints: Arc<Checkpoints>,
    held: Vec<ResourceKey>,
    pace: Pace,
}

/// One attempt of a [`TestRun`].
#[derive(Debug)]
pub struct TestAttempt {
    /// What the step gets.
    pub cx: StepContext,
    /// Asks the attempt to stop.
    pub stop: StopHandle,
    /// Where the attempt stands.
    pub progress: watch::Receiver<Progress>,
    /// What the attempt tells about resources.
    pub reports: Reports,
}

#[derive(Debug, Default)]
struct Checkpoints(Mutex<Vec<Json>>);

#[async_trait]
impl CheckpointSink for Checkpoints {
    async fn save(&self, checkpoint: Json) -> Result<(), CheckpointError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(checkpoint);
        Ok(())
    }
}

impl TestRun {
    /// A run with a fixed id that uses this folder for scratch files.
    pub fn new(step: StepKey, scratch_dir: impl Into<PathBuf>) -> Self {
        Self {
            run: RunId::default(),
            step,
            attempts: AttemptNo::NONE,
            boot: Some("boot-1".to_owned()),
            scratch_dir: scratch_dir.into(),
            checkpoints: Arc::default(),
            held: Vec::new(),
            pace: Pace::default(),
        }
    }

    /// The limit on bandwidth, under which all attempts stand. Default: none.
    pub const fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Pretends that the machine was started anew between attempts.
    pub fn reboot(&mut self) {
        self.boot = Some(format!("boot-after-{}", self.attempts));
    }

    /// Pretends from the next attempt on that these resources are taken for down.
    pub fn hold(&mut self, keys: Vec<ResourceKey>) {
        self.held = keys;
    }

    /// Stands under the limit of somebody else from the next attempt on.
    pub fn share_pace(&mut self, pace: &Pace) {
        self.pace = pace.clone();
    }

    /// Every checkpoint saved so far, oldest first.
    pub fn checkpoints(&self) -> Vec<Json> {
        self.checkpoints.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets all checkpoints but the first `keep`, as if the process had died before the rest.
    pub fn forget_checkpoints_after(&mut self, keep: usize) {
        self.checkpoints.0.lock().unwrap_or_else(PoisonError::into_inner).truncate(keep);
    }

    /// The next attempt, with the newest checkpoint.
    pub fn attempt(&mut self) -> TestAttempt {
        self.attempts = self.attempts.next();
        let info = AttemptInfo {
            run: self.run,
            step: self.step.clone(),
            attempt: self.attempts,
            max_attempts: 4,
            boot: self.boot.clone(),
            scratch_dir: self.scratch_dir.clone(),
            checkpoint: self.checkpoints().pop(),
            held: self.held.clone(),
            pace: self.pace.clone(),
        };
        let stop = StopHandle::default();
        let (sender, progress) = watch::channel(Progress::default());
        let sink = Arc::clone(&self.checkpoints) as Arc<dyn CheckpointSink>;
        let reports = Reports::default();
        let cx = StepContext::new(info, sink, stop.clone(), now, sender, reports.clone());
        TestAttempt { cx, stop, progress, reports }
    }
}

fn now() -> Timestamp {
    Timestamp::from(chrono::Utc::now())
}
