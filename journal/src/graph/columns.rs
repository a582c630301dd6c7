//! Which column each step stands in, and where edges pass columns between.

use crate::id::StepIndex;
use crate::manifest::{Manifest, StepSpec};

/// A graph whose edges all lead from one column to the next.
///
/// Spots are numbered: first the steps in the order of the manifest, then the places where an edge
/// passes a column. All edges from one step share the place in a column.
#[derive(Debug, Clone, Default)]
pub(super) struct Sketch {
    /// The column of each spot.
    pub(super) column: Vec<usize>,
    /// Spots in the column before that lead to a spot.
    pub(super) before: Vec<Vec<usize>>,
    /// Spots in the column after that a spot leads to.
    pub(super) after: Vec<Vec<usize>>,
    /// How many spots are steps.
    pub(super) steps: usize,
    /// The edges that people see.
    pub(super) routes: Vec<Route>,
    /// Spots of each column, from top to bottom.
    pub(super) columns: Vec<Vec<usize>>,
}

/// One edge: from a step to a step, past places in the columns between.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) past: Vec<usize>,
}

impl Sketch {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let needs: Vec<Vec<usize>> = (0..).zip(manifest.steps.iter()).map(needs).collect();
        let mut sketch = Self { steps: needs.len(), ..Self::default() };
        for needs in &needs {
            let column = needs.iter().map(|need| sketch.column_of(*need) + 1).max();
            sketch.spot(column.unwrap_or(0));
        }
        let mut chains: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
        for (to, needs) in needs.iter().enumerate() {
            for from in needs {
                if let Some(chain) = chains.get_mut(*from) {
                    sketch.lead(*from, to, chain);
                }
            }
        }
        sketch
    }

    /// Whether a spot is a step.
    pub(super) const fn is_step(&self, spot: usize) -> bool {
        spot < self.steps
    }

    pub(super) fn column_of(&self, spot: usize) -> usize {
        self.column.get(spot).copied().unwrap_or(0)
    }

    /// Adds a spot at the bottom of a column.
    fn spot(&mut self, column: usize) -> usize {
        let spot = self.column.len();
        self.column.push(column);
        self.before.push(Vec::new());
        self.after.push(Vec::new());
        if self.columns.len() <= column {
            self.columns.resize(column + 1, Vec::new());
        }
        if let Some(column) = self.columns.get_mut(column) {
            column.push(spot);
        }
        spot
    }

    /// Leads an edge to its step along the chain of places that all edges of its other end share.
    fn lead(&mut self, from: usize, to: usize, chain: &mut Vec<usize>) {
        let passed = self.column_of(to).saturating_sub(self.column_of(from) + 1);
        let mut past = Vec::new();
        if self.steps <= STEPS_LED_MAX {
            while chain.len() < passed {
                let place = self.spot(self.column_of(from) + 1 + chain.len());
                self.join(chain.last().copied().unwrap_or(from), place);
                chain.push(place);
            }
            past.extend(chain.iter().take(passed));
            self.join(past.last().copied().unwrap_or(from), to);
        } else if passed == 0 {
            self.join(from, to);
        }
        self.routes.push(Route { from, to, past });
    }

    fn join(&mut self, from: usize, to: usize) {
        if let (Some(after), Some(before)) = (self.after.get_mut(from), self.before.get_mut(to)) {
            after.push(to);
            before.push(from);
        }
    }
}

/// Steps of a graph whose edges are led past other steps; those of a larger one are drawn across.
const STEPS_LED_MAX: usize = 256;

/// What a step needs, each once; nothing that comes after it, which no sound graph has.
fn needs((index, spec): (usize, &StepSpec)) -> Vec<usize> {
    let mut needs: Vec<usize> =
        spec.needs().map(StepIndex::get).filter(|need| *need < index).collect();
    needs.sort_unstable();
    needs.dedup();
    needs
}
