//! Breakers as they stand in the residue.

use serde::{Deserialize, Serialize};

use super::wire::mirror;
use crate::event::{BreakerMode, OpenCause, Sign};
use crate::id::{AttemptNo, BreakerEpoch, RunId, Seq, StepIndex};
use crate::policy::{BreakerSpec, OnOpen};
use crate::state::{Breaker, Gate, Probe, Sample, SetMode, Wave};
use crate::time::Timestamp;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BreakerWire {
    epoch: BreakerEpoch,
    gate: GateWire,
    mode: Option<SetModeWire>,
    trips: u32,
    closed_at: Option<Timestamp>,
    failures_in_row: u32,
    samples: Vec<SampleWire>,
    spec: Option<SpecWire>,
    wave: Option<WaveWire>,
    throttled: Option<ThrottledWire>,
    trips_ever: u64,
    culprit: Option<RunId>,
    needed: Seq,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum GateWire {
    Closed,
    Open {
        since: Timestamp,
        until: Timestamp,
        cause: OpenCause,
        looks_alive: bool,
    },
    HalfOpen {
        since: Timestamp,
        probe: Option<ProbeWire>,
        passed: u32,
        needed: u32,
        lease_ms: u64,
        failed: bool,
        lost: Option<LostWire>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct LostWire {
    run: RunId,
    step: StepIndex,
    times: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct ThrottledWire {
    run: RunId,
    until: Timestamp,
}

mirror! { SetModeWire of SetMode {
    mode: BreakerMode, until: Option<Timestamp>, actor: String, reason: String,
} }
mirror! { ProbeWire of Probe {
    run: RunId, step: StepIndex, attempt: AttemptNo, lease_until: Timestamp,
} }
mirror! { SampleWire of Sample {
    seq: Seq, at: Timestamp, run: RunId, sign: Sign, took_ms: u64,
} }
mirror! { WaveWire of Wave { number: u32, next_at: Timestamp, } }
mirror! { SpecWire of BreakerSpec {
    threshold: u32,
    rate_percent: u8,
    rate_samples_min: u32,
    rate_window_ms: u64,
    slow_after_ms: Option<u64>,
    slow_percent: u8,
    break_initial_ms: u64,
    break_factor: u32,
    break_max_ms: u64,
    spreads: bool,
    probes_needed: u32,
    lease_ms: u64,
    memory_ms: u64,
    on_open: OnOpen,
} }

impl From<Breaker> for BreakerWire {
    fn from(from: Breaker) -> Self {
        let Breaker { epoch, gate, mode, trips, closed_at, failures_in_row, samples, .. } = from;
        let Breaker { spec, wave, throttled, trips_ever, culprit, needed, .. } = from;
        Self {
            epoch,
            gate: gate.into(),
            mode: mode.map(Into::into),
            trips,
            closed_at,
            failures_in_row,
            samples: samples.into_iter().map(Into::into).collect(),
            spec: spec.map(Into::into),
            wave: wave.map(Into::into),
            throttled: throttled.map(|(run, until)| ThrottledWire { run, until }),
            trips_ever,
            culprit,
            needed,
        }
    }
}

impl From<BreakerWire> for Breaker {
    fn from(wire: BreakerWire) -> Self {
        Self {
            epoch: wire.epoch,
            gate: wire.gate.into(),
            mode: wire.mode.map(Into::into),
            trips: wire.trips,
            closed_at: wire.closed_at,
            failures_in_row: wire.failures_in_row,
            samples: wire.samples.into_iter().map(Into::into).collect(),
            spec: wire.spec.map(Into::into),
            wave: wire.wave.map(Into::into),
            throttled: wire.throttled.map(|ThrottledWire { run, until }| (run, until)),
            trips_ever: wire.trips_ever,
            culprit: wire.culprit,
            needed: wire.needed,
        }
    }
}

impl From<Gate> for GateWire {
    fn from(gate: Gate) -> Self {
        match gate {
            Gate::Closed => Self::Closed,
            Gate::Open { since, until, cause, looks_alive } => {
                Self::Open { since, until, cause, looks_alive }
            }
            Gate::HalfOpen { since, probe, passed, needed, lease_ms, failed, lost } => {
                let probe = probe.map(Into::into);
                let lost = lost.map(|(run, step, times)| LostWire { run, step, times });
                Self::HalfOpen { since, probe, passed, needed, lease_ms, failed, lost }
            }
        }
    }
}

impl From<GateWire> for Gate {
    fn from(gate: GateWire) -> Self {
        match gate {
            GateWire::Closed => Self::Closed,
            GateWire::Open { since, until, cause, looks_alive } => {
                Self::Open { since, until, cause, looks_alive }
            }
            GateWire::HalfOpen { since, probe, passed, needed, lease_ms, failed, lost } => {
                let probe = probe.map(Into::into);
                let lost = lost.map(|LostWire { run, step, times }| (run, step, times));
                Self::HalfOpen { since, probe, passed, needed, lease_ms, failed, lost }
            }
        }
    }
}
