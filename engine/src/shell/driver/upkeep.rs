//! What the driver does for the journal beside deciding: runs leave memory, records are dropped.

use resurge_journal::event::JournalTrimmed;
use resurge_journal::retention::Trim;
use resurge_journal::{RunId, Timestamp};

use super::{Driver, Fatal};
use crate::core::Command;
use crate::shell::residence::{Landed, Turn};
use crate::shell::retention::Looked;
use crate::shell::tasks::remove_folders;

impl Driver {
    /// Takes note of what has become of the runs that have left memory.
    pub(super) fn settle(&mut self, landed: Landed) -> Result<(), Fatal> {
        match self.residence.landed(&mut self.core, landed)? {
            Turn::Kept => self.retention.look(),
            Turn::Readable => self.held.release(),
            Turn::None => {}
        }
        Ok(())
    }

    /// Has it worked out what can be dropped from the journal, and drops what was recorded.
    pub(super) fn look_at_past(&mut self, now: Timestamp) {
        self.retention.carry_out(self.commits.durable());
        if self.retention.is_due() && self.drain.is_none() {
            let upto = self.residence.kept_upto(self.commits.durable());
            self.retention.plan(self.core.state().standing(), upto, now);
        }
    }

    /// Records what is to be dropped; it is dropped once that is durable.
    fn trim(&mut self, plan: Trim) -> Result<(), Fatal> {
        // The next checkpoint has another look, so that no plan is made all the time.
        if self.drain.is_some() || plan.is_overtaken(self.core.state()) {
            return Ok(());
        }
        let JournalTrimmed { first, before, .. } = plan.event;
        if first > self.core.state().first() {
            // A refusal is impossible: nothing about it is asked for.
            let _ = self.decide(Command::Trim(Box::new(plan.event.clone())))?;
            self.residence.forget(first, before);
        }
        self.retention.recorded(plan, self.core.state().head());
        Ok(())
    }

    /// Removes the scratch files of runs that were dropped.
    fn clear_away(&mut self, dropped: &[RunId]) {
        let is_gone = |run: &&RunId| !self.core.state().holds(**run);
        let gone: Vec<RunId> = dropped.iter().filter(is_gone).copied().collect();
        remove_folders(gone.into_iter().map(|run| self.tasks.scratch_of_dropped(run)).collect());
    }

    /// Goes on with what has become of old records.
    pub(super) fn looked(&mut self, looked: Looked) -> Result<(), Fatal> {
        match looked {
            Looked::Planned(plan) => self.trim(plan),
            Looked::Trimmed(littered) => {
                self.clear_away(&littered);
                Ok(())
            }
            Looked::Done => Ok(()),
        }
    }
}
