//! How far attempts are, looked at now and then.

use std::collections::HashMap;
use std::time::Duration;

use resurge::{RunId, StepKey, Unavailable};
use tokio::time::Instant;

use super::held::Board;
use crate::view::{Entry, Meter, Readings, Scene};

/// How often it is looked how far attempts are, while somebody watches.
pub(super) const SAMPLE: Duration = Duration::from_millis(250);

/// The meters of attempts under way.
#[derive(Debug, Default)]
pub(super) struct Meters {
    known: HashMap<(RunId, StepKey), Meter>,
    read_at: Option<Instant>,
}

impl Board {
    /// Looks how far attempts are, unless that was done just now; tells whether any may be under way.
    pub(super) async fn sample(&self, age_max: Duration) -> Result<bool, Unavailable> {
        let mut meters = self.meters.lock().await;
        let begun = Instant::now();
        let age = meters.read_at.map(|read_at| begun.duration_since(read_at));
        if age.is_some_and(|age| age < age_max) {
            // What has begun since then is seen by the next look.
            return Ok(true);
        }
        let under_way = self.engine.under_way().await?;
        let now = self.engine.now().await?;
        let mut known = HashMap::with_capacity(under_way.len());
        let mut gained = Vec::with_capacity(under_way.len());
        for attempt in under_way {
            gained.push((attempt.run, attempt.step.clone(), attempt.progress.gained()));
            let key = (attempt.run, attempt.step);
            let mut meter =
                meters.known.remove(&key).unwrap_or_else(|| Meter::new(&attempt.progress));
            meter.observe(&attempt.progress, age.unwrap_or_default());
            known.insert(key, meter);
        }
        (meters.known, meters.read_at) = (known, Some(begun));
        let is_moving = !meters.known.is_empty();
        if is_moving || !self.scene().readings.is_empty() {
            self.change(|scene| {
                scene.now = now;
                show(scene, &meters);
                count(scene, &gained);
            });
        }
        Ok(is_moving)
    }
}

/// Shows what the meters say; attempts that are over are shown as far as they came.
fn show(scene: &mut Scene, meters: &Meters) {
    for readings in scene.readings.values_mut() {
        for reading in readings.values_mut() {
            *reading = reading.at_rest();
        }
    }
    let entries = &scene.entries;
    scene.readings.retain(|run, _| entries.get(run).is_some_and(|entry| !entry.is_final));
    for ((run, step), meter) in &meters.known {
        if scene.entries.get(run).is_some_and(|entry| !entry.is_final) {
            let readings: &mut Readings = scene.readings.entry(*run).or_default();
            readings.insert(step.clone(), meter.reading());
        }
    }
}

/// Counts what downloads have fetched since the last look.
fn count(scene: &mut Scene, gained: &[(RunId, StepKey, u64)]) {
    for (run, step, gained) in gained {
        let is_open = |entry: &Entry| !entry.is_final && entry.fetches(step);
        if scene.entries.get(run).is_some_and(is_open) {
            scene.tally.came(*run, step, *gained);
        }
    }
}
