//! The state and the one way to move it: decide, record, apply, follow up.

use std::collections::BTreeSet;
use std::sync::Arc;

use resurge_journal::state::IllegalTransition;
use resurge_journal::{Record, RunId, State, Timestamp};

use super::command::{Ambient, Command, Fact, Refusal};
use super::decide::{self, World};
use super::registry::Registry;
use crate::settings::Settings;

/// The state of the journal, ahead of the disk by what is not flushed yet.
#[derive(Debug)]
pub(crate) struct Core {
    state: State,
    registry: Arc<Registry>,
    settings: Settings,
    /// Set by [`Command::Drain`]: no attempt begins any more.
    draining: bool,
    /// When something becomes due next, as seen by the last decision.
    wake_at: Option<Timestamp>,
}

/// A decision that its own fold refuses: a defect of the engine, never of the user.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the engine made a decision that does not fit its own journal; please report this")]
pub(crate) struct Broken(#[from] IllegalTransition);

impl Core {
    pub(crate) const fn new(state: State, registry: Arc<Registry>, settings: Settings) -> Self {
        Self { state, registry, settings, draining: false, wake_at: None }
    }

    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// When something becomes due that no command has looked at yet.
    pub(crate) const fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    /// Decides on a command and gives the records that follow from it, already applied.
    ///
    /// They must reach the disk as one batch, in this order, before anybody sees them.
    pub(crate) fn handle(
        &mut self,
        command: Command,
        ambient: Ambient,
    ) -> Result<Result<Vec<Record>, Refusal>, Broken> {
        self.draining |= matches!(command, Command::Drain);
        let recovers = matches!(command, Command::Recover { .. });
        let facts = match decide::decide(&self.world(), command, ambient) {
            Ok(facts) => facts,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut records = Vec::with_capacity(facts.len() + 1);
        let mut touched = self.record(facts, ambient.now, &mut records)?;
        if recovers {
            // A crash may have cut off what followed from the last decision about any run.
            touched = self.state.open_runs().map(|run| run.id).collect();
        }
        for run in touched {
            let facts = decide::settle(&self.world(), run);
            self.record(facts, ambient.now, &mut records)?;
        }
        if !self.draining {
            // Whatever was asked for: what is due by now is nobody else's to look at.
            let facts = decide::overdue(&self.world(), ambient.now);
            self.record(facts, ambient.now, &mut records)?;
            let facts = decide::start_attempts(&self.world(), ambient.now);
            self.record(facts, ambient.now, &mut records)?;
        }
        self.wake_at = self.state.next_due(ambient.now);
        Ok(Ok(records))
    }

    fn world(&self) -> World<'_> {
        World {
            state: &self.state,
            registry: &self.registry,
            settings: &self.settings,
            draining: self.draining,
        }
    }

    /// Gives facts their place in the journal and applies them; tells which runs they touch.
    fn record(
        &mut self,
        facts: Vec<Fact>,
        now: Timestamp,
        records: &mut Vec<Record>,
    ) -> Result<BTreeSet<RunId>, Broken> {
        let mut touched = BTreeSet::new();
        for Fact { run, event } in facts {
            let record = Record { seq: self.state.head().next(), at: now, run, event };
            self.state.apply(&record)?;
            touched.extend(run);
            records.push(record);
        }
        Ok(touched)
    }
}
