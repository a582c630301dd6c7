//! The state and the one way to move it: decide, record, apply, follow up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use resurge_journal::event::{Event, Health};
use resurge_journal::state::{IllegalTransition, Run};
use resurge_journal::{Record, ResourceKey, RunId, State, Timestamp};

use super::command::{Ambient, Command, Fact, Refusal};
use super::decide::{self, World};
use super::registry::Registry;
use crate::policy::effective_bandwidth;
use crate::settings::Settings;
use crate::workflow::Definition;

/// The state of the journal, ahead of the disk by what is not flushed yet.
#[derive(Debug, Clone)]
pub(crate) struct Core {
    state: State,
    registry: Arc<Registry>,
    /// Callers in this process that make the attempts of a run themselves.
    calls: BTreeMap<RunId, Arc<Definition>>,
    settings: Settings,
    /// Set by [`Command::Drain`]: no attempt begins any more.
    draining: bool,
    /// Set while the journal has no room: what has begun may end, and nothing begins.
    suspended: bool,
    /// Until when a limit on bandwidth has held that was lifted or taken back since.
    ///
    /// Not recorded: attempts from before a restart are cut off by it anyway.
    limited_until: Option<Timestamp>,
    /// When something becomes due next, as seen by the last decision.
    wake_at: Option<Timestamp>,
    /// Whether more could begin than fits into one batch.
    is_behind: bool,
}

/// Records of one decision after which what can begin waits for the next one.
const BATCH_RECORDS_MAX: usize = 1_024;

/// A decision that its own fold refuses: a defect of the engine, never of the user.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the engine made a decision that does not fit its own journal; please report this")]
pub(crate) struct Broken(#[from] IllegalTransition);

impl Core {
    pub(crate) const fn new(state: State, registry: Arc<Registry>, settings: Settings) -> Self {
        Self {
            state,
            registry,
            calls: BTreeMap::new(),
            settings,
            draining: false,
            suspended: false,
            limited_until: None,
            wake_at: None,
            is_behind: false,
        }
    }

    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// For runs that leave memory and come back; decisions go through [`handle`](Self::handle).
    ///
    /// What has come back may be due, so that somebody has to look.
    pub(crate) const fn state_mut(&mut self) -> &mut State {
        self.wake_at = Some(self.state.last_at());
        &mut self.state
    }

    /// Whether a run stays in memory while it waits: a caller makes its attempts.
    pub(crate) fn stays(run: &Run) -> bool {
        decide::is_call(run) && !run.phase.is_final()
    }

    /// The workflows that this process knows.
    pub(crate) const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Lets nothing begin until further notice, or again.
    pub(crate) const fn suspend(&mut self, suspended: bool) {
        self.suspended = suspended;
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
        let mut records = Vec::new();
        let decided = self.handle_into(command, ambient, &mut records)?;
        Ok(decided.map(|()| records))
    }

    /// The same with the records behind those of other decisions that share their batch.
    pub(crate) fn handle_into(
        &mut self,
        command: Command,
        ambient: Ambient,
        records: &mut Vec<Record>,
    ) -> Result<Result<(), Refusal>, Broken> {
        self.draining |= matches!(command, Command::Drain);
        let recovers = matches!(command, Command::Recover { .. });
        let caller = match &command {
            Command::Start(request) => request.caller.clone(),
            _ => None,
        };
        let ended = match &command {
            Command::Finished { run, .. } => Some(*run),
            _ => None,
        };
        let facts = match decide::decide(&self.world(), command, ambient) {
            Ok(facts) => facts,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let full = records.len() + BATCH_RECORDS_MAX;
        let begun = self.attach(caller, &facts);
        let mut touched = self.record(facts, ambient.now, records)?;
        if recovers {
            // A crash may have cut off what followed from the last decision about any run.
            touched.runs = self.state.open_runs().map(|run| run.id).collect();
            touched.resources = self.state.breakers().map(|(key, _)| key.clone()).collect();
        }
        self.follow_up(touched, ambient.now, records, full)?;
        // Only now is it known which breakers have turned.
        if let Some(run) = ended.or(begun).filter(|_| !self.draining) {
            let refused = decide::refuse(&self.world(), run, ambient.now);
            if !refused.is_empty() {
                let touched = self.record(refused, ambient.now, records)?;
                self.follow_up(touched, ambient.now, records, full)?;
            }
        }
        let is_behind = std::mem::take(&mut self.is_behind);
        self.wake_at = if is_behind { Some(ambient.now) } else { self.state.next_due(ambient.now) };
        Ok(Ok(()))
    }

    /// Records what follows, until nothing more does or so many records stand in the batch.
    fn follow_up(
        &mut self,
        mut touched: Touched,
        now: Timestamp,
        records: &mut Vec<Record>,
        full: usize,
    ) -> Result<(), Broken> {
        loop {
            touched.runs.sort_unstable();
            touched.runs.dedup();
            for run in std::mem::take(&mut touched.runs) {
                let facts = decide::settle(&self.world(), run);
                if !facts.is_empty() {
                    self.record(facts, now, records)?;
                }
                let is_over = |state: &State| state.run(run).is_none_or(|run| run.phase.is_final());
                if !self.calls.is_empty() && is_over(&self.state) {
                    self.calls.remove(&run);
                }
            }
            if self.draining {
                return Ok(());
            }
            let mut facts = decide::overdue(&self.world(), now);
            if facts.is_empty() {
                facts = decide::breakers(&self.world(), &touched.resources, now);
            }
            if facts.is_empty() {
                // Whatever was learnt has had its say.
                touched.resources.clear();
                if records.len() >= full {
                    self.is_behind = true;
                    return Ok(());
                }
                if self.suspended {
                    return Ok(());
                }
                facts = decide::begin(&self.world(), now);
            }
            if facts.is_empty() {
                return Ok(());
            }
            let more = self.record(facts, now, records)?;
            touched.runs = more.runs;
            touched.resources.extend(more.resources);
        }
    }

    /// Remembers who makes the attempts of a run that is started or goes on; tells which it is.
    fn attach(&mut self, caller: Option<Arc<Definition>>, facts: &[Fact]) -> Option<RunId> {
        let run = facts.first().and_then(|fact| fact.run)?;
        self.calls.insert(run, caller?);
        Some(run)
    }

    /// Forgets the caller of a run, before its end is decided.
    pub(crate) fn detach(&mut self, run: RunId) {
        self.calls.remove(&run);
    }

    /// What carries a run on: its caller, or the definition that is registered.
    pub(crate) fn definition(&self, run: &Run) -> Option<&Arc<Definition>> {
        self.calls.get(&run.id).or_else(|| self.registry.find(&run.started.manifest).ok())
    }

    pub(super) fn world(&self) -> World<'_> {
        World {
            state: &self.state,
            registry: &self.registry,
            calls: &self.calls,
            settings: &self.settings,
            draining: self.draining,
            suspended: self.suspended,
            limited_until: self.limited_until,
        }
    }

    /// Gives facts their place in the journal and applies them; tells what they touch.
    fn record(
        &mut self,
        facts: Vec<Fact>,
        now: Timestamp,
        records: &mut Vec<Record>,
    ) -> Result<Touched, Broken> {
        let mut touched = Touched::default();
        for Fact { run, event } in facts {
            let record = Record { seq: self.state.head().next(), at: now, run, event };
            let was_limited = effective_bandwidth(&self.settings, self.state.tuning()) > 0;
            self.state.apply(&record)?;
            if was_limited && matches!(record.event, Event::SettingsChanged(_)) {
                self.limited_until = Some(now);
            }
            touched.runs.extend(run);
            let health: &[Health] = match &record.event {
                Event::AttemptSucceeded(event) => &event.health,
                Event::AttemptFailed(event) => &event.health,
                _ => &[],
            };
            touched.resources.extend(health.iter().map(|health| health.key.clone()));
            records.push(record);
        }
        Ok(touched)
    }
}

/// What records speak of, and so what may have to follow.
#[derive(Debug, Default)]
struct Touched {
    runs: Vec<RunId>,
    /// Resources about which something was learnt.
    resources: BTreeSet<ResourceKey>,
}
