//! Everything that a decision may look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use resurge_journal::state::Run;
use resurge_journal::{RunId, State, Timestamp};

use crate::core::registry::{Misfit, Registry};
use crate::settings::Settings;
use crate::workflow::Definition;

/// Everything that a decision may look at.
#[derive(Clone, Copy)]
pub(in crate::core) struct World<'a> {
    pub(in crate::core) state: &'a State,
    pub(in crate::core) registry: &'a Registry,
    /// Callers in this process that make the attempts of a run themselves.
    pub(in crate::core) calls: &'a BTreeMap<RunId, Arc<Definition>>,
    pub(in crate::core) settings: &'a Settings,
    pub(in crate::core) draining: bool,
    /// Whether the disk of the journal is full.
    pub(in crate::core) suspended: bool,
    /// Until when a limit on bandwidth has held that holds no more.
    pub(in crate::core) limited_until: Option<Timestamp>,
}

impl<'a> World<'a> {
    /// What carries a run on: its caller, or the definition that is registered.
    pub(super) fn definition(&self, run: &Run) -> Result<&'a Arc<Definition>, Misfit> {
        match self.calls.get(&run.id) {
            Some(caller) => Ok(caller),
            None => self.registry.find(&run.started.manifest),
        }
    }
}
