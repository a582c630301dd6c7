//! The breaker of one resource as a pure state machine: times and outcomes in, admissions out.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BreakerSettings {
    /// Failures in a row that open it.
    pub(super) threshold: NonZeroU32,
    /// How long it stays open before one probe may pass.
    pub(super) rest: Duration,
}

/// What a finished attempt says about its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The resource did not do its work.
    Failure,
    /// The resource answered, be it with a refusal.
    Alive,
    /// It says nothing about the resource.
    Ignored,
}

/// Leave for one attempt; goes back with its outcome.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Permit {
    epoch: u64,
    probe: bool,
}

impl Permit {
    /// Whether the attempt decides alone whether the breaker closes.
    pub(super) const fn is_probe(&self) -> bool {
        self.probe
    }
}

/// No leave for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    /// How long the break still lasts; zero while somebody else probes.
    pub(super) remaining: Duration,
    /// When asking again makes sense, unless the breaker changes before.
    pub(super) again: Duration,
}

/// Closed, open, or probing; each change begins an epoch.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    epoch: u64,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open(Countdown),
    Probing { lease: Countdown },
}

/// Time that is left; a clock that is set back never adds to it.
#[derive(Debug, PartialEq, Eq)]
struct Countdown {
    left: Duration,
    seen: Instant,
}

impl Countdown {
    fn look(&mut self, now: Instant) -> Duration {
        self.left = self.left.saturating_sub(now.saturating_duration_since(self.seen));
        self.seen = now;
        self.left
    }
}

/// A probe that has not ended by then counts as lost, so that it cannot block everybody for ever.
const PROBE_LEASE_MIN: Duration = Duration::from_secs(60);

impl Breaker {
    pub(super) const fn new(settings: BreakerSettings) -> Self {
        Self { settings, epoch: 0, state: State::Closed { failures: 0 } }
    }

    /// Takes other settings for what is decided from now on.
    pub(super) const fn adjust(&mut self, settings: BreakerSettings) {
        self.settings = settings;
    }

    /// Asks for leave to make an attempt.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Permit, Refusal> {
        match &mut self.state {
            State::Closed { .. } => return Ok(Permit { epoch: self.epoch, probe: false }),
            State::Open(rest) => {
                let remaining = rest.look(now);
                if !remaining.is_zero() {
                    return Err(Refusal { remaining, again: remaining });
                }
            }
            State::Probing { lease } => {
                let again = lease.look(now);
                if !again.is_zero() {
                    return Err(Refusal { remaining: Duration::ZERO, again });
                }
            }
        }
        let left = self.settings.rest.max(PROBE_LEASE_MIN);
        self.change(State::Probing { lease: Countdown { left, seen: now } });
        Ok(Permit { epoch: self.epoch, probe: true })
    }

    /// How long nothing passes: the rest of the break, or zero while somebody probes.
    pub(super) fn blocked(&mut self, now: Instant) -> Option<Duration> {
        match &mut self.state {
            State::Closed { .. } => None,
            State::Open(rest) => Some(rest.look(now)).filter(|left| !left.is_zero()),
            State::Probing { lease } => (!lease.look(now).is_zero()).then_some(Duration::ZERO),
        }
    }

    /// Takes the outcome of an attempt; one of an epoch that is over changes nothing.
    ///
    /// Returns whether the breaker is in another state now.
    pub(super) fn record(&mut self, permit: &Permit, outcome: Outcome, now: Instant) -> bool {
        if permit.epoch != self.epoch {
            return false;
        }
        let next = match (&mut self.state, outcome) {
            (State::Closed { failures }, Outcome::Failure) => {
                *failures += 1;
                if *failures < self.settings.threshold.get() {
                    return false;
                }
                self.open(now)
            }
            (State::Closed { failures }, Outcome::Alive) => {
                *failures = 0;
                return false;
            }
            (State::Probing { .. }, Outcome::Failure) => self.open(now),
            (State::Probing { .. }, Outcome::Alive) => State::Closed { failures: 0 },
            // The probe was called off: the next caller may probe at once.
            (State::Probing { .. }, Outcome::Ignored) => {
                State::Open(Countdown { left: Duration::ZERO, seen: now })
            }
            (State::Closed { .. }, Outcome::Ignored) | (State::Open(_), _) => return false,
        };
        self.change(next);
        true
    }

    /// Whether nothing would be lost if it were forgotten.
    pub(super) fn is_fresh(&self) -> bool {
        self.state == State::Closed { failures: 0 }
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    const fn open(&self, now: Instant) -> State {
        State::Open(Countdown { left: self.settings.rest, seen: now })
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
