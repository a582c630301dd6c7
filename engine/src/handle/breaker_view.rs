//! A breaker as seen at one moment.

use std::time::Duration;

use resurge_journal::event::{BreakerMode, OpenCause};
use resurge_journal::state::{Breaker, Gate};
use resurge_journal::{ResourceKey, RunId, State, Timestamp};

/// A breaker as seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerView {
    /// What it guards.
    pub key: ResourceKey,
    /// Transitions so far.
    pub epoch: u64,
    /// Where it stands.
    pub state: BreakerState,
    /// How far it may interfere.
    pub mode: BreakerMode,
    /// Who set the mode, why, and until when, if somebody did.
    pub mode_set: Option<(String, String, Option<Timestamp>)>,
    /// Why it opened, while it is not closed.
    pub cause: Option<OpenCause>,
    /// Since when it is not closed.
    pub not_closed_since: Option<Timestamp>,
    /// When the break ends, while it is open.
    pub until: Option<Timestamp>,
    /// How much of the break is left.
    pub remaining: Option<Duration>,
    /// The run whose attempt is the probe under way.
    pub probe: Option<RunId>,
    /// Trips in a row.
    pub trips: u32,
    /// Failures in a row while it is closed.
    pub failures_in_row: u32,
    /// Steps that wait behind it.
    pub held: usize,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// Nothing passes until the break is over.
    Open,
    /// One probe at a time passes.
    HalfOpen,
}

impl BreakerState {
    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl BreakerView {
    pub(super) fn all(state: &State, now: Timestamp) -> Vec<Self> {
        let held = |key| state.held_by(key).count();
        state.breakers().map(|(key, breaker)| Self::new(key, breaker, held(key), now)).collect()
    }

    fn new(key: &ResourceKey, breaker: &Breaker, held: usize, now: Timestamp) -> Self {
        let (state, cause, until, probe) = match &breaker.gate {
            Gate::Closed => (BreakerState::Closed, None, None, None),
            Gate::Open { until, cause, .. } => {
                (BreakerState::Open, Some(*cause), Some(*until), None)
            }
            Gate::HalfOpen { probe, .. } => {
                (BreakerState::HalfOpen, None, None, probe.map(|probe| probe.run))
            }
        };
        Self {
            key: key.clone(),
            epoch: breaker.epoch.get(),
            state,
            mode: breaker.mode_at(now),
            mode_set: breaker
                .mode
                .as_ref()
                .map(|set| (set.actor.clone(), set.reason.clone(), set.until)),
            cause,
            not_closed_since: breaker.not_closed_since(),
            until,
            remaining: until.map(|until| until.since(now)),
            probe,
            trips: breaker.trips,
            failures_in_row: breaker.failures_in_row,
            held,
        }
    }
}
