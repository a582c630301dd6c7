//! Every run that has left memory, page by page.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::cold::Cold;
use super::keys::{self, Key, Room};
use super::lookup::{Lost, PAGE};
use super::pack::Joiner;
use super::stale::Stale;
use crate::id::{RunId, Seq};
use crate::state::Run;
use crate::store::{Cache, Store};

/// Every run that had left memory at one moment, page by page.
///
/// What it reads is not removed from the cache before it is dropped.
#[derive(Debug)]
pub struct Listing {
    counts: super::cold::Book,
    /// Runs that were in memory again.
    admitted: HashSet<RunId>,
    /// What is in the cache and out of date.
    dead: HashSet<(RunId, Seq)>,
    /// On their way to the cache at that moment.
    in_transit: Vec<Arc<Run>>,
    room: Room,
    from: Key,
    to: Key,
    _pin: Arc<()>,
}

impl Cold {
    /// Every run that has left memory.
    pub fn listing(&self) -> Listing {
        let transit = self.transit.as_ref();
        let stale = self.stale.iter().chain(transit.iter().flat_map(|transit| &transit.stale));
        let dead = stale.filter_map(|stale| match stale {
            Stale::Open(run, version) => Some((*run, *version)),
            _ => None,
        });
        let moving = transit.iter().flat_map(|transit| transit.runs.values());
        let moving = moving.filter(|left| !self.admitted.contains_key(&left.run.id));
        let (from, to) = Room::Open.range();
        Listing {
            dead: dead.collect(),
            in_transit: moving.map(|left| Arc::clone(&left.run)).collect(),
            admitted: self.admitted.keys().copied().collect(),
            counts: self.book.clone(),
            room: Room::Open,
            from,
            to,
            _pin: Arc::clone(&self.pins),
        }
    }
}

impl Listing {
    /// The cache, which is the one that holds the runs.
    fn cache<'a>(&self, store: &'a dyn Store) -> Result<&'a dyn Cache, Lost> {
        let cache = store.cache().ok_or(Lost::Gone)?;
        let own = cache.generation()?;
        let is_known = self.counts.generation.is_none_or(|known| known == own);
        is_known.then_some(cache).ok_or(Lost::Gone)
    }

    /// The next page, open runs first; none behind the last one.
    ///
    /// # Errors
    /// [`Lost`] if the cache cannot be read.
    pub fn next_page(&mut self, store: &dyn Store) -> Result<Option<Vec<Arc<Run>>>, Lost> {
        if let Some(mut runs) = self.next_open(store)? {
            runs.retain(|run| !self.counts.is_gone(run));
            return Ok(Some(runs));
        }
        if self.room == Room::Open {
            self.room = Room::Ended;
            (self.from, self.to) = Room::Ended.range();
        }
        self.next_ended(store)
    }

    /// The next page of open runs, and those on their way to the cache.
    pub(super) fn next_open(&mut self, store: &dyn Store) -> Result<Option<Vec<Arc<Run>>>, Lost> {
        if !self.in_transit.is_empty() {
            let rest = self.in_transit.len().saturating_sub(PAGE);
            return Ok(Some(self.in_transit.split_off(rest)));
        }
        if self.room != Room::Open || self.counts.open == 0 {
            return Ok(None);
        }
        let cache = self.cache(store)?;
        // A run is never torn apart between two pages: the last one of a full page comes again.
        let pairs = cache.range(&self.from, &self.to, PAGE)?;
        let is_full = pairs.len() == PAGE;
        let Some(last) = pairs.last().and_then(|(key, _)| keys::run_of(key)) else {
            return Ok(None);
        };
        let mut newest: HashMap<RunId, (Seq, Joiner, Option<Arc<Run>>)> = HashMap::new();
        let is_whole = |run: RunId| !is_full || run != last;
        let mut order = Vec::new();
        for (key, piece) in &pairs {
            let run = keys::run_of(key).ok_or(Lost::Damaged)?;
            let version = Room::Open.version(key).ok_or(Lost::Damaged)?;
            let counts = self.counts.counts(version) && !self.dead.contains(&(run, version));
            if !is_whole(run) || !counts || self.admitted.contains(&run) {
                continue;
            }
            let place = newest.entry(run).or_insert_with(|| {
                order.push(run);
                (version, Joiner::default(), None)
            });
            if place.0 != version {
                *place = (version, Joiner::default(), None);
            }
            if let Some(block) = place.1.add(piece)? {
                place.2 = block.runs(|_| true)?.pop();
            }
        }
        let first = pairs.first().and_then(|(key, _)| keys::run_of(key));
        self.from = match (is_full, first == Some(last)) {
            (true, true) => return self.one_large(cache, last).map(Some),
            (true, false) => keys::open_range(last).0,
            (false, _) => {
                keys::just_behind(pairs.last().map(|(key, _)| key.clone()).unwrap_or_default())
            }
        };
        let runs = order.into_iter().filter_map(|run| newest.remove(&run)?.2);
        Ok(Some(runs.collect()))
    }

    /// A run that fills more than a page on its own.
    fn one_large(&mut self, cache: &dyn Cache, run: RunId) -> Result<Vec<Arc<Run>>, Lost> {
        let (from, to) = keys::open_range(run);
        self.from.clone_from(&to);
        if self.admitted.contains(&run) {
            return Ok(Vec::new());
        }
        let mut found = None;
        let mut joiner = Joiner::default();
        for (key, piece) in cache.range(&from, &to, usize::MAX)? {
            let version = Room::Open.version(&key).ok_or(Lost::Damaged)?;
            if self.counts.counts(version)
                && !self.dead.contains(&(run, version))
                && let Some(block) = joiner.add(&piece)?
            {
                found = block.runs(|_| true)?.pop();
            }
        }
        Ok(found.into_iter().collect())
    }

    fn next_ended(&mut self, store: &dyn Store) -> Result<Option<Vec<Arc<Run>>>, Lost> {
        if self.counts.ended == 0 {
            return Ok(None);
        }
        let cache = self.cache(store)?;
        let mut runs = Vec::new();
        let mut joiner = Joiner::default();
        loop {
            // One at a time until a block is whole: blocks of many pieces are rare.
            let limit = if runs.is_empty() { 1 } else { return Ok(Some(runs)) };
            let pairs = cache.range(&self.from, &self.to, limit)?;
            let Some((key, piece)) = pairs.into_iter().next() else { return Ok(None) };
            let version = Room::Ended.version(&key).ok_or(Lost::Damaged)?;
            self.from = keys::just_behind(key);
            if !self.counts.counts(version) {
                continue;
            }
            if let Some(block) = joiner.add(&piece)? {
                let superseded = &self.counts.superseded;
                let is_meant = |run: RunId| {
                    !self.admitted.contains(&run)
                        && superseded.get(&run).is_none_or(|known| *known < version)
                };
                runs.extend(block.runs(is_meant)?);
                runs.retain(|run: &Arc<Run>| !self.counts.is_gone(run));
            }
        }
    }
}
