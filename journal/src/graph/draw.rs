//! The drawing: boxes and lines in whole units.

use std::fmt::Write;

use super::columns::{Route, Sketch};
use super::order::untangle;
use super::place::{STEP_HEIGHT, middles};
use crate::id::StepKey;
use crate::manifest::Manifest;

/// A graph as it is drawn; the origin is at the top left, units are those of an SVG drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// Width of all of it.
    pub width: u32,
    /// Height of all of it.
    pub height: u32,
    /// A box for every step, in the order of the manifest.
    pub nodes: Vec<Node>,
    /// A line for every pair of steps of which one needs the other.
    pub edges: Vec<Edge>,
}

/// The box of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// The step.
    pub key: StepKey,
    /// Its column, from 0: the longest way to it from a step that needs nothing.
    pub layer: u32,
    /// Left side.
    pub x: u32,
    /// Upper side.
    pub y: u32,
    /// Width.
    pub w: u32,
    /// Height.
    pub h: u32,
}

/// The line from a step to one that needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// The step that comes first.
    pub from: StepKey,
    /// The step that needs it.
    pub to: StepKey,
    /// Data of an SVG path, from the right side of one box to the left side of the other.
    ///
    /// It passes no other box, as long as the graph has at most 256 steps.
    pub path: String,
}

/// Width of a step.
const STEP_WIDTH: i64 = 140;
/// Distance between two columns.
const COLUMN_GAP: i64 = 60;
/// Room around it all, for the width of lines.
const MARGIN: i64 = 10;

/// Lays a graph out from left to right.
///
/// Total: an edge to a later step, which [`Manifest::check`] refuses, is left out.
pub fn layout(manifest: &Manifest) -> Layout {
    let mut sketch = Sketch::of(manifest);
    untangle(&mut sketch);
    let (middles, height) = middles(&sketch);
    let view = View { sketch: &sketch, middles: &middles };
    let nodes = manifest.steps.iter().enumerate().map(|(spot, step)| Node {
        key: step.key.clone(),
        layer: unit(view.column(spot)),
        x: unit(left_of(view.column(spot))),
        y: unit(view.middle(spot) - STEP_HEIGHT / 2),
        w: unit(STEP_WIDTH),
        h: unit(STEP_HEIGHT),
    });
    let key = |spot: usize| manifest.steps.get(spot).map(|step| step.key.clone());
    let edges = sketch.routes.iter().filter_map(|route| {
        Some(Edge { from: key(route.from)?, to: key(route.to)?, path: view.path(route) })
    });
    let columns = i64::try_from(sketch.columns.len()).unwrap_or(i64::MAX);
    Layout {
        width: unit(left_of(columns) - COLUMN_GAP + MARGIN),
        height: unit(height + 2 * MARGIN),
        nodes: nodes.collect(),
        edges: edges.collect(),
    }
}

fn unit(units: i64) -> u32 {
    u32::try_from(units.max(0)).unwrap_or(u32::MAX)
}

const fn left_of(column: i64) -> i64 {
    MARGIN + column.saturating_mul(STEP_WIDTH + COLUMN_GAP)
}

struct View<'a> {
    sketch: &'a Sketch,
    middles: &'a [i64],
}

impl View<'_> {
    fn column(&self, spot: usize) -> i64 {
        i64::try_from(self.sketch.column_of(spot)).unwrap_or(i64::MAX)
    }

    fn middle(&self, spot: usize) -> i64 {
        MARGIN + self.middles.get(spot).copied().unwrap_or(0)
    }

    /// Curves between columns, straight lines past the steps in them.
    fn path(&self, route: &Route) -> String {
        let mut x = left_of(self.column(route.from)) + STEP_WIDTH;
        let mut y = self.middle(route.from);
        let mut path = format!("M{x} {y}");
        for spot in route.past.iter().chain([&route.to]) {
            let (left, middle) = (left_of(self.column(*spot)), self.middle(*spot));
            path = curve(path, (x, y), (left, middle));
            (x, y) = (left, middle);
            if *spot != route.to {
                x += STEP_WIDTH;
                path = format!("{path}H{x}");
            }
        }
        path
    }
}

fn curve(mut path: String, (x, y): (i64, i64), (to, down): (i64, i64)) -> String {
    let half = x.midpoint(to);
    let drawn = if down == y {
        write!(path, "H{to}")
    } else {
        write!(path, "C{half} {y} {half} {down} {to} {down}")
    };
    debug_assert!(drawn.is_ok(), "a text takes everything");
    path
}
