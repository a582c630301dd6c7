//! The attempts that have a task.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resurge_journal::state::{Run, Step, StepPhase};
use resurge_journal::{AttemptNo, Json, ResourceKey, RunId, StepIndex, StepKey, Timestamp};
use resurge_steps::classify::Rules;
use resurge_steps::{
    AttemptInfo, CheckpointError, CheckpointSink, ErasedStep, Pace, Progress, Reports, StepContext,
    StopHandle, StopReason,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span, info_span};
use uuid::Uuid;

use super::ambient::{sleep, spawn, spawn_blocking, wall_now};
use super::attempt::Attempt;
use super::message::Message;
use crate::core::{Command, Outcome, Refusal, Running, Spawn, Stop};
use crate::workflow::Definition;

/// The attempts that have a task, and what a new one needs.
#[derive(Debug)]
pub(super) struct Tasks {
    /// Which they are, as the core asks for it.
    running: Running,
    /// How to reach each of them.
    reach: HashMap<(RunId, StepIndex), Task>,
    /// Tasks that were dropped and may still have to notice it.
    aborted: Vec<JoinHandle<()>>,
    common: Arc<Common>,
    /// Runs with an attempt that asked for its scratch folder and has ended.
    scratched: HashSet<RunId>,
    opened_at: Timestamp,
}

#[derive(Debug)]
struct Task {
    stop: StopHandle,
    handle: JoinHandle<()>,
    progress: watch::Receiver<Progress>,
    reports: Reports,
}

impl Tasks {
    /// No attempt yet, by an engine that was opened at this time.
    pub(super) fn new(common: Common, opened_at: Timestamp) -> Self {
        Self {
            running: Running::new(),
            reach: HashMap::new(),
            aborted: Vec::new(),
            common: Arc::new(common),
            scratched: HashSet::new(),
            opened_at,
        }
    }

    pub(super) const fn running(&self) -> &Running {
        &self.running
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// How far the attempt of a step is.
    pub(super) fn progress(&self, run: RunId, step: StepIndex) -> Option<Progress> {
        self.reach.get(&(run, step)).map(|task| *task.progress.borrow())
    }

    /// Whether the attempt of a step receives what the limit on bandwidth is for.
    pub(super) fn is_transfer(&self, run: RunId, step: StepIndex) -> bool {
        self.reach.get(&(run, step)).is_some_and(|task| task.reports.is_transfer())
    }

    /// Forgets the scratch files of a run that is over; gives the folder if there may be one.
    pub(super) fn take_scratch(&mut self, run: &Run) -> Option<PathBuf> {
        // What an earlier life of the run has left behind is not known here.
        let is_inherited = run.started_at <= self.opened_at;
        (self.scratched.remove(&run.id) || is_inherited).then(|| self.common.scratch_of(run.id))
    }

    /// Forgets the scratch files of a run that was dropped; gives their folder.
    pub(super) fn scratch_of_dropped(&mut self, run: RunId) -> PathBuf {
        self.scratched.remove(&run);
        self.common.scratch_of(run)
    }

    /// Gives an attempt its task; `shut` are resources behind breakers that are not closed.
    pub(super) fn spawn(
        &mut self,
        order: Spawn,
        run: &Run,
        definition: &Definition,
        shut: Vec<ResourceKey>,
    ) {
        let Spawn { run: id, step, attempt } = order;
        let Some(driver) = self.common.driver.upgrade() else { return };
        let stop = StopHandle::default();
        let (sender, progress) = watch::channel(Progress::default());
        let reports = Reports::default();
        if is_probe(run, step) {
            let driver = driver.downgrade();
            spawn(tell_first_move(driver, order, progress.clone(), reports.clone()));
        }
        let (line, common) = ((stop.clone(), sender, reports.clone()), Arc::clone(&self.common));
        let brief = Brief::of(order, run, definition, shut);
        let task = async move {
            // Put together here, so that what it allocates is given back on the same thread.
            let outcome = match brief {
                Some(brief) => brief.into_attempt(&common, line).run().await,
                None => Outcome::Interrupted,
            };
            // A driver that is gone has no use for the outcome: the journal says interrupted.
            let _ = driver.send(Message::Finished { run: id, step, attempt, outcome }).await;
        };
        let handle = spawn(task.instrument(span(run, step, attempt)));
        self.running.insert((id, step), attempt);
        self.reach.insert((id, step), Task { stop, handle, progress, reports });
    }

    /// Asks an attempt to end.
    pub(super) fn stop(&self, order: Stop) {
        if let Some(task) = self.reach.get(&(order.run, order.step)) {
            task.stop.stop(order.reason);
        }
    }

    /// Asks every attempt to end.
    pub(super) fn stop_all(&self, reason: StopReason) {
        for task in self.reach.values() {
            task.stop.stop(reason);
        }
    }

    /// Drops every attempt where it stands.
    pub(super) fn abort_all(&mut self) {
        self.running.clear();
        for (_, task) in self.reach.drain() {
            task.handle.abort();
            self.aborted.push(task.handle);
        }
    }

    /// Waits until no dropped attempt runs any more, but not for one that blocks its thread.
    ///
    /// Whoever opens the journal next shall not meet them.
    pub(super) async fn wind_up(&mut self) {
        self.abort_all();
        for handle in self.aborted.drain(..) {
            tokio::select! {
                biased;
                _ = handle => {}
                () = sleep(ABORT_PATIENCE) => break,
            }
        }
    }

    /// Takes note that the task of an attempt is gone.
    pub(super) fn ended(&mut self, run: RunId, step: StepIndex) {
        self.running.remove(&(run, step));
        if self.reach.remove(&(run, step)).is_some_and(|task| task.reports.knows_scratch()) {
            self.scratched.insert(run);
        }
    }
}

/// What every attempt is given.
#[derive(Debug)]
pub(super) struct Common {
    /// Weak, so that attempts alone do not keep an engine open that nobody holds.
    pub(super) driver: mpsc::WeakSender<Message>,
    pub(super) boot: Option<String>,
    pub(super) scratch_root: PathBuf,
    pub(super) grace: Duration,
    pub(super) payload_bytes_max: usize,
    /// Rules of the application for failures.
    pub(super) rules: Rules,
    /// The limit on bandwidth, the same for all.
    pub(super) pace: Pace,
}

impl Common {
    /// The folder for the scratch files of a run.
    fn scratch_of(&self, run: RunId) -> PathBuf {
        let mut name = Uuid::encode_buffer();
        let name: &str = run.as_uuid().hyphenated().encode_lower(&mut name);
        let bytes_max = self.scratch_root.as_os_str().len() + name.len() + KEY_BYTES_MAX;
        let mut folder = PathBuf::with_capacity(bytes_max);
        folder.extend([self.scratch_root.as_path(), name.as_ref()]);
        folder
    }
}

/// What the state says of one attempt, on its way to the task that makes it.
struct Brief {
    order: Spawn,
    key: StepKey,
    max_attempts: u32,
    checkpoint: Option<Json>,
    held: Vec<ResourceKey>,
    step: Arc<dyn ErasedStep>,
    input: Json,
    suppliers: Vec<(StepIndex, Arc<dyn ErasedStep>, Json)>,
    timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
}

impl Brief {
    /// None if the graph and the definition do not fit.
    fn of(
        order: Spawn,
        run: &Run,
        definition: &Definition,
        shut: Vec<ResourceKey>,
    ) -> Option<Self> {
        let index = order.step;
        let spec = run.started.manifest.step(index)?;
        let known = run.step(index)?;
        let mut suppliers: Vec<(StepIndex, _, _)> = Vec::new();
        for need in spec.needs() {
            if suppliers.iter().all(|(known, _, _)| *known != need) {
                let output = run.step(need)?.output()?.clone();
                suppliers.push((need, Arc::clone(definition.step(need)?), output));
            }
        }
        let StepPhase::Running { timeout_ms, .. } = known.phase else { return None };
        Some(Self {
            order,
            key: spec.key.clone(),
            max_attempts: spec.max_attempts(),
            checkpoint: known.checkpoint.clone(),
            held: shut.into_iter().filter(|key| !may_ask(known, key)).collect(),
            step: Arc::clone(definition.step(index)?),
            input: run.input_of(spec)?,
            suppliers,
            timeout: timeout_ms.map(Duration::from_millis),
            idle_timeout: spec.idle_timeout(),
        })
    }

    fn into_attempt(self, common: &Common, line: Line) -> Box<Attempt> {
        let (stop, sender, reports) = line;
        let progress = sender.subscribe();
        let mut scratch_dir = common.scratch_of(self.order.run);
        scratch_dir.push(self.key.as_str());
        let info = AttemptInfo {
            run: self.order.run,
            scratch_dir,
            step: self.key,
            attempt: self.order.attempt,
            max_attempts: self.max_attempts,
            boot: common.boot.clone(),
            checkpoint: self.checkpoint,
            held: self.held,
            pace: common.pace.clone(),
        };
        let (driver, bytes_max) = (common.driver.clone(), common.payload_bytes_max);
        let sink = Arc::new(Sink { order: self.order, driver, bytes_max });
        let (of_step, of_reports) = (stop.clone(), reports.clone());
        let cx = StepContext::new(info, sink, of_step, wall_now, sender, of_reports);
        Box::new(Attempt {
            step: self.step,
            input: self.input,
            suppliers: self.suppliers,
            cx,
            stop,
            progress,
            reports,
            rules: common.rules.clone(),
            timeout: self.timeout,
            idle_timeout: self.idle_timeout,
            grace: common.grace,
        })
    }
}

/// How an attempt is reached, and tells where it is.
type Line = (StopHandle, watch::Sender<Progress>, Reports);

/// Whether an attempt was let pass in order to ask this very resource, although it is down.
fn may_ask(step: &Step, key: &ResourceKey) -> bool {
    let is_forced = matches!(step.phase, StepPhase::Running { forced: true, .. });
    step.admission().iter().any(|admitted| admitted.key == *key && (admitted.probe || is_forced))
}

fn is_probe(run: &Run, index: StepIndex) -> bool {
    run.step(index).is_some_and(|step| step.admission().iter().any(|admitted| admitted.probe))
}

/// A probe that moves shows that its resource works, however long it goes on.
async fn tell_first_move(
    driver: mpsc::WeakSender<Message>,
    order: Spawn,
    mut progress: watch::Receiver<Progress>,
    reports: Reports,
) {
    let is_sign = |progress: &Progress| progress.gained() > 0 || reports.has_received();
    if progress.wait_for(is_sign).await.is_err() {
        return;
    }
    let Spawn { run, step, attempt } = order;
    if let Some(driver) = driver.upgrade() {
        let command = Box::new(Command::Moved { run, step, attempt });
        // A driver that is gone does not ask any more.
        let _ = driver.send(Message::Tell { command }).await;
    }
}

/// The span of an attempt, within those of its step and its run.
fn span(run: &Run, index: StepIndex, attempt: AttemptNo) -> Span {
    let manifest = &run.started.manifest;
    let Some(spec) = manifest.step(index) else { return Span::none() };
    let of_run = info_span!("workflow.run", op.id = %run.id, op.kind = %manifest.workflow);
    let of_step = info_span!(parent: &of_run, "workflow.step", step = %spec.key);
    info_span!(
        parent: &of_step,
        "workflow.attempt",
        attempt = attempt.get(),
        max_attempts = spec.max_attempts(),
        seq = run.step(index).map(|step| step.since.get()),
    )
}

/// Sends the checkpoints of one attempt to the driver.
#[derive(Debug)]
struct Sink {
    order: Spawn,
    driver: mpsc::WeakSender<Message>,
    bytes_max: usize,
}

#[async_trait]
impl CheckpointSink for Sink {
    async fn save(&self, checkpoint: Json) -> Result<(), CheckpointError> {
        let (bytes, bytes_max) = (checkpoint.len(), self.bytes_max);
        if bytes > bytes_max {
            return Err(CheckpointError::TooLarge { bytes, bytes_max });
        }
        let driver = self.driver.upgrade().ok_or(CheckpointError::Unavailable)?;
        let (reply, answer) = oneshot::channel();
        let Spawn { run, step, attempt } = self.order;
        let command = Box::new(Command::Checkpoint { run, step, attempt, checkpoint });
        let message = Message::Do { command, reply };
        driver.send(message).await.map_err(|_| CheckpointError::Unavailable)?;
        match answer.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(Refusal::Superseded)) => Err(CheckpointError::Superseded),
            Ok(Err(_)) | Err(_) => Err(CheckpointError::Unavailable),
        }
    }
}

/// Room for the name of a step in a path, so that it need not grow.
const KEY_BYTES_MAX: usize = 64;
const ABORT_PATIENCE: Duration = Duration::from_secs(1);

/// Removes the scratch folders of runs that ended with the same flush, in one go: to wake a thread
/// for each of them costs more than the removal.
pub(super) fn remove_folders(folders: Vec<PathBuf>) {
    if !folders.is_empty() {
        drop(spawn_blocking(move || {
            for folder in folders {
                // Left-overs are swept when the engine opens; a failure has no other consequence.
                let _ = std::fs::remove_dir_all(folder);
            }
        }));
    }
}
