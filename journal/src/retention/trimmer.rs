//! Decides where a journal is to be trimmed, and works out what is left.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::base::BaseError;
use super::draft::{Draft, Scratch};
use super::limits::{Limits, is_worth_it};
use super::residue::ResidueError;
use crate::checkpoint::started_ms;
use crate::event::{Event, JournalTrimmed, TrimReason};
use crate::id::{RunId, Seq};
use crate::state::{IllegalTransition, Standing, State};
use crate::store::{Cut, ReadError, Store};
use crate::time::Timestamp;

/// Decides where a journal is to be trimmed, and works out what is left.
///
/// Remembers what it has learnt, so that a journal is not read again and again for nothing.
#[derive(Debug)]
pub struct Trimmer {
    limits: Limits,
    /// Runs that had ended in front of cuts, over the whole life of the journal.
    learnt: BTreeMap<Seq, u64>,
    /// A trim that was not worth it.
    vain: Option<Vain>,
}

/// A trim that was not worth it.
#[derive(Debug, Clone, Copy)]
struct Vain {
    at: Seq,
    /// Bytes between the first record and the cut.
    front: u64,
    /// Bytes that must be there before it is looked at again.
    wanted: u64,
}

/// What is to be done to trim a journal.
#[derive(Debug)]
pub struct Trim {
    /// What is to be recorded first.
    pub event: JournalTrimmed,
    /// Runs that went on behind this record are not accounted for.
    head: Seq,
    /// Runs that had begun in front of the cut and stay.
    stay: HashSet<RunId>,
    /// For [`Store::trim`].
    pub residue: Vec<u8>,
    /// For [`Store::trim`].
    pub kept: Vec<Seq>,
}

impl Trim {
    /// Whether a run is certain not to be there any more once this was carried out.
    ///
    /// One that was started in the very moment of the cut is not, on whichever side it stands.
    pub fn drops(&self, run: RunId) -> bool {
        let started_at = i64::try_from(started_ms(run)).map(Timestamp::from_millis);
        started_at.is_ok_and(|at| at < self.event.before) && !self.stay.contains(&run)
    }

    /// Whether a run that it drops has gone on since it was worked out; it must not be recorded then.
    pub fn is_overtaken(&self, state: &State) -> bool {
        // One that was begun behind the cut has nothing to lose.
        let is_young = |run: RunId| {
            let by_id = i64::try_from(started_ms(run)).map(Timestamp::from_millis);
            let known = state.run(run).map(|run| run.started_at).or_else(|| by_id.ok());
            known.is_some_and(|started_at| started_at > self.event.before)
        };
        state.reopened_behind(self.head).any(|run| !self.stay.contains(&run) && !is_young(run))
    }
}

/// Why it cannot be worked out what a trim leaves.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// What earlier trims have left cannot be read.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// A record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record does not fit those before it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// What is left cannot be written down.
    #[error(transparent)]
    Residue(#[from] ResidueError),
}

/// How far a journal may be trimmed.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// The furthest cut that age or bytes allow.
    fixed: Option<(Seq, TrimReason)>,
    /// Runs, counted from the first ever, that may be dropped because there are newer ones.
    droppable: u64,
    /// The last cut that is worth a look.
    last: Seq,
}

impl Trimmer {
    /// Nothing is known yet.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, learnt: BTreeMap::new(), vain: None }
    }

    /// Works out the next trim, if a limit is exceeded and it is worth it; or the one that was
    /// recorded and not carried out.
    ///
    /// No cut behind `upto` is used. Blocks on the disk, and reads every record in front of the cut.
    ///
    /// # Errors
    /// [`PlanError`] if the journal is damaged.
    pub fn plan(
        &mut self,
        store: &dyn Store,
        standing: &Standing,
        now: Timestamp,
        upto: Seq,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Trim>, PlanError> {
        if self.limits.is_off() && standing.first <= store.first() {
            return Ok(None);
        }
        let standing = &standing.clone().remember(store, is_stopped)?;
        let mut cuts = store.cuts();
        if cuts.iter().any(|cut| cut.first == standing.first) {
            return Self::finish(store, standing, is_stopped);
        }
        cuts.retain(|cut| cut.first <= upto && cut.first > standing.first);
        self.learnt.retain(|cut, _| *cut > store.first());
        let Some(reach) = self.reach(store, &cuts, standing, now)? else { return Ok(None) };
        self.work_out(store, standing, &cuts, reach, is_stopped)
    }

    /// The trim that was recorded and not carried out.
    fn finish(
        store: &dyn Store,
        standing: &Standing,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Trim>, PlanError> {
        let mut scratch = Scratch::begin(store, &standing.reopened)?;
        for record in store.scan(store.first()) {
            if scratch.next() == standing.first {
                let draft = scratch.draft()?;
                // It stands in the record that is there.
                let reason = TrimReason::Age;
                return Ok(Some(trim(standing, standing.first, record?.at, reason, draft)));
            }
            if is_stopped() {
                return Ok(None);
            }
            scratch.apply(&record?)?;
        }
        Ok(None)
    }

    /// How far the limits reach; none if no trim can come of it.
    fn reach(
        &self,
        store: &dyn Store,
        cuts: &[Cut],
        standing: &Standing,
        now: Timestamp,
    ) -> Result<Option<Reach>, PlanError> {
        let by_age = match self.limits.age {
            Some(age) => latest_older(store, cuts, now, age)?,
            None => None,
        };
        let by_bytes = self.limits.bytes.and_then(|limit| {
            cuts.iter().rev().find(|cut| cut.bytes_behind >= limit).map(|cut| cut.first)
        });
        let by_age = by_age.map(|first| (first, TrimReason::Age));
        let by_bytes = by_bytes.map(|first| (first, TrimReason::Bytes));
        let fixed = by_age.into_iter().chain(by_bytes).max_by_key(|(first, _)| *first);

        let alive = standing.ended.saturating_sub(standing.dropped);
        let is_crowded = self.limits.runs.is_some_and(|limit| alive > limit);
        let droppable = if is_crowded { self.limits.droppable(standing.ended) } else { 0 };
        // What is not known may be.
        let may_go =
            |cut: &&Cut| self.learnt.get(&cut.first).is_none_or(|ended| *ended <= droppable);
        let by_runs = cuts.iter().filter(|_| is_crowded).take_while(may_go).last();
        let last = by_runs.map(|cut| cut.first).max(fixed.map(|(first, _)| first));
        let reach = last.map(|last| Reach { fixed, droppable, last });
        Ok(reach.filter(|reach| !self.is_vain(cuts, reach.last)))
    }

    /// Whether it is known that a trim up to a cut is not worth it.
    fn is_vain(&self, cuts: &[Cut], last: Seq) -> bool {
        let behind = |first| cuts.iter().find(|cut| cut.first == first).map(|cut| cut.bytes_behind);
        let Some(vain) = self.vain else { return false };
        match (behind(vain.at), behind(last)) {
            (Some(then), Some(now)) => vain.front + then.saturating_sub(now) < vain.wanted,
            _ => false,
        }
    }

    fn work_out(
        &mut self,
        store: &dyn Store,
        standing: &Standing,
        cuts: &[Cut],
        reach: Reach,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Trim>, PlanError> {
        let mut scratch = Scratch::begin(store, &standing.reopened)?;
        let mut ahead = cuts.iter().map(|cut| cut.first).take_while(|cut| *cut <= reach.last);
        let mut next = ahead.next();
        let mut one_cut = None;
        let mut chosen = None;
        for record in store.scan(store.first()) {
            if is_stopped() {
                return Ok(None);
            }
            let record = record?;
            if next == Some(record.seq) {
                one_cut = one_cut.or_else(|| Some(scratch.bytes()));
                self.learnt.insert(record.seq, scratch.ended());
                match reach.verdict(record.seq, scratch.ended()) {
                    Reached::NotYet => {}
                    Reached::By(reason) => {
                        chosen = Some((record.seq, record.at, reason, scratch.draft()?));
                    }
                    Reached::TooFar => break,
                }
                next = ahead.next();
                if next.is_none() {
                    break;
                }
            }
            scratch.apply(&record)?;
        }
        let Some((first, before, reason, draft)) = chosen else { return Ok(None) };
        let is_worth_it = self.weigh(first, &draft, one_cut.unwrap_or(0));
        Ok(is_worth_it.then(|| trim(standing, first, before, reason, draft)))
    }

    /// Whether a trim is worth it; remembers it if it is not.
    fn weigh(&mut self, at: Seq, draft: &Draft, one_cut: u64) -> bool {
        let (front, kept) = (draft.passed.bytes, draft.stays.bytes);
        let is_worth_it = is_worth_it(front, draft.old.bytes, kept, one_cut);
        let wanted = kept.saturating_mul(2).max(front + one_cut);
        self.vain = (!is_worth_it).then_some(Vain { at, front, wanted });
        is_worth_it
    }
}

/// Whether a cut is where the limits reach.
enum Reached {
    NotYet,
    By(TrimReason),
    TooFar,
}

impl Reach {
    /// Looks at a cut in front of which so many runs have ended.
    fn verdict(&self, cut: Seq, ended: u64) -> Reached {
        match self.fixed {
            Some((first, _)) if cut < first => Reached::NotYet,
            Some((first, reason)) if cut == first => Reached::By(reason),
            _ if ended <= self.droppable => Reached::By(TrimReason::Count),
            _ => Reached::TooFar,
        }
    }
}

impl Standing {
    /// Adds the runs that went on behind the first record that is there, if the last trim was
    /// recorded and not carried out: the state has no use for them any more.
    fn remember(
        mut self,
        store: &dyn Store,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Self, ReadError> {
        if store.first() >= self.first {
            return Ok(self);
        }
        for record in store.scan(store.first()) {
            let record = record?;
            if record.seq >= self.first || is_stopped() {
                break;
            }
            let may_reopen = matches!(
                record.event,
                Event::RetryNow(_) | Event::ForceRetry(_) | Event::StepSkipped(_)
            );
            if let Some(run) = record.run.filter(|_| may_reopen) {
                let last = self.reopened.entry(run).or_insert(record.seq);
                *last = record.seq.max(*last);
            }
        }
        Ok(self)
    }
}

fn trim(
    standing: &Standing,
    first: Seq,
    before: Timestamp,
    reason: TrimReason,
    draft: Draft,
) -> Trim {
    let there = draft.passed.records + draft.old.records;
    let event = JournalTrimmed {
        first,
        before,
        runs: draft.gone.saturating_sub(standing.dropped),
        records: there.saturating_sub(draft.stays.records),
        kept: draft.stays.records,
        reason,
    };
    let Draft { residue, kept, stay, .. } = draft;
    Trim { event, head: standing.head, stay, residue, kept }
}

/// The latest cut in front of which every record is older than an age.
fn latest_older(
    store: &dyn Store,
    cuts: &[Cut],
    now: Timestamp,
    age: Duration,
) -> Result<Option<Seq>, ReadError> {
    let (mut old, mut young) = (0, cuts.len());
    while old < young {
        let middle = usize::midpoint(old, young);
        let Some(cut) = cuts.get(middle) else { break };
        let is_old = store.read(cut.first)?.is_some_and(|record| now.since(record.at) > age);
        if is_old {
            old = middle + 1;
        } else {
            young = middle;
        }
    }
    Ok(old.checked_sub(1).and_then(|last| cuts.get(last)).map(|cut| cut.first))
}
