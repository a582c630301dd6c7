//! The graphs of open runs that have left memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::WorkflowName;
use crate::manifest::Manifest;

/// The graphs of open runs that have left memory, with how many runs follow each.
///
/// An opening compares them with what is registered, so that it need not look at the runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Graphs {
    known: BTreeMap<(WorkflowName, u32), Vec<(Manifest, u64)>>,
    /// How many graphs that are.
    count: u64,
    /// Runs whose graphs were too many to be remembered.
    others: u64,
}

impl Graphs {
    pub(super) fn add(&mut self, graph: &Manifest) {
        let known = self.known.entry((graph.workflow.clone(), graph.version)).or_default();
        match known.iter_mut().find(|(known, _)| known == graph) {
            Some((_, runs)) => *runs += 1,
            None if self.count >= GRAPHS_MAX => self.others += 1,
            None => {
                known.push((graph.clone(), 1));
                self.count += 1;
            }
        }
    }

    pub(super) fn remove(&mut self, graph: &Manifest) {
        let id = (graph.workflow.clone(), graph.version);
        let graphs = self.known.entry(id.clone()).or_default();
        let at = graphs.iter().position(|(known, _)| known == graph);
        match at.and_then(|at| graphs.get_mut(at).map(|(_, runs)| (at, runs))) {
            Some((at, runs)) if *runs <= 1 => {
                graphs.swap_remove(at);
                self.count = self.count.saturating_sub(1);
            }
            Some((_, runs)) => *runs -= 1,
            None => self.others = self.others.saturating_sub(1),
        }
        if graphs.is_empty() {
            self.known.remove(&id);
        }
    }

    /// Whether any run may follow a graph that is wanted.
    pub(super) fn may_have(&self, wanted: impl Fn(&Manifest) -> bool) -> bool {
        self.others > 0 || self.known.values().flatten().any(|(graph, _)| wanted(graph))
    }
}

/// Graphs beyond which the others are only counted.
const GRAPHS_MAX: u64 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::state::tests::world::run_started;

    fn graph(version: u32) -> Manifest {
        let Event::RunStarted(started) = run_started(None, None) else {
            panic!("a run begins with its graph")
        };
        Manifest { version: version % 7, ..vary(started.manifest, version) }
    }

    /// Another graph for each number.
    fn vary(mut graph: Manifest, number: u32) -> Manifest {
        let mut steps = graph.steps.to_vec();
        for step in &mut steps {
            step.timeout_ms = Some(u64::from(number));
        }
        graph.steps = steps.into();
        graph
    }

    #[test]
    fn no_graph_of_a_run_is_overlooked_however_many_there_are() {
        let mut graphs = Graphs::default();
        let many = 1_500;
        for number in 0..many {
            graphs.add(&graph(number));
        }
        assert!(graphs.may_have(|known| *known == graph(many - 1)), "it may be among the others");
        for number in 0..many - 1 {
            graphs.remove(&graph(number));
        }
        assert!(graphs.may_have(|known| *known == graph(many - 1)));
        graphs.remove(&graph(many - 1));
        assert!(!graphs.may_have(|_| true));
        assert_eq!(graphs, Graphs::default());
    }
}
