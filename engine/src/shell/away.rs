//! Runs that have left memory: who wants them, and how they are read.

use std::sync::Arc;

use resurge_journal::checkpoint::{Cold, Lost};
use resurge_journal::manifest::Manifest;
use resurge_journal::state::Run;
use resurge_journal::store::Store;
use resurge_journal::{RunId, RunKey, Timestamp};

use crate::core::{Core, Wanted};

/// Whether what is wanted has left memory, or may have.
pub(super) fn is_away(core: &Core, cold: &Cold, wanted: &Wanted, now: Timestamp) -> bool {
    if cold.is_empty() {
        return false;
    }
    let state = core.state();
    match wanted {
        Wanted::Run(run) => state.run(*run).is_none_or(|run| {
            let key = run.started.key.as_ref();
            key.is_some_and(|key| state.run_by_key(key).is_none())
        }),
        Wanted::Late(run) => !state.holds(*run),
        Wanted::Newest(key) => state.run_by_key(key).is_none(),
        Wanted::Due => cold.next_due().is_some_and(|at| at <= now) && has_room(core, now),
        Wanted::Misfits => cold.may_have(|graph| is_misfit(core, graph)),
    }
}

/// Brings what is wanted back into memory.
///
/// # Errors
/// [`Lost`] if the cache is not what the checkpoint relied on.
pub(crate) fn bring(
    core: &mut Core,
    cold: &mut Cold,
    store: &dyn Store,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<(), Lost> {
    match wanted {
        Wanted::Run(run) => {
            cold.bring(core.state_mut(), store, *run)?;
        }
        Wanted::Late(run) if !core.state().holds(*run) => {
            cold.bring(core.state_mut(), store, *run)?;
        }
        Wanted::Newest(key) => {
            cold.bring_key(core.state_mut(), store, key)?;
        }
        Wanted::Due if has_room(core, now) => {
            cold.bring_due(core.state_mut(), store, now, DUE_RUNS_MAX)?;
        }
        Wanted::Misfits => {
            let registry = Arc::clone(core.registry());
            let is_misfit = |graph: &Manifest| registry.find(graph).is_err();
            cold.bring_graphs(core.state_mut(), store, is_misfit)?;
        }
        Wanted::Late(_) | Wanted::Due => {}
    }
    Ok(())
}

/// Looks at runs wherever they are, and brings none of them back: the one that is wanted, and
/// behind it whoever has its key.
///
/// # Errors
/// [`Lost`] if the cache is not what the checkpoint relied on.
pub(super) fn look(
    core: &Core,
    cold: &Cold,
    store: &dyn Store,
    wanted: &Wanted,
) -> Result<Vec<Arc<Run>>, Lost> {
    match wanted {
        Wanted::Run(run) | Wanted::Late(run) => {
            let Some(run) = run_of(core, cold, store, *run)? else { return Ok(Vec::new()) };
            let holder = match &run.started.key {
                Some(key) => newest_of(core, cold, store, key)?,
                None => None,
            };
            let other = holder.filter(|holder| holder.id != run.id);
            Ok([run].into_iter().chain(other).collect())
        }
        Wanted::Newest(key) => Ok(newest_of(core, cold, store, key)?.into_iter().collect()),
        Wanted::Due | Wanted::Misfits => Ok(Vec::new()),
    }
}

fn run_of(
    core: &Core,
    cold: &Cold,
    store: &dyn Store,
    run: RunId,
) -> Result<Option<Arc<Run>>, Lost> {
    match core.state().shared_run(run) {
        Some(run) => Ok(Some(run)),
        None => cold.peek(store, run),
    }
}

fn newest_of(
    core: &Core,
    cold: &Cold,
    store: &dyn Store,
    key: &RunKey,
) -> Result<Option<Arc<Run>>, Lost> {
    match core.state().run_by_key(key) {
        Some(run) => Ok(core.state().shared_run(run.id)),
        None => cold.peek_key(store, key),
    }
}

fn is_misfit(core: &Core, graph: &Manifest) -> bool {
    core.registry().find(graph).is_err()
}

/// Whether more steps may be brought back that could start now.
pub(super) fn has_room(core: &Core, now: Timestamp) -> bool {
    core.state().backlog(now, BACKLOG_MAX) < BACKLOG_MAX
}

/// Runs that come back at a time.
const DUE_RUNS_MAX: usize = 256;
/// Steps that could start now beyond which no others come back.
const BACKLOG_MAX: usize = 2_048;
