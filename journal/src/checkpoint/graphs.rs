//! The graphs of open runs that have left memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::WorkflowName;
use crate::manifest::Manifest;

/// The graphs of open runs that have left memory, with how many runs follow each.
///
/// An opening compares them with what is registered, so that it need not look at the runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Graphs(BTreeMap<(WorkflowName, u32), Vec<(Manifest, u64)>>);

impl Graphs {
    pub(super) fn add(&mut self, graph: &Manifest) {
        let known = self.0.entry((graph.workflow.clone(), graph.version)).or_default();
        match known.iter_mut().find(|(known, _)| known == graph) {
            Some((_, runs)) => *runs += 1,
            None => known.push((graph.clone(), 1)),
        }
    }

    pub(super) fn remove(&mut self, graph: &Manifest) {
        let id = (graph.workflow.clone(), graph.version);
        let Some(known) = self.0.get_mut(&id) else { return };
        if let Some(at) = known.iter().position(|(known, _)| known == graph)
            && let Some((_, runs)) = known.get_mut(at)
        {
            *runs = runs.saturating_sub(1);
            if *runs == 0 {
                known.swap_remove(at);
            }
        }
        if known.is_empty() {
            self.0.remove(&id);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Manifest> {
        self.0.values().flatten().map(|(graph, _)| graph)
    }
}
