//! Simulated lives let go of runs and bring them back, as the shell does.

use std::collections::BTreeMap;
use std::time::Duration;

use resurge_journal::checkpoint::Resting;
use resurge_journal::event::Event;
use resurge_journal::retention::{Limits, Trimmer};
use resurge_journal::state::Run;
use resurge_journal::store::Store;
use resurge_journal::{Record, RunId};

use super::Sim;
use crate::core::{Command, Core};
use crate::shell::bring;

impl Sim {
    /// As the shell does before every decision.
    pub(super) fn bring(&mut self, command: &Command) {
        let Some(wanted) = command.wants() else { return };
        let brought = bring(&mut self.core, &mut self.cold, &self.disk, &wanted, self.now);
        brought.expect("nothing is lost");
    }

    /// Now and then the state is kept, and what rests leaves memory.
    pub(super) fn keep(&mut self) {
        if !self.luck.one_in(8) {
            return;
        }
        let far = Duration::from_secs(self.luck.below(20));
        let durable = self.disk.head();
        let resting = Resting { now: self.now, far, durable, stays: &Core::stays };
        let Some(snapshot) = self.cold.snapshot(self.core.state_mut(), &resting) else { return };
        self.left += snapshot.leaving() as u64;
        if self.luck.one_in(10) {
            // The process dies before it is written.
            self.crash();
            return;
        }
        let written = snapshot.write(&self.disk);
        self.cold.landed(self.core.state_mut(), &written);
    }

    /// As the shell does when it was recorded that runs are dropped.
    pub(super) fn forget(&mut self, records: &[Record]) {
        for record in records {
            if let Event::JournalTrimmed(event) = &record.event {
                self.cold.forget(event.first, event.before);
            }
        }
    }

    /// What has ended is dropped; the process may die in between.
    pub(super) fn trim(&mut self) {
        let limits = Limits { runs: Some(self.luck.below(3)), ..Limits::default() };
        let (standing, upto) = (self.core.state().standing(), self.cold.at());
        let plan = Trimmer::new(limits).plan(&self.disk, &standing, self.now, upto, &|| false);
        let Some(trim) = plan.expect("the journal is sound") else { return };
        let first = trim.event.first;
        let crashes = self.crashes;
        // Something may happen while it is worked out, or the process may die.
        if self.luck.one_in(2) {
            self.step();
        }
        let is_overtaken = trim.is_overtaken(self.core.state());
        if crashes != self.crashes || is_overtaken || first < self.core.state().first() {
            return;
        }
        if first > self.core.state().first() {
            self.command(Command::Trim(Box::new(trim.event)));
        }
        if self.luck.one_in(4) {
            self.crash();
        } else if self.core.state().first() == first && self.disk.first() < first {
            self.disk.trim(first, &trim.residue, &trim.kept).expect("it is a cut");
            self.trims += 1;
        }
    }

    /// A run wherever it is.
    pub(super) fn run(&self, id: RunId) -> Option<Run> {
        let known = self.core.state().run(id).cloned();
        known.or_else(|| {
            self.cold.peek(&self.disk, id).expect("nothing is lost").map(|run| (*run).clone())
        })
    }

    /// All runs wherever they are.
    pub(super) fn runs(&self) -> BTreeMap<RunId, Run> {
        let mut runs: BTreeMap<RunId, Run> =
            self.core.state().runs().map(|run| (run.id, run.clone())).collect();
        let mut listing = self.cold.listing();
        while let Some(page) = listing.next_page(&self.disk).expect("nothing is lost") {
            for run in page {
                assert!(runs.insert(run.id, (*run).clone()).is_none(), "one place for a run");
            }
        }
        runs
    }
}
