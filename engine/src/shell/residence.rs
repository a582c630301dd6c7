//! Which runs are in memory: what rests leaves it with a checkpoint, and comes back when it is
//! wanted.

use std::sync::Arc;
use std::time::Duration;

use resurge_journal::checkpoint::{
    Cold, Listing, Lost, RecoverError, Resting, Snapshot, Written, replay_to,
};
use resurge_journal::manifest::Manifest;
use resurge_journal::state::Run;
use resurge_journal::store::{CacheError, Store};
use resurge_journal::{RunId, RunKey, Seq, Timestamp};
use tokio::task::{JoinError, JoinHandle};

use super::ambient::{spawn_blocking, within};
use super::message::Message;
use crate::core::{Command, Core, Wanted};
use crate::settings::Settings;

/// Which runs are in memory.
#[derive(Debug)]
pub(super) struct Residence {
    store: Arc<dyn Store>,
    cold: Cold,
    /// Whether the store has a cache that can be used without waiting for it.
    cache: Readiness,
    job: Job,
    /// Where the last snapshot was taken, written or not.
    last: Seq,
    /// Snapshots in a row that could not be written.
    failures: u32,
    /// When the last record was made.
    recorded_at: Option<Timestamp>,
    every: u64,
    quiet: Duration,
    rest_after: Duration,
}

#[derive(Debug)]
enum Readiness {
    /// Nobody has asked for it.
    Unknown,
    /// It is being made ready.
    Awaited(JoinHandle<bool>),
    Ready,
    /// This store has none, so that everything stays in memory.
    Absent,
}

#[derive(Debug)]
enum Job {
    Idle,
    /// Waits until everything in it is durable.
    Taken(Box<Snapshot>),
    Writing(JoinHandle<Result<Written, CacheError>>),
    /// What comes of it is of no interest any more.
    Abandoned(JoinHandle<Result<Written, CacheError>>),
}

/// How a snapshot was written.
pub(super) type Landed = Result<Result<Written, CacheError>, JoinError>;

impl Residence {
    pub(super) fn new(store: Arc<dyn Store>, cold: Cold, settings: &Settings) -> Self {
        let mut residence = Self {
            last: cold.at(),
            failures: 0,
            store,
            cold,
            cache: Readiness::Unknown,
            job: Job::Idle,
            recorded_at: None,
            every: settings.checkpoint_records,
            quiet: settings.checkpoint_quiet,
            rest_after: settings.rest_after,
        };
        if !residence.cold.is_empty() {
            residence.await_cache();
        }
        residence
    }

    /// Has the cache made ready in the background.
    fn await_cache(&mut self) {
        if matches!(self.cache, Readiness::Unknown) {
            let store = Arc::clone(&self.store);
            let ready = spawn_blocking(move || {
                let cache = store.cache();
                // Comes once it is open; whoever uses it finds out what is wrong with it.
                let _ = cache.map(resurge_journal::store::Cache::generation);
                cache.is_some()
            });
            self.cache = Readiness::Awaited(ready);
        }
    }

    /// Whether runs have left memory and cannot be brought back yet.
    pub(super) fn must_wait(&self) -> bool {
        !self.cold.is_empty() && matches!(self.cache, Readiness::Awaited(_))
    }

    /// Whether a message wants what cannot be brought back yet.
    pub(super) fn holds_up(&self, message: &Message) -> bool {
        let wants = match message {
            Message::Find { .. } | Message::Outcome { .. } => true,
            Message::Start { request, .. } => request.key.is_some(),
            Message::Do { command, .. } | Message::Tell { command } => command.wants().is_some(),
            _ => false,
        };
        wants && self.must_wait()
    }

    /// Waits until runs can be brought back; nobody waits but just after an opening.
    ///
    /// # Cancel safety
    /// Safe: ask again.
    pub(super) async fn cache_ready(&mut self) {
        if let Readiness::Awaited(ready) = &mut self.cache {
            let is_there = ready.await.unwrap_or(false);
            self.cache = if is_there { Readiness::Ready } else { Readiness::Absent };
        }
    }

    /// Brings what a command wants back into memory.
    ///
    /// # Errors
    /// [`RecoverError`] if it is lost, and the journal that says the same is damaged.
    pub(super) fn bring_for(
        &mut self,
        core: &mut Core,
        command: &Command,
        now: Timestamp,
    ) -> Result<(), RecoverError> {
        if self.cold.is_empty() {
            return Ok(());
        }
        match bring_for(core, &mut self.cold, self.store.as_ref(), command, now) {
            Ok(()) => Ok(()),
            Err(lost) => self.give_up(core, &lost),
        }
    }

    /// Takes everything back into memory.
    fn give_up(&mut self, core: &mut Core, lost: &Lost) -> Result<(), RecoverError> {
        tracing::warn!(
            error = lost as &dyn std::error::Error,
            "the runs that wait are read from the journal again"
        );
        let whole = replay_to(self.store.as_ref(), self.cold.at())?;
        self.cold.give_up(core.state_mut(), &whole);
        self.job = match std::mem::replace(&mut self.job, Job::Idle) {
            Job::Writing(job) | Job::Abandoned(job) => Job::Abandoned(job),
            Job::Idle | Job::Taken(_) => Job::Idle,
        };
        Ok(())
    }

    /// Looks at runs wherever they are, and brings none of them back: the one that is wanted, and
    /// behind it whoever has its key.
    ///
    /// # Errors
    /// [`RecoverError`] if they are lost, and the journal that says the same is damaged.
    pub(super) fn peek(
        &mut self,
        core: &mut Core,
        wanted: &Wanted,
    ) -> Result<Vec<Arc<Run>>, RecoverError> {
        match self.look(core, wanted) {
            Ok(found) => Ok(found),
            Err(lost) => {
                self.give_up(core, &lost)?;
                // Everything is in memory now.
                Ok(self.look(core, wanted).unwrap_or_default())
            }
        }
    }

    fn look(&self, core: &Core, wanted: &Wanted) -> Result<Vec<Arc<Run>>, Lost> {
        match wanted {
            Wanted::Run(run) | Wanted::Late(run) => {
                let Some(run) = self.run(core, *run)? else { return Ok(Vec::new()) };
                let holder = match &run.started.key {
                    Some(key) => self.newest(core, key)?,
                    None => None,
                };
                let other = holder.filter(|holder| holder.id != run.id);
                Ok([run].into_iter().chain(other).collect())
            }
            Wanted::Newest(key) => Ok(self.newest(core, key)?.into_iter().collect()),
            Wanted::Due | Wanted::Misfits => Ok(Vec::new()),
        }
    }

    fn run(&self, core: &Core, run: RunId) -> Result<Option<Arc<Run>>, Lost> {
        match core.state().shared_run(run) {
            Some(run) => Ok(Some(run)),
            None => self.cold.peek(self.store.as_ref(), run),
        }
    }

    fn newest(&self, core: &Core, key: &RunKey) -> Result<Option<Arc<Run>>, Lost> {
        match core.state().run_by_key(key) {
            Some(run) => Ok(core.state().shared_run(run.id)),
            None => self.cold.peek_key(self.store.as_ref(), key),
        }
    }

    /// All runs that have left memory; after they were found to be lost, none.
    ///
    /// # Errors
    /// [`RecoverError`] if they are lost, and the journal that says the same is damaged.
    pub(super) fn listing(
        &mut self,
        core: &mut Core,
        is_lost: bool,
    ) -> Result<Option<Listing>, RecoverError> {
        if is_lost {
            self.give_up(core, &Lost::Damaged)?;
        }
        Ok((!self.cold.is_empty()).then(|| self.cold.listing()))
    }

    /// When something becomes due, in memory or not.
    pub(super) fn wake_at(&self, core: &Core, now: Timestamp) -> Option<Timestamp> {
        let next = self.cold.next_due().filter(|at| *at > now || has_room(core, now));
        next.into_iter().chain(core.wake_at()).min()
    }

    /// Takes note that something was recorded.
    pub(super) const fn recorded(&mut self, records: usize, now: Timestamp) {
        if records > 0 {
            self.recorded_at = Some(now);
        }
    }

    /// Records since the last snapshot.
    const fn since(&self, core: &Core) -> u64 {
        core.state().head().get().saturating_sub(self.last.get())
    }

    /// Whether there is more to replay than a checkpoint costs.
    fn is_worth_it(&self, core: &Core) -> bool {
        let open = u64::try_from(core.state().open_count()).unwrap_or(u64::MAX);
        self.every > 0 && self.since(core) >= (self.every / QUIET_SHARE).max(1).max(open / 2)
    }

    /// When a checkpoint is due although there is less to keep, if nothing happens before.
    pub(super) fn quiet_at(&self, core: &Core) -> Option<Timestamp> {
        let may_begin = matches!(self.cache, Readiness::Unknown | Readiness::Ready);
        let is_idle = may_begin && matches!(self.job, Job::Idle) && self.failures == 0;
        let recorded_at = self.recorded_at.filter(|_| is_idle && self.is_worth_it(core))?;
        Some(recorded_at.after(self.quiet))
    }

    /// Takes a snapshot if it is time for one, and has it written once it is durable.
    pub(super) fn keep(&mut self, core: &mut Core, durable: Seq, now: Timestamp) {
        if matches!(self.job, Job::Idle) && self.is_due(core, durable, now) {
            self.begin(core, durable, now);
        }
        if let Job::Taken(snapshot) = &self.job
            && snapshot.at() <= durable
            && let Job::Taken(snapshot) = std::mem::replace(&mut self.job, Job::Idle)
        {
            let store = Arc::clone(&self.store);
            self.job = Job::Writing(spawn_blocking(move || snapshot.write(store.as_ref())));
        }
    }

    fn is_due(&self, core: &Core, durable: Seq, now: Timestamp) -> bool {
        if self.every == 0 || matches!(self.cache, Readiness::Absent) {
            return false;
        }
        // What is not durable yet cannot leave, so that a moment without any of it is preferred.
        let slack = if durable == core.state().head() { 0 } else { SLACK_RECORDS };
        let open = u64::try_from(core.state().open_count()).unwrap_or(u64::MAX);
        let is_quiet = slack == 0 && self.quiet_at(core).is_some_and(|at| at <= now);
        // What could not be written was written in part: that must not be done too often.
        let patience = 1 << self.failures.min(PATIENCE_MAX);
        let every = self.every.max(open).saturating_mul(patience);
        is_quiet || self.since(core) >= every.saturating_add(slack)
    }

    fn begin(&mut self, core: &mut Core, durable: Seq, now: Timestamp) {
        match &self.cache {
            Readiness::Ready => self.take(core, durable, now),
            Readiness::Unknown => self.await_cache(),
            Readiness::Awaited(_) | Readiness::Absent => {}
        }
    }

    fn take(&mut self, core: &mut Core, durable: Seq, now: Timestamp) {
        let resting = Resting { now, far: self.rest_after, durable, stays: &Core::stays };
        // What was not durable stays, and is let go of the next time.
        self.last = durable;
        if let Some(snapshot) = self.cold.snapshot(core.state_mut(), &resting) {
            self.job = Job::Taken(Box::new(snapshot));
        }
    }

    /// Waits for the cache that is being made ready, or the snapshot that is being written.
    ///
    /// # Cancel safety
    /// Safe: the work goes on, and the next call waits for it again.
    pub(super) async fn written(&mut self) -> Option<Landed> {
        if matches!(self.cache, Readiness::Awaited(_)) {
            self.cache_ready().await;
            return None;
        }
        match &mut self.job {
            Job::Writing(job) | Job::Abandoned(job) => Some(job.await),
            Job::Idle | Job::Taken(_) => std::future::pending().await,
        }
    }

    /// Takes note of how a snapshot was written; tells whether it is there.
    pub(super) fn landed(&mut self, core: &mut Core, landed: Option<Landed>) -> bool {
        let Some(landed) = landed else { return false };
        let is_abandoned = matches!(self.job, Job::Abandoned(_));
        self.job = Job::Idle;
        if is_abandoned {
            return false;
        }
        let written = landed.unwrap_or_else(|error| Err(std::io::Error::other(error).into()));
        self.failures = if written.is_ok() { 0 } else { self.failures.saturating_add(1) };
        if let Err(error) = &written {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the state could not be kept; the next opening replays more"
            );
        }
        let shed = self.cold.landed(core.state_mut(), &written);
        // Thousands of runs take their time to be dropped.
        drop(spawn_blocking(move || drop(shed)));
        written.is_ok()
    }

    /// Up to where records can be dropped and the next opening still finds a checkpoint.
    pub(super) fn kept_upto(&self, durable: Seq) -> Seq {
        let is_kept = self.every > 0 && !matches!(self.cache, Readiness::Absent);
        if is_kept { self.cold.at() } else { durable }
    }

    /// Forgets the runs that had ended in front of a record, which retention drops.
    pub(super) fn forget(&mut self, first: Seq, before: Timestamp) {
        self.cold.forget(first, before);
    }

    /// Keeps the state once more before the journal is closed, if that is worth it.
    ///
    /// # Cancel safety
    /// What was not written is replayed by the next opening.
    pub(super) async fn finish(&mut self, core: &mut Core, now: Timestamp) {
        let finished = within(FINISH_MAX, async {
            self.write_all(core).await;
            if self.is_worth_it(core) {
                self.await_cache();
                self.cache_ready().await;
                let head = core.state().head();
                self.begin(core, head, now);
                self.write_all(core).await;
            }
        });
        if finished.await.is_none() {
            tracing::warn!("the state was not kept in time; the next opening replays more");
        }
    }

    /// Waits for the snapshot under way; everything is durable.
    async fn write_all(&mut self, core: &mut Core) {
        self.keep_taken();
        while matches!(self.job, Job::Writing(_) | Job::Abandoned(_)) {
            let landed = self.written().await;
            self.landed(core, landed);
        }
    }

    fn keep_taken(&mut self) {
        if let Job::Taken(snapshot) = std::mem::replace(&mut self.job, Job::Idle) {
            let store = Arc::clone(&self.store);
            self.job = Job::Writing(spawn_blocking(move || snapshot.write(store.as_ref())));
        }
    }
}

/// Brings what a command wants back into memory.
///
/// # Errors
/// [`Lost`] if the cache is not what the checkpoint relied on.
pub(crate) fn bring_for(
    core: &mut Core,
    cold: &mut Cold,
    store: &dyn Store,
    command: &Command,
    now: Timestamp,
) -> Result<(), Lost> {
    match command.wants() {
        Some(Wanted::Run(run)) => {
            cold.bring(core.state_mut(), store, run)?;
        }
        Some(Wanted::Late(run)) if !core.state().holds(run) => {
            cold.bring(core.state_mut(), store, run)?;
        }
        Some(Wanted::Newest(key)) => {
            cold.bring_key(core.state_mut(), store, &key)?;
        }
        Some(Wanted::Due) if has_room(core, now) => {
            cold.bring_due(core.state_mut(), store, now, DUE_RUNS_MAX)?;
        }
        Some(Wanted::Misfits) => {
            let registry = Arc::clone(core.registry());
            let is_misfit = |graph: &Manifest| registry.find(graph).is_err();
            cold.bring_graphs(core.state_mut(), store, is_misfit)?;
        }
        Some(Wanted::Late(_) | Wanted::Due) | None => {}
    }
    Ok(())
}

/// Whether more steps may be brought back that could start now.
fn has_room(core: &Core, now: Timestamp) -> bool {
    core.state().backlog(now, BACKLOG_MAX) < BACKLOG_MAX
}

/// Doublings of the records between two snapshots, as long as none can be written.
const PATIENCE_MAX: u32 = 10;
/// Records that may be made while a moment is awaited in which everything is durable.
const SLACK_RECORDS: u64 = 1_024;
/// Runs that come back at a time.
const DUE_RUNS_MAX: usize = 256;
/// Steps that could start now beyond which no others come back.
const BACKLOG_MAX: usize = 2_048;
/// A checkpoint in a quiet moment pays from this share of the records on.
const QUIET_SHARE: u64 = 50;
/// Longest time that a shutdown spends on keeping the state.
const FINISH_MAX: Duration = Duration::from_secs(10);
