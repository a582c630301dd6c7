//! What retention has dropped.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::JournalTrimmed;
use crate::id::{RunId, Seq};
use crate::state::run::Run;
use crate::state::world::State;

/// What retention has dropped, and what it must spare.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Trimmed {
    /// The first record that stays; 0 if the journal was never trimmed.
    pub(crate) first: Seq,
    /// Runs that were dropped.
    pub(crate) runs: u64,
    /// Runs that went on after they had ended, and the last record behind `first` that says so.
    pub(crate) reopened: BTreeMap<RunId, Seq>,
}

/// What decides about retention, taken from a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The last record of the state.
    pub head: Seq,
    /// The first record that retention has decided to leave; 1 if it was never at work.
    pub first: Seq,
    /// Runs that have ended, over the whole life of the journal.
    pub ended: u64,
    /// Those of them that were dropped.
    pub dropped: u64,
    pub(crate) reopened: BTreeMap<RunId, Seq>,
}

/// Whether a run is dropped by a trim: it had ended before, and has not gone on since.
pub(crate) fn is_gone(run: &Run, first: Seq) -> bool {
    run.phase.is_final() && run.since < first
}

impl State {
    /// The first record that retention has decided to leave; 1 if it was never at work.
    pub fn first(&self) -> Seq {
        self.trimmed.first.max(Seq::new(1))
    }

    /// What decides about retention.
    pub fn standing(&self) -> Standing {
        Standing {
            head: self.head,
            first: self.first(),
            ended: self.ended(),
            dropped: self.trimmed.runs,
            reopened: self.trimmed.reopened.clone(),
        }
    }

    /// Runs that had ended and have gone on behind a position.
    pub(crate) fn reopened_behind(&self, seq: Seq) -> impl Iterator<Item = RunId> {
        self.trimmed.reopened.iter().filter(move |(_, at)| **at > seq).map(|(run, _)| *run)
    }

    /// Runs that have ended, those that were dropped among them.
    pub(crate) const fn ended(&self) -> u64 {
        let stats = &self.stats;
        stats.succeeded + stats.failed + stats.cancelled
    }

    /// Takes in that the journal is trimmed.
    pub(super) fn trim(&mut self, event: &JournalTrimmed) -> Result<(), String> {
        if event.first > self.head.next() {
            return Err("a journal is trimmed in front of a record that it has".to_owned());
        }
        self.trimmed.runs = self.trimmed.runs.saturating_add(event.runs);
        self.forget(event.first);
        Ok(())
    }

    /// Forgets the runs that a trim drops.
    pub(crate) fn forget(&mut self, first: Seq) {
        let gone: Vec<RunId> =
            self.runs().filter(|run| is_gone(run, first)).map(|run| run.id).collect();
        for run in gone {
            self.evict(run);
        }
        self.trimmed.first = self.trimmed.first.max(first);
        self.trimmed.reopened.retain(|_, at| *at >= first);
    }
}
