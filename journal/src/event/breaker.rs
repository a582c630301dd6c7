//! Facts about breakers, and about the steps that wait behind them.

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;
use crate::event::Event;
use crate::failure::Failure;
use crate::id::{AttemptNo, BreakerEpoch, ResourceKey, Seq, StepKey};
use crate::time::Timestamp;

coded_enum! {
    /// Why a breaker opened.
    pub enum OpenCause {
        /// Too many failures in a row.
        Consecutive = 1 "consecutive",
        /// Too large a share of failures.
        Rate = 2 "rate",
        /// Too large a share of slow attempts.
        Slow = 3 "slow",
        /// A probe failed.
        ProbeFailed = 4 "probe_failed",
        /// A probe showed no sign of life for too long.
        ProbeExpired = 5 "probe_expired",
        /// The process died three times during probes of one step.
        ProbeLost = 6 "probe_lost",
        /// The server said how long to stay away.
        ServerDirected = 7 "server_directed",
        /// Several hosts failed at once, so it is the line of this machine.
        LocalOutage = 8 "local_outage",
        /// A step of those released after a break failed.
        WaveFailed = 9 "wave_failed",
    }
}

/// A breaker opened: what needs its resource waits or is refused. Starts a new breaker epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerOpened {
    /// What is down.
    pub key: ResourceKey,
    /// The new epoch of the breaker.
    pub epoch: BreakerEpoch,
    /// Why.
    pub cause: OpenCause,
    /// Trips in a row, this one included.
    pub trip: u32,
    /// Length of the break, in milliseconds.
    pub planned_ms: u64,
    /// When the break ends.
    pub until: Timestamp,
    /// Failures among the samples.
    pub failures: u32,
    /// Samples looked at.
    pub total: u32,
    /// The newest records that it was concluded from.
    pub sample: Vec<Seq>,
}

/// A breaker that only watches would have opened. Changes nothing but its memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerWouldOpen {
    /// What looks down.
    pub key: ResourceKey,
    /// Why.
    pub cause: OpenCause,
    /// Trips in a row, this one included.
    pub trip: u32,
    /// Failures among the samples.
    pub failures: u32,
    /// Samples looked at.
    pub total: u32,
}

coded_enum! {
    /// Why a breaker lets probes through.
    pub enum HalfOpenCause {
        /// The break is over.
        Elapsed = 1 "elapsed",
        /// Somebody wants to try now.
        Operator = 2 "operator",
        /// An attempt from before the break succeeded.
        Alive = 3 "alive",
    }
}

/// A breaker lets probes through. Starts a new breaker epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerHalfOpened {
    /// What may be back.
    pub key: ResourceKey,
    /// The new epoch of the breaker.
    pub epoch: BreakerEpoch,
    /// Why.
    pub cause: HalfOpenCause,
    /// Probes that must pass.
    pub needed: u32,
    /// How long a probe may show no sign of life, in milliseconds.
    pub lease_ms: u64,
}

/// A probe showed that its resource works, perhaps long before the attempt ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbePassed {
    /// The step.
    pub step: StepKey,
    /// Number of the attempt.
    pub attempt: AttemptNo,
    /// What works.
    pub key: ResourceKey,
}

coded_enum! {
    /// Why a breaker closed.
    pub enum CloseCause {
        /// Enough probes passed.
        ProbesPassed = 1 "probes_passed",
        /// Somebody closed it.
        Operator = 2 "operator",
    }
}

/// A breaker closed: the steps behind it are released in waves. Starts a new breaker epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerClosed {
    /// What works again.
    pub key: ResourceKey,
    /// The new epoch of the breaker.
    pub epoch: BreakerEpoch,
    /// Why.
    pub cause: CloseCause,
    /// How long it was not closed, in milliseconds.
    pub open_ms: u64,
    /// Trips since it was closed before.
    pub trips: u32,
    /// Who closed it, if somebody did.
    pub actor: Option<String>,
    /// Why they did.
    pub reason: Option<String>,
}

coded_enum! {
    /// How far a breaker may interfere.
    pub enum BreakerMode {
        /// It opens and closes by itself.
        Enforced = 1 "enforced",
        /// Somebody holds it open: only forced attempts pass.
        Isolated = 2 "isolated",
        /// It lets everything pass and watches nothing.
        Disabled = 3 "disabled",
        /// It lets everything pass and records when it would have opened.
        Shadow = 4 "shadow",
    }
}

/// Somebody changed how far a breaker may interfere. Starts a new breaker epoch, closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerModeSet {
    /// Whose breaker.
    pub key: ResourceKey,
    /// The new epoch of the breaker.
    pub epoch: BreakerEpoch,
    /// The new mode.
    pub mode: BreakerMode,
    /// When the mode ends by itself, for an isolated one.
    pub until: Option<Timestamp>,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

impl Event {
    /// The resource whose breaker this is about, if it moved or changed.
    pub const fn breaker(&self) -> Option<&ResourceKey> {
        match self {
            Self::BreakerOpened(event) => Some(&event.key),
            Self::BreakerHalfOpened(event) => Some(&event.key),
            Self::BreakerClosed(event) => Some(&event.key),
            Self::BreakerModeSet(event) => Some(&event.key),
            _ => None,
        }
    }
}

/// A step waits behind breakers. Moves it from ready or waiting to held, uncharged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepParked {
    /// The step.
    pub step: StepKey,
    /// The breakers that stand in its way.
    pub keys: Vec<ResourceKey>,
    /// When it makes a last attempt in spite of them, before its time is up.
    pub force_at: Option<Timestamp>,
}

coded_enum! {
    /// Why a held step may go on.
    pub enum ReleaseCause {
        /// It is its turn after a break.
        Wave = 1 "wave",
        /// What it waited for has come true.
        Ready = 2 "ready",
    }
}

/// A held step may go on. Moves it from held to ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReleased {
    /// The step.
    pub step: StepKey,
    /// Why.
    pub cause: ReleaseCause,
    /// The wave that it belongs to, if it is released after a break.
    pub wave: Option<WaveMark>,
}

/// One of the growing waves in which the steps behind a breaker are released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveMark {
    /// Whose breaker.
    pub key: ResourceKey,
    /// Number of the wave, from 0; it has 2 to the power of this number steps.
    pub number: u32,
    /// When the next wave is due.
    pub next_at: Timestamp,
}

/// The engine refused to make another attempt. Moves the step to failed, uncharged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRefused {
    /// The step.
    pub step: StepKey,
    /// Why: an open breaker, or a process that died in every attempt.
    pub failure: Failure,
}
