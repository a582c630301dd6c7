//! From a store to the state: the last checkpoint and what came after it, or everything.

use std::fmt;
use std::time::Duration;

use super::cold::Cold;
use super::image;
use super::lookup::Lost;
use super::snapshot::Resting;
use crate::event::Event;
use crate::id::Seq;
use crate::record::Record;
use crate::retention::{BaseError, base};
use crate::state::{IllegalTransition, Run, State};
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
    /// What is left of dropped records is of no use.
    #[error(transparent)]
    Base(#[from] BaseError),
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

/// How the state is kept while a journal is read.
pub struct Habits<'a> {
    /// Records after which the state is kept; 0 is never.
    pub every: u64,
    /// A run that waits for less than this, as of the last record, stays in memory.
    pub far: Duration,
    /// Whether a run stays for another reason.
    pub stays: &'a dyn Fn(&Run) -> bool,
}

impl fmt::Debug for Habits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Habits").field("every", &self.every).finish_non_exhaustive()
    }
}

/// What the records add up to, from the last checkpoint on if it is of any use.
///
/// However long the journal is, no more of it is in memory than an engine would have: the state is
/// kept on the way. Blocks on the disk.
///
/// # Errors
/// [`RecoverError`] if the journal is damaged.
pub fn recover(store: &dyn Store, habits: &Habits<'_>) -> Result<(State, Cold), RecoverError> {
    if let Ok(recovered) = from_checkpoint(store, habits) {
        return Ok(recovered);
    }
    match go_on(store, habits, habits.every, base(store)?, Cold::none()) {
        Ok(recovered) => Ok(recovered),
        Err(Useless::Records(RecoverError::Read(error))) => Err(error.into()),
        // Without the cache, which may be what failed.
        Err(_) => Ok((replay(store)?, Cold::none())),
    }
}

/// What the records add up to, from the first one on, all of it in memory.
///
/// # Errors
/// [`RecoverError`] if the journal is damaged.
pub fn replay(store: &dyn Store) -> Result<State, RecoverError> {
    replay_to(store, store.head())
}

/// What the records up to a position add up to.
///
/// In front of the first record that retention has left there is no other position than the last.
///
/// # Errors
/// [`RecoverError`] if the journal is damaged.
pub fn replay_to(store: &dyn Store, last: Seq) -> Result<State, RecoverError> {
    loop {
        let first = store.first();
        let replayed = fold_to(store, last);
        // Trimmed meanwhile: what was to be read next was dropped.
        if replayed.is_ok() || store.first() == first {
            return replayed;
        }
    }
}

fn fold_to(store: &dyn Store, last: Seq) -> Result<State, RecoverError> {
    let mut state = base(store)?;
    for record in store.scan(state.head().next()) {
        if state.head() >= last {
            break;
        }
        state.apply(&record?)?;
    }
    Ok(state)
}

fn from_checkpoint(store: &dyn Store, habits: &Habits<'_>) -> Result<(State, Cold), Useless> {
    let (at, image) = store.load_checkpoint().ok_or(Useless::None)?;
    if at > store.head() || at.next() < store.first() {
        return Err(Useless::None);
    }
    let (state, mut cold) = image::decode(at, &image).ok_or(Useless::None)?;
    let is_long = store.head().get() - at.get() > habits.every.saturating_mul(LONG_TAIL);
    // What a crash left in the cache may carry the very versions that are given now.
    cold.needs_sweep |= is_long;
    go_on(store, habits, if is_long { habits.every } else { 0 }, state, cold)
}

/// Folds what comes after a state, and lets go of what rests after so many records each.
fn go_on(
    store: &dyn Store,
    habits: &Habits<'_>,
    every: u64,
    mut state: State,
    mut cold: Cold,
) -> Result<(State, Cold), Useless> {
    let mut kept = state.head();
    for record in store.scan(state.head().next()) {
        let record = record.map_err(RecoverError::from)?;
        bring_for(&record, &mut state, &mut cold, store)?;
        if matches!(&record.event, Event::JournalRecovered(event) if event.lost_from.is_some()) {
            // Every open run is in doubt from here on, wherever it is.
            cold.bring_graphs(&mut state, store, |_| true)?;
        }
        state.apply(&record).map_err(RecoverError::from)?;
        if let Event::JournalTrimmed(event) = &record.event {
            cold.forget(event.first, event.before);
        }
        if every > 0 && state.head().get() - kept.get() >= every {
            kept = state.head();
            keep(store, habits, &mut state, &mut cold);
        }
    }
    Ok((state, cold))
}

fn keep(store: &dyn Store, habits: &Habits<'_>, state: &mut State, cold: &mut Cold) {
    if store.cache().is_none() {
        return;
    }
    let (now, durable) = (state.last_at(), state.head());
    let resting = Resting { now, far: habits.far, durable, stays: habits.stays };
    if let Some(snapshot) = cold.snapshot(state, &resting) {
        // What could not be written is back in memory.
        let written = snapshot.write(store);
        cold.landed(state, &written);
    }
}

/// Makes sure that the run which a record speaks of is in memory.
fn bring_for(
    record: &Record,
    state: &mut State,
    cold: &mut Cold,
    store: &dyn Store,
) -> Result<(), Lost> {
    let Some(run) = record.run.filter(|run| !state.holds(*run)) else { return Ok(()) };
    // What changes nothing may speak of a run that is gone.
    if matches!(record.event, Event::RunStarted(_) | Event::LateResultIgnored(_)) {
        return Ok(());
    }
    let is_there = cold.bring_to_change(state, store, run)?;
    // Its beginning may have been lost.
    if is_there || state.is_bereft { Ok(()) } else { Err(Lost::Missing { run }) }
}

/// Times as many records as are usual behind a checkpoint, from which on the state is kept on the
/// way through them.
const LONG_TAIL: u64 = 10;
