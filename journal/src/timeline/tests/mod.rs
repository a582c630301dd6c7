//! The timeline against stories with a known end, and against the fold of the state.

mod random;
mod stories;

use super::{Segment, Timeline};
use crate::state::tests::world::{World, key};

/// The first run of a world.
fn told(world: &World) -> Timeline {
    let mut timeline = Timeline::default();
    world.records.iter().for_each(|record| timeline.apply(record));
    timeline
}

fn lane<'a>(timeline: &'a Timeline, step: &str) -> &'a [Segment] {
    let lane = timeline.lanes().iter().find(|lane| *lane.step() == key(step));
    lane.expect("a lane per step").segments()
}

/// What is drawn, in short: kind, outcome, milliseconds and text.
fn short(segments: &[Segment]) -> Vec<String> {
    let one = |segment: &Segment| {
        let outcome = segment.outcome().map(|outcome| format!(" {}", outcome.name()));
        let number = segment.attempt().map(|number| format!(" #{number}"));
        let to = segment.to.map_or_else(String::new, |to| to.as_millis().to_string());
        format!(
            "{}{}{} {}..{to}: {}",
            segment.kind.name(),
            number.unwrap_or_default(),
            outcome.unwrap_or_default(),
            segment.from.as_millis(),
            segment.text
        )
    };
    segments.iter().map(one).collect()
}
