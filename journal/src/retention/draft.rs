//! Folds a journal while it lets go of what a trim would drop.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::base::{BaseError, base, is_loss, is_of_run};
use super::residue::{Loss, Opening, Past, Residue, ResidueError};
use crate::codec::{self, Link};
use crate::event::Event;
use crate::id::{RunId, Seq};
use crate::record::Record;
use crate::state::{IllegalTransition, State};
use crate::store::Store;

/// The state on the way through a journal, without the runs that nothing will be heard of again.
///
/// In memory are the runs that are open at a time, and where their records stand.
#[derive(Debug)]
pub(super) struct Scratch<'a> {
    state: State,
    /// Runs that go on after they had ended, and the last record that says so.
    reopened: &'a BTreeMap<RunId, Seq>,
    trails: HashMap<RunId, Trail>,
    past: Past,
    /// Records since the first one that is there, and their bytes.
    passed: Amount,
    /// Records in front of it that are there as well.
    old: Amount,
}

/// Where the records of a run stand.
#[derive(Debug, Default)]
struct Trail {
    seqs: Vec<Seq>,
    bytes: u64,
}

/// Records and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
    }
}

/// What a trim in front of a cut leaves.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) residue: Vec<u8>,
    pub(super) kept: Vec<Seq>,
    /// Whose records they are.
    pub(super) stay: HashSet<RunId>,
    /// What is kept in front of the cut.
    pub(super) stays: Amount,
    /// What is there between the first record and the cut.
    pub(super) passed: Amount,
    /// What was kept in front of the first record before.
    pub(super) old: Amount,
    /// Runs that have ended in front of the cut, over the whole life of the journal, and are gone.
    pub(super) gone: u64,
}

impl<'a> Scratch<'a> {
    /// Begins with what the journal begins with.
    pub(super) fn begin(
        store: &dyn Store,
        reopened: &'a BTreeMap<RunId, Seq>,
    ) -> Result<Self, BaseError> {
        let past = match store.residue() {
            Ok(Some(residue)) => Residue::decode(&residue)?.past,
            Ok(None) => Past::default(),
            Err(error) if is_loss(&error) => Past::default(),
            Err(error) => return Err(error.into()),
        };
        let (trails, passed, old) = (HashMap::new(), Amount::default(), Amount::default());
        let mut scratch = Self { state: base(store)?, reopened, trails, past, passed, old };
        if store.first() > Seq::new(1) {
            for record in store.scan_kept() {
                let record = record?;
                let bytes = size(&record);
                scratch.old.add(bytes);
                scratch.follow(&record, bytes);
            }
        }
        Ok(scratch)
    }

    /// The record that comes next.
    pub(super) const fn next(&self) -> Seq {
        self.state.head().next()
    }

    /// Runs that have ended so far, over the whole life of the journal.
    pub(super) const fn ended(&self) -> u64 {
        self.state.ended()
    }

    /// Bytes of the records so far, from the first one on that is there.
    pub(super) const fn bytes(&self) -> u64 {
        self.passed.bytes
    }

    pub(super) fn apply(&mut self, record: &Record) -> Result<(), IllegalTransition> {
        self.state.apply(record)?;
        let seq = record.seq;
        let bytes = size(record);
        self.passed.add(bytes);
        match &record.event {
            Event::EngineOpened(event) => {
                let crowd = self.state.crowd;
                self.past.openings.push(Opening { seq, epoch: event.epoch, crowd });
            }
            Event::JournalRecovered(event) => {
                let lost = event.lost_from.zip(event.lost_to);
                self.past.losses.extend(lost.map(|(from, to)| Loss { seq, from, to }));
            }
            _ => {}
        }
        self.follow(record, bytes);
        self.let_go(record);
        Ok(())
    }

    /// Remembers where a record of a run stands that is still of interest.
    fn follow(&mut self, record: &Record, bytes: u64) {
        let run = record.run.filter(|run| is_of_run(&record.event) && self.state.holds(*run));
        if let Some(run) = run {
            let trail = self.trails.entry(run).or_default();
            trail.seqs.push(record.seq);
            trail.bytes += bytes;
        }
    }

    /// Lets go of a run that has ended, unless it will go on.
    fn let_go(&mut self, record: &Record) {
        let Some(run) = record.run else { return };
        let has_ended = self.state.run(run).is_some_and(|run| run.phase.is_final());
        let goes_on = self.reopened.get(&run).is_some_and(|at| *at > record.seq);
        if !self.state.holds(run) {
            // Passed over, because it does not fit what is left.
            self.trails.remove(&run);
        } else if has_ended && !goes_on {
            self.state.evict(run);
            self.trails.remove(&run);
        }
    }

    /// What a trim in front of the next record would leave.
    pub(super) fn draft(&self) -> Result<Draft, ResidueError> {
        let mut stays = Amount::default();
        let mut kept = Vec::new();
        for trail in self.trails.values() {
            kept.extend(&trail.seqs);
            stays.bytes += trail.bytes;
        }
        kept.sort_unstable();
        stays.records = kept.len() as u64;
        let past = self.past.since(kept.first().copied());
        let (global, is_bereft) = (self.state.global(), self.state.is_bereft);
        let residue = Residue { global, past, is_bereft };
        let spared = self.state.runs().filter(|run| run.phase.is_final()).count() as u64;
        Ok(Draft {
            residue: residue.encode()?,
            kept,
            stay: self.trails.keys().copied().collect(),
            stays,
            passed: self.passed,
            old: self.old,
            gone: self.state.ended().saturating_sub(spared),
        })
    }
}

/// The size of the frame of a record, in bytes; what is there can be written.
///
/// A body that is kept beside it stays where it is: no trim moves it.
fn size(record: &Record) -> u64 {
    let (mut frame, mut aside) = (Vec::new(), Vec::new());
    let encoded = codec::encode(record, Link::default(), false, &mut frame, &mut aside);
    encoded.map_or(0, |_| frame.len() as u64)
}
