//! How well recovery works, counted as the records come in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{BreakerOpened, Event, Sign, Verdict};
use crate::failure::Class;
use crate::id::ResourceKey;
use crate::state::run::{Run, RunPhase};
use crate::state::transitions::RunPhaseKind;
use crate::time::Timestamp;

/// How well recovery works: over all runs that the journal knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Runs started.
    pub total: u64,
    /// Runs that succeeded.
    pub succeeded: u64,
    /// Runs that succeeded after a failure, without anybody doing a step's work.
    pub recovered: u64,
    /// Runs that failed or were exhausted.
    pub failed: u64,
    /// Runs that were called off.
    pub cancelled: u64,
    /// Attempts after the first one of their step.
    pub retry_attempts: u64,
    /// Times that a breaker opened.
    pub breaker_trips: u64,
    /// Sum of the times from the first failure of a run to its success, in milliseconds.
    pub recovery_ms: u64,
    /// Failed attempts by class.
    pub by_class: BTreeMap<Class, ClassStats>,
    /// What hosts and other resources did; at most [`Stats::RESOURCES_MAX`] of them.
    pub by_resource: BTreeMap<ResourceKey, ResourceStats>,
}

/// What became of the failures of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClassStats {
    /// Failed attempts.
    pub failures: u64,
    /// Those that were followed by another attempt.
    pub retried: u64,
}

/// What a resource did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResourceStats {
    /// Attempts that showed that it works.
    pub alive: u64,
    /// Attempts that showed that it fails.
    pub failing: u64,
    /// Times that its breaker opened.
    pub trips: u64,
}

impl Stats {
    /// Most resources that are counted one by one; those that come later are left out.
    pub const RESOURCES_MAX: usize = 1_024;

    /// Share of the ended runs that succeeded, from 0 to 1; cancelled ones do not count.
    pub fn success_rate(&self) -> Option<f64> {
        let ended = self.succeeded + self.failed;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        (ended > 0).then(|| self.succeeded as f64 / ended as f64)
    }

    /// Mean time from the first failure of a run to its success, in milliseconds.
    pub const fn average_recovery_ms(&self) -> Option<u64> {
        self.recovery_ms.checked_div(self.recovered)
    }

    /// Takes in a move of a run, which is given as it stands now.
    pub(crate) fn run_moved(&mut self, before: RunPhaseKind, run: &Run) {
        match (before, &run.phase) {
            (_, RunPhase::Succeeded) => {
                self.succeeded += 1;
                if let Some(since) = run.first_failed_at.filter(|_| !run.was_skipped) {
                    self.recovered += 1;
                    let ended = run.ended_at.unwrap_or(since);
                    self.recovery_ms = self.recovery_ms.saturating_add(millis(ended, since));
                }
            }
            (_, RunPhase::Failed { .. } | RunPhase::Exhausted { .. }) => self.failed += 1,
            (_, RunPhase::Cancelled { .. }) => self.cancelled += 1,
            // Reopened: it did not fail after all.
            (RunPhaseKind::Failed | RunPhaseKind::Exhausted, _) => {
                self.failed = self.failed.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Takes in an event about an attempt.
    pub(crate) fn attempt(&mut self, event: &Event) {
        match event {
            Event::AttemptStarted(started) if started.attempt.get() > 1 => self.retry_attempts += 1,
            Event::AttemptSucceeded(done) => self.healths(&done.health),
            Event::AttemptFailed(failed) => {
                let class = self.by_class.entry(failed.failure.class).or_default();
                class.failures += 1;
                if matches!(failed.verdict, Verdict::Retry { .. } | Verdict::Park { .. }) {
                    class.retried += 1;
                }
                self.healths(&failed.health);
            }
            _ => {}
        }
    }

    /// Takes in a trip.
    pub(crate) fn tripped(&mut self, event: &BreakerOpened) {
        self.breaker_trips += 1;
        if let Some(resource) = self.resource(&event.key) {
            resource.trips += 1;
        }
    }

    fn healths(&mut self, healths: &[crate::event::Health]) {
        for health in healths {
            let Some(resource) = self.resource(&health.key) else { continue };
            match health.sign {
                Sign::Alive => resource.alive += 1,
                _ => resource.failing += 1,
            }
        }
    }

    fn resource(&mut self, key: &ResourceKey) -> Option<&mut ResourceStats> {
        if !self.by_resource.contains_key(key) && self.by_resource.len() >= Self::RESOURCES_MAX {
            return None;
        }
        Some(self.by_resource.entry(key.clone()).or_default())
    }
}

fn millis(later: Timestamp, earlier: Timestamp) -> u64 {
    u64::try_from(later.since(earlier).as_millis()).unwrap_or(u64::MAX)
}
