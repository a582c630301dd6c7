//! The workflows that this process knows.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use resurge_journal::WorkflowName;
use resurge_journal::manifest::{Difference, Manifest};

use crate::workflow::Definition;

/// The workflows that this process knows, by name and version.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    workflows: HashMap<WorkflowName, BTreeMap<u32, Arc<Definition>>>,
}

/// Why a run cannot go on with what is registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    #[error(
        "workflow `{name}` version {version} is not registered; register it and open the engine again"
    )]
    NotRegistered { name: WorkflowName, version: u32 },
    #[error(
        "workflow `{name}` version {version} has changed: {difference}; register the definition that the run was started with, or cancel the run"
    )]
    Changed { name: WorkflowName, version: u32, difference: Difference },
    #[error(
        "workflow `{name}` version {version} no longer defines the delay function `{custom}`; define it again, or cancel the run"
    )]
    CustomMissing { name: WorkflowName, version: u32, custom: String },
}

impl Registry {
    /// Takes a definition in; false if another one stands for the same name and version.
    pub(crate) fn insert(&mut self, definition: &Arc<Definition>) -> bool {
        let manifest = &definition.manifest;
        let versions = self.workflows.entry(manifest.workflow.clone()).or_default();
        let known = versions.entry(manifest.version).or_insert_with(|| Arc::clone(definition));
        Arc::ptr_eq(known, definition)
    }

    /// Every definition, in no order.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.workflows.values().flat_map(BTreeMap::values)
    }

    /// The definition that carries a run with this graph on.
    pub(crate) fn find(&self, graph: &Manifest) -> Result<&Arc<Definition>, Misfit> {
        let (name, version) = (&graph.workflow, graph.version);
        let versions = self.workflows.get(name);
        let Some(definition) = versions.and_then(|versions| versions.get(&version)) else {
            return Err(Misfit::NotRegistered { name: name.clone(), version });
        };
        if let Some(difference) = graph.difference(&definition.manifest) {
            return Err(Misfit::Changed { name: name.clone(), version, difference });
        }
        let customs = graph.steps.iter().filter_map(|step| step.retry.custom.as_ref());
        for custom in customs {
            if !definition.custom.contains_key(custom) {
                let (name, custom) = (name.clone(), custom.clone());
                return Err(Misfit::CustomMissing { name, version, custom });
            }
        }
        Ok(definition)
    }
}
