//! The runs that have left memory, and how they come back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::due::{self, Due, Spilled};
use super::graphs::Graphs;
use super::lookup::{Found, Lost};
use super::stale::{Dead, Stale};
use crate::id::{RunId, RunKey, Seq};
use crate::manifest::Manifest;
use crate::state::{Left, Rest, Run, State, is_gone};
use crate::store::{Cache, Store};
use crate::time::Timestamp;

/// The runs that have left memory.
///
/// Together with the [`State`] they left they are what the records add up to.
#[derive(Debug)]
pub struct Cold {
    pub(super) book: Book,
    /// What nobody needs once the next checkpoint is saved.
    pub(super) stale: Vec<Stale>,
    /// Runs that came back since the last snapshot.
    pub(super) admitted: HashMap<RunId, Admitted>,
    /// What is on its way to the cache.
    pub(super) transit: Option<Arc<Transit>>,
    /// Held by everybody who reads old versions.
    pub(super) pins: Arc<()>,
    /// What a checkpoint does without, and may still be in the cache.
    pub(super) dead: Dead,
    /// Whether values of versions that count for nothing are worth a search.
    pub(super) needs_sweep: bool,
    /// Versions since the last checkpoint that could not be written.
    pub(super) attempted: Vec<Seq>,
}

/// What a checkpoint says about the runs that have left memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Book {
    /// The cache that holds them.
    pub(super) generation: Option<Uuid>,
    /// The last version that counts.
    pub(super) at: Seq,
    /// Versions between these count for nothing: no checkpoint relies on them.
    pub(super) voids: Vec<(Seq, Seq)>,
    /// Runs that have not ended.
    pub(super) open: u64,
    /// Runs that have ended, some of them more than once.
    pub(super) ended: u64,
    /// Runs with a key.
    pub(super) keyed: u64,
    pub(super) due: Due,
    /// Entries of runs that came back before their time, which are out of date.
    pub(super) early: BTreeMap<RunId, u32>,
    pub(super) graphs: Graphs,
    /// Ended runs that went on: what was kept up to this version no longer counts.
    pub(super) superseded: BTreeMap<RunId, Seq>,
    /// Runs that had ended in front of this record are dropped, wherever they still stand.
    pub(super) first: Seq,
    /// What is still there of dropped runs that were started before this time, if anything may be.
    pub(super) expels: Option<Timestamp>,
}

/// A run that came back.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) is_open: bool,
    pub(super) version: Seq,
    /// The run as it is kept, if it may well stay as it is.
    pub(super) kept: Option<Arc<Run>>,
    /// The key under which it is kept as the newest run.
    pub(super) key: Option<RunKey>,
}

/// Runs that have just left memory, until they are safe in the cache.
#[derive(Debug)]
pub(super) struct Transit {
    pub(super) at: Seq,
    pub(super) runs: HashMap<RunId, Left>,
    pub(super) keys: HashMap<RunKey, RunId>,
    pub(super) spilled: Spilled,
    pub(super) stale: Vec<Stale>,
}

impl Book {
    /// Whether what has a version is relied upon.
    pub(super) fn counts(&self, version: Seq) -> bool {
        let is_void = |(from, to): &(Seq, Seq)| *from < version && version < *to;
        version <= self.at && !self.voids.iter().any(is_void)
    }

    /// Whether a run is dropped, though it may still be found.
    pub(super) fn is_gone(&self, run: &Run) -> bool {
        is_gone(run, self.first)
    }

    /// Takes note of an open run that leaves.
    pub(super) fn left(&mut self, run: &Run, rest: Rest) {
        self.keyed += u64::from(run.started.key.is_some());
        match rest {
            Rest::Ended => self.ended += 1,
            Rest::Until(at) => {
                self.open += 1;
                self.graphs.add(&run.started.manifest);
                if let Some(at) = at {
                    self.due.insert((at, run.id));
                }
            }
        }
    }

    /// Takes note that an entry of a run was taken; false if none was left behind.
    fn taken(&mut self, run: RunId) -> bool {
        match self.early.get_mut(&run) {
            Some(left) if *left > 1 => *left -= 1,
            Some(_) => drop(self.early.remove(&run)),
            None => return false,
        }
        true
    }

    /// Takes note of a run that comes back.
    pub(super) fn came_back(&mut self, run: &Run) {
        if run.phase.is_final() {
            self.ended = self.ended.saturating_sub(1);
        } else {
            self.open = self.open.saturating_sub(1);
            self.graphs.remove(&run.started.manifest);
            let waits_until = match run.rest() {
                Some(Rest::Until(at)) => at,
                _ => None,
            };
            if let Some(at) = waits_until
                && !self.due.remove((at, run.id))
            {
                *self.early.entry(run.id).or_default() += 1;
            }
        }
    }
}

impl Cold {
    /// Nothing has left memory yet; whatever is in the cache counts for nothing.
    pub fn none() -> Self {
        let voids = vec![(Seq::ZERO, Seq::new(u64::MAX))];
        Self::loaded(Book { voids, ..Book::default() }, Vec::new(), true)
    }

    /// `leftover` is what the checkpoint did without, and may still be there.
    pub(super) fn loaded(book: Book, leftover: Vec<Stale>, needs_sweep: bool) -> Self {
        let mut dead = Dead::default();
        dead.add(&leftover);
        Self {
            book,
            stale: leftover,
            admitted: HashMap::new(),
            transit: None,
            pins: Arc::default(),
            dead,
            needs_sweep,
            attempted: Vec::new(),
        }
    }

    /// Takes note that retention drops the runs that had ended in front of a record, all of which
    /// were started before a time.
    pub fn forget(&mut self, first: Seq, before: Timestamp) {
        self.book.first = self.book.first.max(first);
        self.book.expels = self.book.expels.max(Some(before));
        // All that is kept of a dropped run was kept before the record.
        self.book.superseded.retain(|_, version| *version >= first);
    }

    /// Whether no run has left memory.
    pub fn is_empty(&self) -> bool {
        self.book.open == 0 && self.book.ended == 0
    }

    /// Runs that have not ended and left memory.
    pub const fn open_runs(&self) -> u64 {
        self.book.open
    }

    /// The position of the last checkpoint that was saved or loaded.
    pub const fn at(&self) -> Seq {
        self.book.at
    }

    /// Whether a snapshot is on its way to the disk.
    pub const fn is_writing(&self) -> bool {
        self.transit.is_some()
    }

    /// The next time that any of the runs waits for, or an earlier one.
    pub fn next_due(&self) -> Option<Timestamp> {
        // Without them nothing but entries that are out of date is left.
        self.book.due.next().filter(|_| self.book.open > 0)
    }

    /// Brings a run back; false if there is none.
    ///
    /// The newest run under its key comes back with it.
    ///
    /// # Errors
    /// [`Lost`] if the cache is not what the checkpoint relied on.
    pub fn bring(
        &mut self,
        state: &mut State,
        store: &dyn Store,
        run: RunId,
    ) -> Result<bool, Lost> {
        self.bring_as(state, store, run, true)
    }

    /// The same for a run that is certain not to stay as it is.
    pub(super) fn bring_to_change(
        &mut self,
        state: &mut State,
        store: &dyn Store,
        run: RunId,
    ) -> Result<bool, Lost> {
        self.bring_as(state, store, run, false)
    }

    fn bring_as(
        &mut self,
        state: &mut State,
        store: &dyn Store,
        id: RunId,
        may_stay: bool,
    ) -> Result<bool, Lost> {
        if let Some(run) = state.run(id) {
            // It may want its key back.
            let key = run.started.key.clone().filter(|key| state.run_by_key(key).is_none());
            if let Some(key) = key {
                self.bring_key(state, store, &key)?;
            }
            return Ok(true);
        }
        match self.find(store, id)? {
            Some(found) => self.bring_found(state, store, found, may_stay).map(|()| true),
            None => Ok(false),
        }
    }

    /// Brings a run back, and whoever has its key by now.
    fn bring_found(
        &mut self,
        state: &mut State,
        store: &dyn Store,
        (run, version): Found,
        may_stay: bool,
    ) -> Result<(), Lost> {
        let id = run.id;
        let unknown = |key: &&RunKey| state.run_by_key(key).is_none();
        let key = run.started.key.clone().filter(|key| unknown(&key));
        let holder = match &key {
            Some(key) => self.newest(store, key)?,
            None => None,
        };
        let own = key.filter(|_| holder == Some(id));
        self.admit(state, run, version, own, may_stay);
        match holder {
            Some(holder) if holder != id => {
                let is_there = self.bring_as(state, store, holder, may_stay)?;
                if is_there { Ok(()) } else { Err(Lost::Missing { run: holder }) }
            }
            _ => Ok(()),
        }
    }

    fn admit(
        &mut self,
        state: &mut State,
        run: Arc<Run>,
        version: Seq,
        key: Option<RunKey>,
        may_stay: bool,
    ) {
        self.book.came_back(&run);
        let admitted = Admitted {
            is_open: !run.phase.is_final(),
            version,
            kept: may_stay.then(|| Arc::clone(&run)),
            key: key.clone(),
        };
        self.admitted.insert(run.id, admitted);
        state.admit(Left { run, key });
    }

    /// Brings the newest run under a key back; none if there is none.
    ///
    /// # Errors
    /// [`Lost`] if the cache is not what the checkpoint relied on.
    pub fn bring_key(
        &mut self,
        state: &mut State,
        store: &dyn Store,
        key: &RunKey,
    ) -> Result<Option<RunId>, Lost> {
        if let Some(run) = state.run_by_key(key) {
            return Ok(Some(run.id));
        }
        let Some(run) = self.newest(store, key)? else { return Ok(None) };
        let is_there = self.bring(state, store, run)?;
        if is_there { Ok(Some(run)) } else { Err(Lost::Missing { run }) }
    }

    /// Brings runs back whose time has come, at most so many; tells how many.
    ///
    /// # Errors
    /// [`Lost`] if the cache is not what the checkpoint relied on.
    pub fn bring_due(
        &mut self,
        state: &mut State,
        store: &dyn Store,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, Lost> {
        let mut brought = 0;
        while brought < limit {
            while let Some(far) = self.book.due.needed(now) {
                let spilled = self.transit.as_ref().and_then(|transit| transit.spilled.get(&far));
                let entries = if let Some(entries) = spilled {
                    entries.clone()
                } else {
                    let value = self.cache(store)?.get(&far.key())?.ok_or(Lost::Damaged)?;
                    due::decode(&value)?
                };
                self.book.due.load(far, entries);
                self.stale.push(Stale::Due(far.key()));
            }
            let Some((at, run)) = self.book.due.pop(now) else { break };
            if !state.holds(run) {
                match self.bring_awaited(state, store, run) {
                    Ok(is_back) => brought += usize::from(is_back),
                    Err(lost) => {
                        // It is asked for again where the cache is only unreadable for now.
                        if state.holds(run) {
                            self.book.taken(run);
                        } else {
                            self.book.due.insert((at, run));
                        }
                        return Err(lost);
                    }
                }
            }
            self.book.taken(run);
        }
        Ok(brought)
    }

    /// Brings a run back whose time has come; false if there is nothing to wait for any more.
    fn bring_awaited(
        &mut self,
        state: &mut State,
        store: &dyn Store,
        run: RunId,
    ) -> Result<bool, Lost> {
        match self.find(store, run)? {
            // One that has ended since leaves its entry behind.
            Some(found) if found.0.phase.is_final() => Ok(false),
            Some(found) => self.bring_found(state, store, found, false).map(|()| true),
            // It may be dropped by now as well.
            None if self.book.early.contains_key(&run) => Ok(false),
            None => Err(Lost::Missing { run }),
        }
    }

    /// Whether the graph of any open run is wanted, or may be.
    pub fn may_have(&self, wanted: impl Fn(&Manifest) -> bool) -> bool {
        self.book.graphs.may_have(&wanted)
    }

    /// Brings every open run back whose graph is wanted.
    ///
    /// # Errors
    /// [`Lost`] if the cache is not what the checkpoint relied on.
    pub fn bring_graphs(
        &mut self,
        state: &mut State,
        store: &dyn Store,
        wanted: impl Fn(&Manifest) -> bool,
    ) -> Result<(), Lost> {
        if !self.book.graphs.may_have(&wanted) {
            return Ok(());
        }
        let mut listing = self.listing();
        while let Some(runs) = listing.next_open(store)? {
            for run in runs.into_iter().filter(|run| wanted(&run.started.manifest)) {
                self.bring(state, store, run.id)?;
            }
        }
        Ok(())
    }

    /// The cache, which is the one that the checkpoint relies on.
    pub(super) fn cache<'a>(&self, store: &'a dyn Store) -> Result<&'a dyn Cache, Lost> {
        let cache = store.cache().ok_or(Lost::Gone)?;
        // Every time: one that was lost while it was in use is begun anew, and says of no run that
        // it is not there.
        let own = cache.generation()?;
        let is_known = self.book.generation.is_none_or(|known| known == own);
        is_known.then_some(cache).ok_or(Lost::Gone)
    }

    /// Takes everything back into memory that has left it, out of the whole journal; whatever is in
    /// the cache counts for nothing from then on.
    ///
    /// `whole` is what the records up to [`at`](Self::at) add up to.
    pub fn give_up(&mut self, state: &mut State, whole: &State) {
        if let Some(transit) = self.transit.take() {
            for (id, left) in &transit.runs {
                if !state.holds(*id) && !self.book.is_gone(&left.run) {
                    state.admit(left.clone());
                }
            }
        }
        for run in whole.shared_runs() {
            if state.holds(run.id) || self.book.is_gone(run) {
                continue;
            }
            let is_newest = |key: &&RunKey| whole.run_by_key(key).is_some_and(|n| n.id == run.id);
            let key = run.started.key.as_ref().filter(is_newest).cloned();
            state.admit(Left { run: Arc::clone(run), key });
        }
        *self = Self::none();
    }

    /// Makes sure that the cache is there; may block until it is ready.
    ///
    /// # Errors
    /// [`Lost`] if the cache is not what the checkpoint relied on.
    pub fn check(&self, store: &dyn Store) -> Result<(), Lost> {
        self.cache(store).map(|_| ())
    }
}
