//! What attempts took, counted from the first look on: for whoever collects numbers.

use std::collections::{BTreeMap, HashMap};

use resurge::journal::Record;
use resurge::journal::event::{AttemptFailed, Event, Verdict};
use resurge::{Json, RunId, StepKey, Timestamp};

use super::entry::Entry;

/// What attempts took since somebody looked for the first time.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Attempts under way, by run: forgotten when they end, or their run does.
    under_way: HashMap<RunId, BTreeMap<StepKey, Attempt>>,
    /// How long attempts took, by how they ended.
    pub(crate) durations: BTreeMap<&'static str, Histogram>,
    /// How long steps were made to wait after failures.
    pub(crate) delays: Histogram,
    /// Bytes that downloads have fetched.
    pub(crate) bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Attempt {
    /// None if it began before the first look.
    began_at: Option<Timestamp>,
    /// What of its bytes is counted.
    counted: u64,
}

/// How many lengths of time there were of each size.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Histogram {
    /// By the first bound that they do not exceed; the last one is of those beyond all bounds.
    sizes: [u64; Self::BOUNDS_MS.len() + 1],
    pub(crate) sum_ms: u64,
}

/// Ways in which attempts end.
pub(crate) const OUTCOMES: [&str; 3] = ["succeeded", "failed", "interrupted"];

impl Tally {
    /// Takes in what has happened to a run.
    pub(crate) fn apply(&mut self, record: &Record, entry: &Entry) {
        match &record.event {
            Event::AttemptStarted(started) => {
                let attempt = Attempt { began_at: Some(record.at), counted: 0 };
                self.under_way.entry(entry.id).or_default().insert(started.step.clone(), attempt);
            }
            Event::AttemptSucceeded(done) => {
                let fetched = entry.fetches(&done.step).then(|| fetched(&done.output)).flatten();
                self.ended(entry.id, &done.step, "succeeded", record.at, fetched.unwrap_or(0));
            }
            Event::AttemptFailed(failed) => {
                let gained = if entry.fetches(&failed.step) { failed.gained } else { 0 };
                self.ended(entry.id, &failed.step, "failed", record.at, gained);
                self.wait(failed);
            }
            Event::AttemptInterrupted(ended) => {
                self.ended(entry.id, &ended.step, "interrupted", record.at, 0);
            }
            Event::OutputsInvalidated(found) => {
                self.ended(entry.id, &found.step, "interrupted", record.at, 0);
            }
            Event::RunSucceeded(_)
            | Event::RunFailed(_)
            | Event::RunExhausted(_)
            | Event::RunCancelled(_) => {
                // What was under way beside it ends without a record.
                let steps: Vec<StepKey> = self
                    .under_way
                    .get(&entry.id)
                    .into_iter()
                    .flat_map(|of| of.keys().cloned())
                    .collect();
                for step in steps {
                    self.ended(entry.id, &step, "interrupted", record.at, 0);
                }
            }
            _ => {}
        }
    }

    /// Takes in how far the attempt of a download has come by itself.
    pub(crate) fn came(&mut self, run: RunId, step: &StepKey, gained: u64) {
        let known = self.under_way.entry(run).or_default();
        // What was fetched before the first look is not counted.
        let known =
            known.entry(step.clone()).or_insert(Attempt { began_at: None, counted: gained });
        self.bytes = self.bytes.saturating_add(gained.saturating_sub(known.counted));
        known.counted = known.counted.max(gained);
    }

    /// Forgets what is under way, because records may have been missed.
    pub(crate) fn lose_track(&mut self) {
        self.under_way.clear();
    }

    #[cfg(test)]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.under_way.is_empty()
    }

    fn ended(
        &mut self,
        run: RunId,
        step: &StepKey,
        outcome: &'static str,
        at: Timestamp,
        fetched: u64,
    ) {
        let Some(of_run) = self.under_way.get_mut(&run) else { return };
        let Some(attempt) = of_run.remove(step) else { return };
        if of_run.is_empty() {
            self.under_way.remove(&run);
        }
        self.bytes = self.bytes.saturating_add(fetched.saturating_sub(attempt.counted));
        if let Some(began_at) = attempt.began_at {
            let took = at.since(began_at).as_millis();
            self.durations.entry(outcome).or_default().add(u64::try_from(took).unwrap_or(u64::MAX));
        }
    }

    fn wait(&mut self, failed: &AttemptFailed) {
        if let Verdict::Retry { delay, .. } = failed.verdict {
            self.delays.add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        }
    }
}

impl Histogram {
    /// Milliseconds: from the steps that take no time to the downloads of an evening.
    pub(crate) const BOUNDS_MS: [u64; 11] =
        [10, 100, 500, 1_000, 5_000, 15_000, 60_000, 300_000, 1_800_000, 7_200_000, 28_800_000];

    fn add(&mut self, length_ms: u64) {
        let size = Self::BOUNDS_MS.partition_point(|bound| *bound < length_ms);
        if let Some(size) = self.sizes.get_mut(size) {
            *size += 1;
        }
        self.sum_ms = self.sum_ms.saturating_add(length_ms);
    }

    /// Every bound with how many did not exceed it.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let sums = self.sizes.iter().scan(0, |sum, size| {
            *sum += size;
            Some(*sum)
        });
        Self::BOUNDS_MS.into_iter().zip(sums)
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.sizes.iter().sum()
    }
}

/// What a download says that it fetched.
fn fetched(output: &Json) -> Option<u64> {
    output.read::<serde_json::Value>().ok()?.get("fetched_bytes")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_counts_up_to_the_first_bound_that_it_does_not_exceed() {
        let mut histogram = Histogram::default();
        for length_ms in [0, 10, 11, 1_000, u64::MAX] {
            histogram.add(length_ms);
        }
        let buckets: Vec<(u64, u64)> = histogram.buckets().take(4).collect();
        assert_eq!(buckets, [(10, 2), (100, 3), (500, 3), (1_000, 4)]);
        assert_eq!((histogram.count(), histogram.sum_ms), (5, u64::MAX));
        assert_eq!(histogram.buckets().last(), Some((28_800_000, 4)), "one is beyond all bounds");
    }
}
