//! Opening: fold what the journal says, then hand the state to the driver.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use resurge_journal::checkpoint::{Cold, Habits, RecoverError, recover};
use resurge_journal::state::{Run, RunPhase};
use resurge_journal::store::Store;
use resurge_journal::{RunId, State};
use resurge_steps::classify::Rules;
use tokio::sync::{mpsc, oneshot};

use super::ambient::{World, real_now, spawn, spawn_blocking};
use super::driver::{Driver, Wiring};
use super::feed::Feed;
use super::message::Message;
use crate::core::{Core, Registry};
use crate::settings::Settings;

/// What an engine is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) settings: Settings,
    pub(crate) world: Arc<World>,
    pub(crate) scratch_root: PathBuf,
    pub(crate) rules: Rules,
}

/// What handles hold of an engine that runs.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) inbox: mpsc::Sender<Message>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) obituary: Arc<OnceLock<String>>,
    /// How long it took to fold what the journal says.
    pub(crate) replay: Duration,
    /// Tells the driver, when dropped, that no handle is left.
    pub(crate) alive: oneshot::Sender<()>,
}

/// Why a journal could not be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error(transparent)]
    Records(#[from] RecoverError),
    #[error("replay panicked; please report this with the journal")]
    Panicked,
    #[error("the journal failed while the engine took it over: {0}")]
    Recovery(String),
}

/// Replays the journal, settles what the last engine left behind, and starts the driver.
pub(crate) async fn open(parts: Parts) -> Result<Opened, ReplayError> {
    let Parts { store, registry, settings, world, scratch_root, rules } = parts;
    let (state, cold, store, replay) = {
        let scratch_root = scratch_root.clone();
        let (every, far) = (settings.checkpoint_records, settings.rest_after);
        let replayed = spawn_blocking(move || {
            let began = real_now();
            let habits = Habits { every, far, stays: &Core::stays };
            let (state, cold) = recover(store.as_ref(), &habits)?;
            let replay = began.elapsed();
            sweep_scratch(&scratch_root, &state, &cold, store.as_ref());
            Ok::<_, ReplayError>((state, cold, store, replay))
        });
        replayed.await.map_err(|_| ReplayError::Panicked)??
    };

    // A clock that was set back since would make every wait longer by as much.
    world.not_before(state.last_at());

    let (inbox, messages) = mpsc::channel(INBOX_MESSAGES_MAX);
    let (alive, handles) = oneshot::channel();
    let feed = Arc::new(Feed::new(state.head()));
    let obituary = Arc::new(OnceLock::new());
    let wiring = Wiring {
        world,
        store,
        cold,
        feed: Arc::clone(&feed),
        sender: inbox.downgrade(),
        inbox: messages,
        handles,
        scratch_root,
        obituary: Arc::clone(&obituary),
        rules,
    };
    let driver = Driver::new(Core::new(state, registry, settings), wiring);
    let (recovered, recovery) = oneshot::channel();
    spawn(driver.run(recovered));
    if recovery.await.is_err() {
        return Err(ReplayError::Recovery(obituary.get().cloned().unwrap_or_default()));
    }
    Ok(Opened { inbox, feed, obituary, replay, alive })
}

/// Removes the scratch files of runs that are over; what cannot be removed is left for next time.
fn sweep_scratch(root: &Path, state: &State, cold: &Cold, store: &dyn Store) {
    let entries = std::fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
    for entry in entries {
        let run = entry.file_name().to_str().map(str::parse::<RunId>);
        // What has no name in it was not made by an engine.
        let Some(run) = run else { continue };
        let is_left = run.is_ok_and(|run| is_kept(run, state, cold, store));
        if !is_left {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether a run may still go on from its scratch files; one that failed may be reopened.
fn is_kept(run: RunId, state: &State, cold: &Cold, store: &dyn Store) -> bool {
    let may_go_on =
        |run: &Run| !matches!(run.phase, RunPhase::Succeeded | RunPhase::Cancelled { .. });
    match state.run(run) {
        Some(run) => may_go_on(run),
        None => match cold.peek(store, run) {
            Ok(found) => found.is_some_and(|run| may_go_on(&run)),
            Err(_) => true,
        },
    }
}

const INBOX_MESSAGES_MAX: usize = 1_024;
