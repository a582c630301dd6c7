//! Opening: replay the journal, then hand the state to the driver.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use resurge_journal::state::{IllegalTransition, Run, RunPhase};
use resurge_journal::store::{ReadError, Store};
use resurge_journal::{Seq, State};
use resurge_steps::classify::Rules;
use tokio::sync::{mpsc, oneshot};

use super::ambient::{World, spawn, spawn_blocking};
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
    /// Tells the driver, when dropped, that no handle is left.
    pub(crate) alive: oneshot::Sender<()>,
}

/// Why a journal could not be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    #[error("replay panicked; please report this with the journal")]
    Panicked,
    #[error("the journal failed while the engine took it over: {0}")]
    Recovery(String),
}

/// Replays the journal, settles what the last engine left behind, and starts the driver.
pub(crate) async fn open(parts: Parts) -> Result<Opened, ReplayError> {
    let Parts { store, registry, settings, world, scratch_root, rules } = parts;
    let (state, store) = {
        let scratch_root = scratch_root.clone();
        let replayed = spawn_blocking(move || {
            let state = replay(store.as_ref())?;
            sweep_scratch(&scratch_root, &state);
            Ok::<_, ReplayError>((state, store))
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
    Ok(Opened { inbox, feed, obituary, alive })
}

fn replay(store: &dyn Store) -> Result<State, ReplayError> {
    let mut state = State::new();
    for record in store.scan(Seq::new(1)) {
        state.apply(&record?)?;
    }
    Ok(state)
}

/// Removes the scratch files of runs that are over; what cannot be removed is left for next time.
fn sweep_scratch(root: &Path, state: &State) {
    // A run that failed may be reopened, and go on from what is there.
    let is_over =
        |run: &&Run| matches!(run.phase, RunPhase::Succeeded | RunPhase::Cancelled { .. });
    let open: HashSet<String> =
        state.runs().filter(|run| !is_over(run)).map(|run| run.id.to_string()).collect();
    let entries = std::fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
    for entry in entries {
        if entry.file_name().to_str().is_some_and(|name| !open.contains(name)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

const INBOX_MESSAGES_MAX: usize = 1_024;
