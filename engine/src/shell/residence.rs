//! Which runs are in memory: what rests leaves it with a checkpoint, and comes back when it is
//! wanted.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::checkpoint::{Cold, Listing, Lost, Resting, Snapshot, Written};
use resurge_journal::state::Run;
use resurge_journal::store::{CacheError, Store};
use resurge_journal::{Seq, Timestamp};
use tokio::task::{JoinError, JoinHandle};

use super::ambient::{spawn_blocking, within};
use super::away::{bring, has_room, is_away, look};
use super::reach::{News, Reach, Reached, Unreadable};
use crate::core::{Core, Wanted};
use crate::settings::Settings;

/// Which runs are in memory.
#[derive(Debug)]
pub(super) struct Residence {
    store: Arc<dyn Store>,
    cold: Cold,
    reach: Reach,
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
enum Job {
    Idle,
    /// Waits until everything in it is durable.
    Taken(Box<Snapshot>),
    Writing(JoinHandle<Result<Written, CacheError>>),
    /// What comes of it is of no interest any more.
    Abandoned(JoinHandle<Result<Written, CacheError>>),
}

/// Something that was waited for.
#[derive(Debug)]
pub(super) enum Landed {
    Written(Result<Result<Written, CacheError>, JoinError>),
    Reached(Reached),
}

/// What can be done after something has landed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    None,
    /// There is a new checkpoint.
    Kept,
    /// What could not be read before can be asked for again.
    Readable,
}

impl Residence {
    pub(super) fn new(store: Arc<dyn Store>, cold: Cold, settings: &Settings) -> Self {
        let mut residence = Self {
            last: cold.at(),
            failures: 0,
            reach: Reach::new(Arc::clone(&store)),
            store,
            cold,
            job: Job::Idle,
            recorded_at: None,
            every: settings.checkpoint_records,
            quiet: settings.checkpoint_quiet,
            rest_after: settings.rest_after,
        };
        if !residence.cold.is_empty() {
            residence.reach.begin();
        }
        residence
    }

    /// Brings what is wanted back into memory; false if it cannot be read yet, and is to be asked
    /// for again once [`landed`](Self::landed) says so.
    pub(super) fn bring(&mut self, core: &mut Core, wanted: &Wanted, now: Timestamp) -> bool {
        if !is_away(core, &self.cold, wanted, now) {
            return true;
        }
        if !self.reach.is_ready() {
            return false;
        }
        let brought = bring(core, &mut self.cold, self.store.as_ref(), wanted, now);
        self.learn(brought).is_some()
    }

    /// Looks at runs wherever they are, and brings none of them back: the one that is wanted, and
    /// behind it whoever has its key. None if they cannot be read yet, as with
    /// [`bring`](Self::bring).
    pub(super) fn peek(
        &mut self,
        core: &Core,
        wanted: &Wanted,
        now: Timestamp,
    ) -> Option<Vec<Arc<Run>>> {
        let is_away = is_away(core, &self.cold, wanted, now);
        if is_away && !self.reach.is_ready() {
            return None;
        }
        let found = look(core, &self.cold, self.store.as_ref(), wanted);
        if is_away { self.learn(found) } else { found.ok() }
    }

    /// Learns from what the cache has said whether it is of use.
    fn learn<T>(&mut self, said: Result<T, Lost>) -> Option<T> {
        match said {
            Ok(said) => {
                self.reach.worked();
                Some(said)
            }
            Err(lost) => {
                self.lose(&lost);
                None
            }
        }
    }

    /// Runs that have left memory cannot be read, or are lost.
    fn lose(&mut self, lost: &Lost) {
        if !self.cold.is_empty() && self.reach.failed(lost, self.cold.at()) {
            // What was on its way to the cache stays with those that are lost.
            self.job = match std::mem::replace(&mut self.job, Job::Idle) {
                Job::Writing(job) | Job::Abandoned(job) => Job::Abandoned(job),
                Job::Idle | Job::Taken(_) => Job::Idle,
            };
        }
    }

    /// Whether all runs that have left memory can be read, as with [`bring`](Self::bring).
    ///
    /// `trouble` is what somebody met who has read an earlier list.
    pub(super) fn can_list(&mut self, trouble: Option<&Lost>) -> bool {
        if let Some(lost) = trouble {
            self.lose(lost);
        }
        self.cold.is_empty() || self.reach.is_ready()
    }

    /// All runs that have left memory, if there are any.
    pub(super) fn listing(&self) -> Option<Listing> {
        (!self.cold.is_empty()).then(|| self.cold.listing())
    }

    /// When something becomes due, in memory or not.
    pub(super) fn wake_at(&self, core: &Core, now: Timestamp) -> Option<Timestamp> {
        let next = self.cold.next_due().filter(|_| self.reach.is_steady());
        let next = next.filter(|at| *at > now || has_room(core, now));
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
        let is_idle = self.reach.may_keep() && matches!(self.job, Job::Idle) && self.failures == 0;
        let recorded_at = self.recorded_at.filter(|_| is_idle && self.is_worth_it(core))?;
        Some(recorded_at.after(self.quiet))
    }

    /// Takes a snapshot if it is time for one, and has it written once it is durable.
    ///
    /// True if it is time for one and this store has no place for it.
    pub(super) fn keep(&mut self, core: &mut Core, durable: Seq, now: Timestamp) -> bool {
        if self.reach.is_absent() {
            let is_due = self.every > 0 && self.since(core) >= self.every;
            self.last = if is_due { core.state().head() } else { self.last };
            return is_due;
        }
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
        false
    }

    fn is_due(&self, core: &Core, durable: Seq, now: Timestamp) -> bool {
        if self.every == 0 || self.reach.is_absent() {
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
        if self.reach.is_steady() {
            self.take(core, durable, now);
        } else {
            self.reach.begin();
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

    /// Waits for the cache, or for the snapshot that is being written.
    ///
    /// # Cancel safety
    /// Safe: the work goes on, and the next call waits for it again.
    pub(super) async fn next(&mut self) -> Landed {
        tokio::select! {
            biased;
            reached = self.reach.reached() => Landed::Reached(reached),
            written = written(&mut self.job) => Landed::Written(written),
        }
    }

    /// Takes note of what was waited for; tells what can be done now.
    ///
    /// # Errors
    /// [`Unreadable`] if runs are lost, and the journal that says the same is damaged.
    pub(super) fn landed(&mut self, core: &mut Core, landed: Landed) -> Result<Turn, Unreadable> {
        match landed {
            Landed::Written(written) => {
                Ok(if self.wrote(core, written) { Turn::Kept } else { Turn::None })
            }
            Landed::Reached(reached) => self.reached(core, reached),
        }
    }

    fn reached(&mut self, core: &mut Core, reached: Reached) -> Result<Turn, Unreadable> {
        match self.reach.note(reached, !self.cold.is_empty())? {
            News::Ready => Ok(Turn::Readable),
            News::Lost(lost) => {
                self.lose(&lost);
                Ok(Turn::None)
            }
            News::Replayed(whole) => {
                self.cold.give_up(core.state_mut(), &whole);
                // Thousands of runs take their time to be dropped.
                drop(spawn_blocking(move || drop(whole)));
                Ok(Turn::Readable)
            }
        }
    }

    /// Takes note of how a snapshot was written; tells whether it is there.
    fn wrote(
        &mut self,
        core: &mut Core,
        written: Result<Result<Written, CacheError>, JoinError>,
    ) -> bool {
        let is_abandoned = matches!(self.job, Job::Abandoned(_));
        self.job = Job::Idle;
        if is_abandoned {
            return false;
        }
        let written = written.unwrap_or_else(|error| Err(std::io::Error::other(error).into()));
        self.failures = if written.is_ok() { 0 } else { self.failures.saturating_add(1) };
        if let Err(error) = &written {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the state could not be kept; the next opening replays more"
            );
        }
        let shed = self.cold.landed(core.state_mut(), &written);
        if let Err(CacheError::Io(error)) = &written
            && error.kind() == ErrorKind::InvalidData
        {
            // It is not the one any more that holds what left memory before.
            self.lose(&Lost::Gone);
        }
        // Thousands of runs take their time to be dropped.
        drop(spawn_blocking(move || drop(shed)));
        written.is_ok()
    }

    /// Up to where records can be dropped and the next opening still finds a checkpoint.
    pub(super) fn kept_upto(&self, durable: Seq) -> Seq {
        let is_kept = self.every > 0 && !self.reach.is_absent();
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
                self.reach.begin();
                while self.reach.is_awaited() {
                    let reached = self.reach.reached().await;
                    // What cannot be read is left for the next opening.
                    let _ = self.reached(core, reached);
                }
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
            let written = written(&mut self.job).await;
            self.wrote(core, written);
        }
    }

    fn keep_taken(&mut self) {
        if let Job::Taken(snapshot) = std::mem::replace(&mut self.job, Job::Idle) {
            let store = Arc::clone(&self.store);
            self.job = Job::Writing(spawn_blocking(move || snapshot.write(store.as_ref())));
        }
    }
}

/// Waits for the snapshot that is being written, for ever if there is none.
async fn written(job: &mut Job) -> Result<Result<Written, CacheError>, JoinError> {
    match job {
        Job::Writing(job) | Job::Abandoned(job) => job.await,
        Job::Idle | Job::Taken(_) => std::future::pending().await,
    }
}

/// Doublings of the records between two snapshots, as long as none can be written.
const PATIENCE_MAX: u32 = 10;
/// Records that may be made while a moment is awaited in which everything is durable.
const SLACK_RECORDS: u64 = 1_024;
/// A checkpoint in a quiet moment pays from this share of the records on.
const QUIET_SHARE: u64 = 50;
/// Longest time that a shutdown spends on keeping the state.
const FINISH_MAX: Duration = Duration::from_secs(10);
