//! From a store to the state: the last checkpoint and what came after it, or everything.

use super::cold::Cold;
use super::image;
use super::lookup::Lost;
use crate::event::Event;
use crate::id::Seq;
use crate::record::Record;
use crate::state::{IllegalTransition, State};
use crate::store::{ReadError, Store};

/// Why records do not add up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// A record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record does not fit those before it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
}

/// Why a checkpoint is of no use.
#[derive(Debug, thiserror::Error)]
enum Useless {
    #[error("there is no checkpoint, or it is damaged or of another release")]
    None,
    #[error(transparent)]
    Lost(#[from] Lost),
    #[error(transparent)]
    Records(#[from] RecoverError),
}

/// What the records add up to, from the last checkpoint on if it is of any use.
///
/// Blocks on the disk.
///
/// # Errors
/// [`RecoverError`] if the journal is damaged.
pub fn recover(store: &dyn Store) -> Result<(State, Cold), RecoverError> {
    match from_checkpoint(store) {
        Ok(recovered) => Ok(recovered),
        Err(_) => Ok((replay(store)?, Cold::none())),
    }
}

/// What the records add up to, from the first one on.
///
/// # Errors
/// [`RecoverError`] if the journal is damaged.
pub fn replay(store: &dyn Store) -> Result<State, RecoverError> {
    replay_to(store, store.head())
}

/// What the records up to a position add up to.
///
/// # Errors
/// [`RecoverError`] if the journal is damaged.
pub fn replay_to(store: &dyn Store, last: Seq) -> Result<State, RecoverError> {
    let mut state = State::new();
    for record in store.scan(Seq::new(1)) {
        if state.head() >= last {
            break;
        }
        state.apply(&record?)?;
    }
    Ok(state)
}

fn from_checkpoint(store: &dyn Store) -> Result<(State, Cold), Useless> {
    let (at, image) = store.load_checkpoint().ok_or(Useless::None)?;
    if at > store.head() {
        return Err(Useless::None);
    }
    let (mut state, mut cold) = image::decode(at, &image).ok_or(Useless::None)?;
    for record in store.scan(at.next()) {
        let record = record.map_err(RecoverError::from)?;
        bring_for(&record, &mut state, &mut cold, store)?;
        state.apply(&record).map_err(RecoverError::from)?;
    }
    Ok((state, cold))
}

/// Makes sure that the run which a record speaks of is in memory.
fn bring_for(
    record: &Record,
    state: &mut State,
    cold: &mut Cold,
    store: &dyn Store,
) -> Result<(), Lost> {
    let Some(run) = record.run.filter(|run| !state.holds(*run)) else { return Ok(()) };
    if matches!(record.event, Event::RunStarted(_)) {
        return Ok(());
    }
    let is_there = cold.bring_to_change(state, store, run)?;
    if is_there { Ok(()) } else { Err(Lost::Missing { run }) }
}
