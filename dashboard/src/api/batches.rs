//! The same for many operations.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::StreamExt;
use resurge::{Control, ControlError, Engine, RunId};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::actor::{Actor, reason};
use super::body::{Path, Sent, object};
use super::controls::Verb;
use super::operation::operation;
use super::operations::checked;
use super::problem::{Problem, code};
use crate::dashboard::App;
use crate::guard::read_only;
use crate::view::{Entry, Filter, Sort, redact};

/// Batches that are under way, and the newest ones that are done.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    known: Mutex<VecDeque<Arc<Batch>>>,
}

#[derive(Debug)]
struct Batch {
    id: String,
    progress: Mutex<Progress>,
    /// True once nothing more is to be done; gone with the dashboard.
    stop: watch::Sender<bool>,
}

/// How far a batch is.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = BatchProgress)]
pub(super) struct Progress {
    /// Operations that it is for.
    matched: usize,
    /// Those that were asked, whether or not they could.
    done: usize,
    /// Why some could not, by their id; of the first 1,000.
    refused: BTreeMap<String, String>,
    /// Whether nothing follows.
    finished: bool,
    /// Whether it ended before all were asked.
    stopped: bool,
    /// Why it ended early, unless somebody stopped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BatchOrder)]
pub(super) struct Order {
    #[serde(deserialize_with = "object")]
    filter: Which,
    /// What to ask of each.
    action: Verb,
    /// Why, for the journal; at most 1,024 bytes.
    reason: Option<String>,
    /// Whether delays and the deadline stand still during a pause as well.
    #[serde(default)]
    freeze_timers: bool,
    /// Time over which they are spread, so that not all come at once; at most an hour.
    #[serde(default)]
    #[schema(maximum = 3_600_000)]
    jitter_ms: u64,
    /// Only tell how many there are.
    #[serde(default)]
    dry_run: bool,
}

/// Which operations; everything that is given must fit.
///
/// Without `ids` only those are meant that can do what is asked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = BatchFilter)]
struct Which {
    /// Statuses with commas between them; `waiting` is any that waits for something.
    state: Option<String>,
    /// The workflow.
    workflow: Option<String>,
    /// The class of the last failure, or its group.
    error: Option<String>,
    /// The host or other resource that it waits for or failed on: its key, or what people call it.
    host: Option<String>,
    /// Part of the name, the workflow or the error, or the beginning of the id, in any case.
    q: Option<String>,
    /// These and no others.
    ids: Option<Vec<String>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Accepted {
    /// The batch, to ask how far it is; left out if it was only a question.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    /// Operations that it is for.
    matched: usize,
    /// Their ids, of the first 1,000, if it was only a question: sent as `ids` of the filter they are
    /// asked whatever fits meanwhile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ids: Vec<String>,
}

/// Asks the same of every operation that fits, in the background.
#[utoipa::path(post, path = "/api/v1/batches", tag = "batches", request_body = Order,
    responses((status = 200, body = Accepted, description = "So many would be asked"),
        (status = 202, body = Accepted)))]
pub(super) async fn start(
    State(app): State<Arc<App>>,
    Actor(actor): Actor,
    Sent(order): Sent<Order>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    if app.read_only && !order.dry_run {
        return Err(read_only());
    }
    let jitter = Duration::from_millis(order.jitter_ms);
    if jitter > JITTER_MAX {
        return Err(Problem::new(&code::INVALID, "operations are spread over an hour at most")
            .remedy("send a smaller `jitter_ms`"));
    }
    let reason = reason(order.reason)?;
    let runs = find(&app, order.filter, order.action).await?;
    let matched = runs.len();
    if order.dry_run {
        let ids = runs.iter().take(IDS_MAX).map(ToString::to_string).collect();
        return Ok((StatusCode::OK, Json(Accepted { batch: None, matched, ids })));
    }
    let (batch, stop) = app.batches.begin(matched)?;
    let work = Work {
        engine: app.engine.clone(),
        batch: Ending(Arc::clone(&batch)),
        control: order.action.control(order.freeze_timers),
        actor,
        reason,
    };
    let plan = staggered(&batch.id, runs, jitter);
    tokio::spawn(work.carry_out(plan, stop));
    Ok((
        StatusCode::ACCEPTED,
        Json(Accepted { batch: Some(batch.id.clone()), matched, ids: Vec::new() }),
    ))
}

/// How far a batch is.
#[utoipa::path(get, path = "/api/v1/batches/{id}", tag = "batches",
    params(("id" = String, Path, description = "The batch")),
    responses((status = 200, body = Progress)))]
pub(super) async fn progress(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Progress>, Problem> {
    Ok(Json(app.batches.find(&id)?.progress().clone()))
}

/// Stops a batch: what was asked already stays asked.
#[utoipa::path(delete, path = "/api/v1/batches/{id}", tag = "batches",
    params(("id" = String, Path, description = "The batch")),
    responses((status = 202, body = Progress)))]
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Progress>), Problem> {
    let batch = app.batches.find(&id)?;
    batch.stop.send_replace(true);
    let progress = batch.progress().clone();
    Ok((StatusCode::ACCEPTED, Json(progress)))
}

/// The operations that are meant, in the order in which they were started.
async fn find(app: &App, which: Which, verb: Verb) -> Result<Vec<RunId>, Problem> {
    let Which { state, workflow, error, host, q, ids } = which;
    let filter = checked(Filter { state, workflow, error, host, q })?;
    let picked: Option<BTreeSet<RunId>> =
        ids.map(|ids| ids.iter().map(|id| operation(id)).collect()).transpose()?;
    let board = app.fresh_board().await?;
    let scene = board.scene();
    let (_, fitting) = scene.sift(&filter, Sort::Oldest);
    let is_meant = |entry: &&&Entry| match &picked {
        Some(picked) => picked.contains(&entry.id),
        None => entry.row.can.iter().any(|can| can == verb.name()),
    };
    Ok(fitting.iter().filter(is_meant).map(|entry| entry.id).collect())
}

/// When each operation has its turn: evenly, with a little luck, which is the same for the same batch.
fn staggered(batch: &str, runs: Vec<RunId>, over: Duration) -> Vec<(Duration, RunId)> {
    let Ok(count) = u32::try_from(runs.len().max(1)) else { return Vec::new() };
    let share = over / count;
    let turn = |(place, run): (u32, RunId)| {
        let luck = blake3::hash(format!("{batch}/{run}").as_bytes());
        let [luck, ..] = luck.as_bytes();
        (share * place + share * u32::from(*luck) / 256, run)
    };
    (0..).zip(runs).map(turn).collect()
}

/// What a batch has to do.
struct Work {
    engine: Engine,
    batch: Ending,
    control: Control,
    actor: String,
    reason: String,
}

impl Work {
    /// Asks several at once, so that one flush of the journal serves them all.
    async fn carry_out(self, plan: Vec<(Duration, RunId)>, mut stop: watch::Receiver<bool>) {
        let began = Instant::now();
        let turns = futures_util::stream::iter(plan).then(|(turn, run)| async move {
            tokio::time::sleep_until(began + turn).await;
            run
        });
        // A dashboard that is gone stops it as well.
        let stopped = async move { drop(stop.wait_for(|is_stopped| *is_stopped).await) };
        let asked = turns.take_until(stopped).map(|run| self.ask(run)).buffer_unordered(AT_ONCE);
        asked.for_each(|()| std::future::ready(())).await;
    }

    async fn ask(&self, run: RunId) {
        let (actor, reason) = (self.actor.as_str(), self.reason.as_str());
        let asked = self.engine.control(run, self.control.clone(), actor, reason).await;
        let batch = &self.batch.0;
        let mut progress = batch.progress();
        match asked {
            Err(ControlError::Unavailable(gone)) => {
                progress.error = Some(redact::text(&gone.to_string()).into_owned());
                batch.stop.send_replace(true);
                return;
            }
            Err(refused) if progress.refused.len() < REFUSED_MAX => {
                let why = redact::text(&refused.to_string()).into_owned();
                progress.refused.insert(run.to_string(), why);
            }
            _ => {}
        }
        progress.done += 1;
    }
}

/// A batch that is under way, until this is dropped.
#[derive(Debug)]
struct Ending(Arc<Batch>);

impl Drop for Ending {
    fn drop(&mut self) {
        let mut progress = self.0.progress();
        progress.finished = true;
        progress.stopped = progress.done < progress.matched;
    }
}

impl Batches {
    fn begin(&self, matched: usize) -> Result<(Arc<Batch>, watch::Receiver<bool>), Problem> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = known.iter().filter(|batch| !batch.progress().finished).count();
        if under_way >= UNDER_WAY_MAX {
            return Err(Problem::new(&code::TOO_MANY_REQUESTS, "too many batches are under way")
                .retry_after(Duration::from_secs(5))
                .remedy("wait for one of them, or stop one"));
        }
        if known.len() >= KNOWN_MAX {
            let oldest = known.iter().position(|batch| batch.progress().finished);
            oldest.and_then(|oldest| known.remove(oldest));
        }
        let (stop, stopped) = watch::channel(false);
        // One that was told before a restart must not be taken for another.
        let luck = getrandom::u64().map_err(|error| {
            Problem::new(&code::INTERNAL, format!("no id can be drawn: {error}"))
                .remedy("see whether the system gives random bytes")
        })?;
        let id = format!("{luck:016x}");
        let progress = Mutex::new(Progress { matched, ..Progress::default() });
        let batch = Arc::new(Batch { id, progress, stop });
        known.push_back(Arc::clone(&batch));
        Ok((batch, stopped))
    }

    fn find(&self, id: &str) -> Result<Arc<Batch>, Problem> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|batch| batch.id == id).cloned().ok_or_else(|| {
            Problem::new(&code::NOT_FOUND, "there is no such batch, or it ended long ago")
                .remedy("look at the operations instead")
        })
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        let known = self.known.get_mut().unwrap_or_else(PoisonError::into_inner);
        for batch in known {
            batch.stop.send_replace(true);
        }
    }
}

impl Batch {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const JITTER_MAX: Duration = Duration::from_secs(60 * 60);
const UNDER_WAY_MAX: usize = 8;
const KNOWN_MAX: usize = 64;
/// Operations that are asked at the same time.
const AT_ONCE: usize = 16;
const IDS_MAX: usize = 1_000;
const REFUSED_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_in_order_within_the_time() {
        let id = |n: u8| format!("01940000-0000-7000-8000-0000000000{n:02x}").parse().ok();
        let runs: Vec<RunId> = (0..100).filter_map(id).collect();
        assert_eq!(runs.len(), 100);
        let over = Duration::from_secs(10);
        let plan = staggered("1", runs.clone(), over);
        assert!(plan.is_sorted());
        assert!(plan.iter().all(|(turn, _)| *turn < over));
        assert!(plan.iter().any(|(turn, _)| *turn > over * 9 / 10));
        assert_ne!(plan, staggered("2", runs.clone(), over), "another batch, another luck");
        let at_once = staggered("1", runs.clone(), Duration::ZERO);
        assert!(at_once.iter().all(|(turn, _)| turn.is_zero()));
        assert_eq!(at_once.into_iter().map(|(_, run)| run).collect::<Vec<_>>(), runs);
        assert_eq!(staggered("1", Vec::new(), over), []);
    }

    #[test]
    fn whatever_ends_a_batch_frees_its_place() {
        let batches = Batches::default();
        let begin = || batches.begin(1).map(|(batch, _)| Ending(batch)).ok();
        let mut under_way: Vec<Ending> = (0..UNDER_WAY_MAX).filter_map(|_| begin()).collect();
        assert_eq!(under_way.len(), UNDER_WAY_MAX);
        assert!(begin().is_none());
        let ended = under_way.pop().map(|ending| Arc::clone(&ending.0));
        assert!(begin().is_some());
        let progress = ended.map(|batch| batch.progress().clone());
        let is_told = |progress: Progress| progress.finished && progress.stopped;
        assert!(progress.is_some_and(is_told), "it has not asked the one that it is for");
    }
}
