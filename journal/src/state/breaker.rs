//! What the journal says about the breaker of one resource.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{BreakerMode, Health, OpenCause, Sign};
use crate::id::{AttemptNo, BreakerEpoch, RunId, Seq, StepIndex};
use crate::policy::BreakerSpec;
use crate::time::Timestamp;

/// What the journal says about the breaker of one resource.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Breaker {
    /// Transitions so far.
    pub epoch: BreakerEpoch,
    /// Where it stands.
    pub gate: Gate,
    /// How far it may interfere, if somebody changed that.
    pub mode: Option<SetMode>,
    /// Trips in a row; forgotten after it was closed for long enough.
    pub trips: u32,
    /// When it closed last.
    pub closed_at: Option<Timestamp>,
    /// Failures in a row.
    pub failures_in_row: u32,
    /// What attempts showed lately, oldest first.
    pub samples: VecDeque<Sample>,
    /// Its policy, as pinned by the run that used it last.
    pub spec: Option<BreakerSpec>,
    /// The wave of releases after the last break.
    pub wave: Option<Wave>,
    /// The run that the server made wait last, and until when.
    pub throttled: Option<(RunId, Timestamp)>,
    /// How often it would have opened or did open.
    pub trips_ever: u64,
    /// The run whose attempt made it leave the closed state.
    pub culprit: Option<RunId>,
    /// The last attempt or wait that needed it.
    pub needed: Seq,
}

/// How far a breaker may interfere, as somebody set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetMode {
    /// The mode.
    pub mode: BreakerMode,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Who set it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// Where a breaker stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Gate {
    /// Everything passes.
    #[default]
    Closed,
    /// Nothing passes until the break is over.
    Open {
        /// Since when it has not been closed.
        since: Timestamp,
        /// When the break ends.
        until: Timestamp,
        /// Why it opened.
        cause: OpenCause,
        /// Whether an attempt from before the break succeeded since.
        looks_alive: bool,
    },
    /// One probe at a time passes.
    HalfOpen {
        /// Since when it has not been closed.
        since: Timestamp,
        /// The probe under way.
        probe: Option<Probe>,
        /// Probes that passed.
        passed: u32,
        /// Probes that must pass.
        needed: u32,
        /// How long a probe may show no sign of life, in milliseconds.
        lease_ms: u64,
        /// Whether a probe failed.
        failed: bool,
        /// The step whose probes the process died in, and how often in a row.
        lost: Option<(RunId, StepIndex, u32)>,
    },
}

/// A probe under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepIndex,
    /// The attempt.
    pub attempt: AttemptNo,
    /// When it counts as failed without a sign of life.
    pub lease_until: Timestamp,
}

/// What one attempt showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The record that says so.
    pub seq: Seq,
    /// When that was.
    pub at: Timestamp,
    /// The run of the attempt.
    pub run: RunId,
    /// What it showed.
    pub sign: Sign,
    /// How long the attempt took, in milliseconds.
    pub took_ms: u64,
}

/// How far the release of the steps behind a breaker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// Number of the next wave, from 0.
    pub number: u32,
    /// When it is due.
    pub next_at: Timestamp,
}

impl Breaker {
    /// Most samples kept.
    pub(crate) const SAMPLES_MAX: usize = 128;
    /// Samples older than this never count.
    pub const HORIZON: Duration = Duration::from_secs(600);

    /// How far it may interfere at a time.
    pub fn mode_at(&self, now: Timestamp) -> BreakerMode {
        match &self.mode {
            Some(set) if set.until.is_none_or(|until| now < until) => set.mode,
            _ => BreakerMode::Enforced,
        }
    }

    /// Whether it is in a mode that never ends by itself, or that has not ended.
    pub fn is_plain_at(&self, now: Timestamp) -> bool {
        self.mode_at(now) == BreakerMode::Enforced
    }

    /// Whether everything passes.
    pub const fn is_closed(&self) -> bool {
        matches!(self.gate, Gate::Closed)
    }

    /// Samples that count at a time, oldest first.
    pub fn samples_since(&self, from: Timestamp) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.at >= from)
    }

    /// The newest sample.
    pub fn last_sample(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// Takes in what an attempt of this epoch showed while the breaker was closed.
    pub(crate) fn sample(&mut self, sample: Sample) {
        if self.mode_at(sample.at) == BreakerMode::Disabled {
            return;
        }
        self.failures_in_row = match sample.sign {
            Sign::Alive => 0,
            _ => self.failures_in_row.saturating_add(1),
        };
        self.samples.push_back(sample);
        if self.samples.len() > Self::SAMPLES_MAX {
            self.samples.pop_front();
        }
        let is_old = |oldest: &Sample| sample.at.since(oldest.at) > Self::HORIZON;
        while self.samples.front().is_some_and(is_old) {
            self.samples.pop_front();
            // A row that began before the horizon counts from the horizon on.
            self.failures_in_row = self.failures_in_row.min(self.failing_at_the_end());
        }
    }

    /// Failing samples in a row up to the newest one.
    fn failing_at_the_end(&self) -> u32 {
        let newest = self.samples.iter().rev();
        let failing = newest.take_while(|sample| sample.sign != Sign::Alive).count();
        u32::try_from(failing).unwrap_or(u32::MAX)
    }

    /// Takes in what the probe of this epoch showed.
    pub(crate) fn probed(&mut self, health: &Health) {
        if let Gate::HalfOpen { probe, passed, failed, lost, .. } = &mut self.gate {
            *probe = None;
            *lost = None;
            match health.sign {
                Sign::Alive => *passed = passed.saturating_add(1),
                _ => *failed = true,
            }
        }
    }

    /// Begins an epoch with a clean slate but for the memory of trips.
    pub(crate) fn turn(&mut self, epoch: BreakerEpoch, gate: Gate) {
        if self.is_closed() {
            self.culprit = self.last_sample().map(|sample| sample.run);
        }
        self.epoch = epoch;
        self.gate = gate;
        self.failures_in_row = 0;
        self.samples.clear();
        self.wave = None;
        self.throttled = None;
    }

    /// Since when it has not been closed.
    pub const fn not_closed_since(&self) -> Option<Timestamp> {
        match self.gate {
            Gate::Closed => None,
            Gate::Open { since, .. } | Gate::HalfOpen { since, .. } => Some(since),
        }
    }
}
