//! A store that fails on demand, for tests.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{AppendError, Store, Wrapper};
use crate::id::Seq;
use crate::record::Record;

/// What an append does instead of its work.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// Keeps nothing and fails, as a broken disk does.
    Fail,
    /// Keeps nothing and goes on, as a full disk lets it: this append and those behind it are
    /// [refused](AppendError::NoRoom) until it was asked for room so often, and found some.
    Refuse {
        /// How often: the last of these finds room.
        asked: u64,
    },
    /// Keeps the first so many records and fails, as a disk that breaks in the middle does.
    Tear {
        /// How many records are kept.
        kept: usize,
    },
    /// Keeps everything and fails, as a disk does whose answer is lost.
    FailAfter,
    /// Waits until the gate is opened, then does its work.
    Stall(Gate),
}

/// Wraps a store and breaks chosen appends; the first that fails poisons it, as a disk would.
///
/// One that is refused does not.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    appends: usize,
    faults: BTreeMap<usize, Fault>,
    is_poisoned: bool,
    /// How often room is asked for until there is some; 0 while there is.
    unanswered: u64,
}

impl<S: Store> FaultyStore<S> {
    /// Breaks the appends with these numbers; the first append is 1, empty ones count.
    pub fn new(inner: S, faults: impl IntoIterator<Item = (usize, Fault)>) -> Self {
        let faults = faults.into_iter().collect();
        Self { inner, state: Mutex::new(State { faults, ..State::default() }) }
    }

    /// The store inside.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// How many appends were asked for.
    pub fn appends(&self) -> usize {
        self.state().appends
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self) -> AppendError {
        let source = io::ErrorKind::StorageFull.into();
        AppendError::NoRoom { location: self.location().to_owned(), source }
    }

    fn fail(&self) -> AppendError {
        self.state().is_poisoned = true;
        let source = io::Error::other("made to fail");
        AppendError::Io { location: self.location().to_owned(), source }
    }
}

impl<S: Store> Wrapper for FaultyStore<S> {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        let fault = {
            let mut state = self.state();
            if state.is_poisoned {
                return Err(AppendError::Poisoned);
            }
            state.appends += 1;
            if state.unanswered > 0 {
                drop(state);
                return Err(self.refuse());
            }
            let number = state.appends;
            state.faults.remove(&number)
        };
        match fault {
            None => self.inner.append(expected, batch),
            Some(Fault::Fail) => Err(self.fail()),
            Some(Fault::Refuse { asked }) => {
                self.state().unanswered = asked;
                Err(self.refuse())
            }
            Some(Fault::Tear { kept }) => {
                self.inner.append(expected, batch.get(..kept).unwrap_or(batch))?;
                Err(self.fail())
            }
            Some(Fault::FailAfter) => {
                self.inner.append(expected, batch)?;
                Err(self.fail())
            }
            Some(Fault::Stall(gate)) => {
                gate.wait();
                self.inner.append(expected, batch)
            }
        }
    }

    fn has_room(&self) -> bool {
        self.state().unanswered == 0 && self.inner.has_room()
    }

    fn seek_room(&self) -> bool {
        let mut state = self.state();
        state.unanswered = state.unanswered.saturating_sub(1);
        let is_full = state.unanswered > 0;
        drop(state);
        !is_full && self.inner.seek_room()
    }
}

/// Holds an append back until a test lets it go; a clone is the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    has_arrived: bool,
    is_open: bool,
}

impl Gate {
    /// A gate that is shut.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the append through, now or when it comes.
    pub fn open(&self) {
        self.change(|state| state.is_open = true);
    }

    /// Waits until an append stands before the gate. Blocks the thread.
    pub fn arrived(&self) {
        self.wait_until(|state| state.has_arrived);
    }

    fn wait(&self) {
        self.change(|state| state.has_arrived = true);
        self.wait_until(|state| state.is_open);
    }

    fn change(&self, change: impl FnOnce(&mut GateState)) {
        let (state, changed) = &*self.0;
        change(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }

    fn wait_until(&self, reached: impl Fn(&GateState) -> bool) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        while !reached(&state) {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
