//! When a breaker opens, and how long it stays open.

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;

coded_enum! {
    /// What an open breaker does with the steps behind it.
    pub enum OnOpen {
        /// They wait until it closes; no attempt is used up.
        Park = 1 "park",
        /// They fail at once and say how long the breaker stays open.
        FailFast = 2 "fail_fast",
    }
}

/// When a breaker opens, and how long it stays open.
///
/// # Defaults
/// | field | default | source |
/// |---|---|---|
/// | `threshold` | 5 | the documented default of the recovery decorator |
/// | `rate_percent` | 50 of at least 10 samples within 60 s | common practice |
/// | `slow_after_ms` | none | asked for only |
/// | `break_initial_ms` | 15 s, doubling | a blip must not cost minutes |
/// | `break_max_ms` | 300 s | `circuit_breaker_timeout` of the decorator |
/// | `probes_needed` | 1 | one success proves that a host is back |
/// | `lease_ms` | 60 s | a probe that shows no sign of life for so long has failed |
/// | `memory_ms` | 10 min | trips within it make the next break longer |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerSpec {
    /// Failures in a row that open it; 0 leaves this rule out.
    pub threshold: u32,
    /// Share of failures that opens it, in percent; 0 leaves this rule out.
    pub rate_percent: u8,
    /// Samples that the shares need at least.
    pub rate_samples_min: u32,
    /// How old a sample may be to count for the shares, in milliseconds.
    pub rate_window_ms: u64,
    /// An attempt that takes longer than this is slow, in milliseconds.
    pub slow_after_ms: Option<u64>,
    /// Share of slow attempts that opens it, in percent.
    pub slow_percent: u8,
    /// The first break, in milliseconds.
    pub break_initial_ms: u64,
    /// Growth of the break from trip to trip; 1 is a fixed break.
    pub break_factor: u32,
    /// The longest break, in milliseconds.
    pub break_max_ms: u64,
    /// Whether breaks are spread by a tenth to either side, but never beyond the longest.
    pub spreads: bool,
    /// Successful probes that close it.
    pub probes_needed: u32,
    /// How long a probe may show no sign of life, in milliseconds.
    pub lease_ms: u64,
    /// How long it remembers its trips after it has closed, in milliseconds.
    pub memory_ms: u64,
    /// What it does with the steps behind it while it is open.
    pub on_open: OnOpen,
}

impl Default for BreakerSpec {
    fn default() -> Self {
        Self {
            threshold: 5,
            rate_percent: 50,
            rate_samples_min: 10,
            rate_window_ms: 60_000,
            slow_after_ms: None,
            slow_percent: 50,
            break_initial_ms: 15_000,
            break_factor: 2,
            break_max_ms: 300_000,
            spreads: true,
            probes_needed: 1,
            lease_ms: 60_000,
            memory_ms: 600_000,
            on_open: OnOpen::Park,
        }
    }
}

impl BreakerSpec {
    /// The line of this machine: short breaks, since a probe of it costs nobody anything.
    pub fn local_network() -> Self {
        Self { break_initial_ms: 5_000, break_max_ms: 60_000, ..Self::default() }
    }

    /// The break after a number of trips in a row, in milliseconds; `draw` lies in `[0, 1)`.
    pub fn break_ms(&self, trip: u32, draw: f64) -> u64 {
        let factor = u64::from(self.break_factor.max(1)).saturating_pow(trip.saturating_sub(1));
        let planned = self.break_initial_ms.saturating_mul(factor).min(self.break_max_ms);
        if !self.spreads {
            return planned;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "breaks are far below 2^53 ms; huge ones saturate"
        )]
        let spread = {
            let (planned, longest) = (planned as f64, self.break_max_ms as f64);
            // Never beyond the longest break, and not all at it either.
            let above = (longest / planned.max(1.0)).min(1.1);
            (planned * draw.mul_add(above - 0.9, 0.9)) as u64
        };
        spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_double_up_to_the_cap() {
        let spec = BreakerSpec { spreads: false, ..BreakerSpec::default() };
        let breaks: Vec<u64> = (1..=7).map(|trip| spec.break_ms(trip, 0.5) / 1_000).collect();
        assert_eq!(breaks, [15, 30, 60, 120, 240, 300, 300]);
        assert_eq!(spec.break_ms(u32::MAX, 0.5), 300_000);
    }

    #[test]
    fn breaks_are_spread_by_a_tenth_to_either_side() {
        let spec = BreakerSpec::default();
        assert_eq!((spec.break_ms(1, 0.0), spec.break_ms(1, 0.5)), (13_500, 15_000));
        assert!((16_400..=16_500).contains(&spec.break_ms(1, 0.999)));
        assert_eq!((spec.break_ms(9, 0.0), spec.break_ms(9, 0.5)), (270_000, 285_000));
        assert!((299_900..=300_000).contains(&spec.break_ms(9, 0.999)));
    }
}
