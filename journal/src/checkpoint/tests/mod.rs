//! Checkpoints against the whole journal.

use std::time::Duration;

use super::{Cold, Habits};
use crate::state::State;
use crate::store::Store;

mod damage;
mod dropped;
mod fold;
mod large;
mod lives;
mod store;

/// What the records add up to, with nothing kept on the way.
fn recover(store: &dyn Store) -> (State, Cold) {
    recover_keeping(store, 0)
}

/// The same, with the state kept after so many records each.
fn recover_keeping(store: &dyn Store, every: u64) -> (State, Cold) {
    let habits = Habits { every, far: Duration::from_secs(5), stays: &|_| false };
    super::recover(store, &habits).expect("sound")
}
