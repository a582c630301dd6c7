//! The state at a position, taken without holding anybody up.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::cold::{Admitted, Cold, Transit};
use super::stale::{Dead, Stale};
use super::write::{Snapshot, Written};
use crate::id::{RunId, Seq};
use crate::state::{Rest, Run, State};
use crate::store::CacheError;
use crate::time::Timestamp;

/// Runs that are safe in the cache.
#[derive(Debug)]
pub struct Shed {
    _transit: Arc<Transit>,
}

/// Which runs leave memory.
pub struct Resting<'a> {
    /// The time.
    pub now: Timestamp,
    /// A run that waits for less than this stays.
    pub far: Duration,
    /// A run that moved behind this stays: somebody still waits to be told.
    pub durable: Seq,
    /// Whether a run stays for another reason.
    pub stays: &'a dyn Fn(&Run) -> bool,
}

impl fmt::Debug for Resting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resting").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Resting<'_> {
    /// How long a run rests, if it leaves memory.
    fn rest(&self, run: &Run) -> Option<Rest> {
        let rest = run.rest()?;
        let is_far = match rest {
            Rest::Until(Some(at)) => at > self.now.after(self.far),
            Rest::Until(None) | Rest::Ended => true,
        };
        (is_far && run.version() <= self.durable && !(self.stays)(run)).then_some(rest)
    }
}

impl Cold {
    /// Takes a snapshot of the state, out of which the runs that rest go; none while one is written.
    ///
    /// It is to be written once the head of the state is durable, and [`landed`](Self::landed)
    /// is to be told how that went.
    pub fn snapshot(&mut self, state: &mut State, resting: &Resting<'_>) -> Option<Snapshot> {
        let at = state.head();
        // No version is given twice.
        if self.transit.is_some() || at <= self.book.at || self.attempted.last() == Some(&at) {
            return None;
        }
        if let Some((_, end)) = self.book.voids.last_mut().filter(|(_, end)| end.get() == u64::MAX)
        {
            *end = at;
        }
        let admitted = std::mem::take(&mut self.admitted);
        for (run, admitted) in admitted {
            self.settle(state, run, admitted, resting);
        }
        let leaving: Vec<(RunId, Rest)> =
            state.runs().filter_map(|run| Some((run.id, resting.rest(run)?))).collect();
        let mut runs = HashMap::with_capacity(leaving.len());
        let mut keys = HashMap::new();
        for (id, rest) in leaving {
            let Some(left) = state.evict(id) else { continue };
            self.book.left(&left.run, rest);
            keys.extend(left.key.clone().map(|key| (key, id)));
            runs.insert(id, left);
        }
        let spilled = self.book.due.spill(at);
        let transit =
            Arc::new(Transit { at, runs, keys, spilled, stale: std::mem::take(&mut self.stale) });
        self.transit = Some(Arc::clone(&transit));
        let before = self.book.at;
        let mut book = self.book.clone();
        book.at = at;
        Some(Snapshot {
            global: state.global(),
            hot: state.shared_runs().map(Arc::clone).collect(),
            book,
            transit,
            pins: Arc::clone(&self.pins),
            sweeps: self.needs_sweep,
            before,
            attempted: self.attempted.clone(),
        })
    }

    /// Decides about a run that came back: it goes again if nothing has happened to it, else what
    /// is kept of it is out of date.
    fn settle(&mut self, state: &mut State, id: RunId, admitted: Admitted, resting: &Resting<'_>) {
        let Admitted { is_open, version, kept, key } = admitted;
        let current = state.shared_run(id);
        let is_kept = |run: &Arc<Run>| kept.as_ref().is_some_and(|kept| **kept == **run);
        if let Some(run) = current.filter(is_kept)
            && let Some(rest) = resting.rest(&run)
            && let Some(left) = state.evict(id)
        {
            self.book.left(&left.run, rest);
            if left.key.is_none()
                && let Some(key) = key
            {
                self.stale.push(Stale::Newest(key, version));
            }
            return;
        }
        if is_open {
            self.stale.push(Stale::Open(id, version));
        } else {
            self.book.superseded.insert(id, version);
        }
        if let Some(key) = key {
            self.stale.push(Stale::Newest(key, version));
        }
    }

    /// Takes note of how the last snapshot was written.
    ///
    /// What could not be written is back in memory afterwards. What is given back is of no use; to
    /// drop it takes its time.
    pub fn landed(
        &mut self,
        state: &mut State,
        written: &Result<Written, CacheError>,
    ) -> Option<Shed> {
        let transit = self.transit.take()?;
        match written {
            Ok(Written { generation, removed, swept, expelled }) => {
                self.book.at = transit.at;
                // Another trim may have come in between.
                self.book.expels = self.book.expels.filter(|before| Some(*before) > *expelled);
                self.book.generation = Some(*generation);
                if *removed {
                    self.dead = Dead::default();
                } else {
                    self.dead.add(&transit.stale);
                    self.stale.extend(transit.stale.iter().cloned());
                }
                let spared = std::mem::take(&mut self.attempted);
                if *swept {
                    self.book.voids = spared.into_iter().map(just).collect();
                    self.needs_sweep = false;
                }
            }
            Err(_) => self.take_back(state, &transit),
        }
        Some(Shed { _transit: transit })
    }

    fn take_back(&mut self, state: &mut State, transit: &Transit) {
        self.admitted.retain(|_, admitted| admitted.version != transit.at);
        for (id, left) in &transit.runs {
            if !state.holds(*id) && !self.book.is_gone(&left.run) {
                self.book.came_back(&left.run);
                state.admit(left.clone());
            }
        }
        self.book.due.unspill(&transit.spilled);
        self.stale.extend(transit.stale.iter().cloned());
        // Whatever part of it did land counts for nothing.
        self.book.voids.push(just(transit.at));
        self.attempted.push(transit.at);
    }
}

/// One version among those that count for nothing.
const fn just(version: Seq) -> (Seq, Seq) {
    (Seq::new(version.get().saturating_sub(1)), version.next())
}
