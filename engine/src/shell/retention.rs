//! Drops the oldest records when a limit is exceeded: recorded first, then carried out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use resurge_journal::retention::{Limits, PlanError, Trim, Trimmer};
use resurge_journal::state::Standing;
use resurge_journal::store::{Store, TrimError};
use resurge_journal::{RunId, Seq, Timestamp};
use tokio::task::JoinHandle;

use super::ambient::spawn_blocking;

/// Drops the oldest records when a limit is exceeded.
///
/// It looks when the journal was opened and when a checkpoint has landed, so that an engine without
/// work stays without. All reading and dropping is done by threads that may wait for the disk.
#[derive(Debug)]
pub(super) struct Retention {
    store: Arc<dyn Store>,
    /// Where runs have their scratch files.
    scratch_root: PathBuf,
    /// Away while a plan is made.
    trimmer: Option<Trimmer>,
    job: Job,
    /// Whether something has changed since the last look.
    is_due: bool,
    /// Ends a plan under way.
    is_stopped: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Job {
    Idle,
    Planning(JoinHandle<Planned>),
    /// Waits until this record is durable.
    Recorded(Box<Trim>, Seq),
    Trimming(JoinHandle<Result<Trimmed, TrimError>>),
}

/// What was carried out.
#[derive(Debug)]
struct Trimmed {
    first: Seq,
    /// Dropped runs that have left scratch files behind.
    littered: Vec<RunId>,
}

/// What has become of what was waited for.
#[derive(Debug)]
pub(super) enum Looked {
    /// There is nothing to be done.
    Done,
    /// This is to be recorded.
    Planned(Trim),
    /// The scratch files of these runs are of no use any more.
    Trimmed(Vec<RunId>),
}

type Planned = (Trimmer, Result<Option<Trim>, PlanError>);

impl Retention {
    pub(super) fn new(store: Arc<dyn Store>, scratch_root: PathBuf, limits: Limits) -> Self {
        let trimmer = Some(Trimmer::new(limits));
        Self {
            store,
            scratch_root,
            trimmer,
            job: Job::Idle,
            is_due: true,
            is_stopped: Arc::default(),
        }
    }

    /// Looks again when there is time.
    pub(super) const fn look(&mut self) {
        self.is_due = true;
    }

    /// Whether a look has to be taken now.
    pub(super) const fn is_due(&self) -> bool {
        self.is_due && matches!(self.job, Job::Idle)
    }

    /// Has it worked out whether anything is to be dropped in front of a position.
    pub(super) fn plan(&mut self, standing: Standing, upto: Seq, now: Timestamp) {
        self.is_due = false;
        let Some(mut trimmer) = self.trimmer.take() else { return };
        let (store, is_stopped) = (Arc::clone(&self.store), Arc::clone(&self.is_stopped));
        self.job = Job::Planning(spawn_blocking(move || {
            let is_stopped = || is_stopped.load(Ordering::Relaxed);
            let plan = trimmer.plan(store.as_ref(), &standing, now, upto, &is_stopped);
            (trimmer, plan)
        }));
    }

    /// Waits for the plan that is being made, or the trim that is carried out; for ever if there is
    /// none.
    ///
    /// # Cancel safety
    /// Safe: the work goes on, and the next call waits for it again.
    pub(super) async fn next(&mut self) -> Looked {
        match &mut self.job {
            Job::Planning(job) => {
                let planned = job.await;
                self.job = Job::Idle;
                match planned {
                    Ok((trimmer, plan)) => {
                        self.trimmer = Some(trimmer);
                        plan.map_or_else(
                            |error| warn_of(&error),
                            |plan| plan.map_or(Looked::Done, Looked::Planned),
                        )
                    }
                    Err(panic) => {
                        let error = &panic as &dyn std::error::Error;
                        tracing::error!(error, "nothing is dropped from the journal any more");
                        Looked::Done
                    }
                }
            }
            Job::Trimming(job) => {
                let trimmed = job.await;
                self.job = Job::Idle;
                match trimmed {
                    Ok(Ok(Trimmed { first, littered })) => {
                        tracing::info!("the journal begins with record {first} now");
                        Looked::Trimmed(littered)
                    }
                    Ok(Err(error)) => warn_of(&error),
                    Err(error) => warn_of(&error),
                }
            }
            Job::Idle | Job::Recorded(..) => std::future::pending().await,
        }
    }

    /// Keeps a plan until the record that tells of it is durable.
    pub(super) fn recorded(&mut self, plan: Trim, by: Seq) {
        self.job = Job::Recorded(Box::new(plan), by);
    }

    /// Carries out what was recorded, once that is durable.
    pub(super) fn carry_out(&mut self, durable: Seq) {
        match std::mem::replace(&mut self.job, Job::Idle) {
            Job::Recorded(plan, by) if by <= durable => {
                let (store, root) = (Arc::clone(&self.store), self.scratch_root.clone());
                self.job = Job::Trimming(spawn_blocking(move || {
                    let first = plan.event.first;
                    store.trim(first, &plan.residue, &plan.kept)?;
                    Ok(Trimmed { first, littered: littered_by(&plan, &root) })
                }));
            }
            job => self.job = job,
        }
    }

    /// Ends what is under way, without waiting: nobody needs a plan any more, what drops records is
    /// ended by the store as it is closed, and the next opening finishes what was recorded.
    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

/// The runs that a trim drops, of those with scratch files.
fn littered_by(plan: &Trim, root: &Path) -> Vec<RunId> {
    let entries = std::fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
    let runs = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    runs.filter(|run| plan.drops(*run)).collect()
}

fn warn_of(error: &(dyn std::error::Error + 'static)) -> Looked {
    tracing::warn!(error, "nothing was dropped from the journal; it is tried again later");
    Looked::Done
}
