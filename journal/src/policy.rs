//! Retry policies as data, so that a run can pin the policy it was started with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;

coded_enum! {
    /// How the delay grows from one retry to the next.
    pub enum Curve {
        /// The same delay each time.
        Fixed = 1 "fixed",
        /// The initial delay times the number of the retry.
        Linear = 2 "linear",
        /// The initial delay times the factor to the power of the retry's number less one.
        Exponential = 3 "exponential",
        /// A function of the application, known by its name.
        Custom = 4 "custom",
    }
}

coded_enum! {
    /// How the delay is spread, so that many waiters do not come back at the same moment.
    pub enum Jitter {
        /// Exactly the computed delay.
        None = 1 "none",
        /// Anything between nothing and the computed delay.
        Full = 2 "full",
        /// Half of the computed delay, plus anything up to the other half.
        Equal = 3 "equal",
        /// The computed delay less anything up to a tenth of it.
        Tenth = 4 "tenth",
    }
}

/// When and how often a failed step is tried again.
///
/// # Defaults
/// 3 retries, 1 s doubling, at most 60 s: the documented defaults of the recovery decorator.
/// Jitter [`Jitter::Tenth`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrySpec {
    /// How the delay grows.
    pub curve: Curve,
    /// Delay before the first retry, in milliseconds.
    pub initial_delay_ms: u64,
    /// Growth per retry, for [`Curve::Exponential`].
    pub factor: f64,
    /// Longest computed delay, in milliseconds; jitter only shortens it.
    pub max_delay_ms: u64,
    /// Retries after the first attempt; 0 means one attempt.
    pub max_retries: u32,
    /// How the delay is spread.
    pub jitter: Jitter,
    /// Name of the function, for [`Curve::Custom`].
    pub custom: Option<String>,
}

impl Default for RetrySpec {
    fn default() -> Self {
        Self {
            curve: Curve::Exponential,
            initial_delay_ms: 1_000,
            factor: 2.0,
            max_delay_ms: 60_000,
            max_retries: 3,
            jitter: Jitter::Tenth,
            custom: None,
        }
    }
}

impl RetrySpec {
    /// Delay before the first retry.
    pub const fn initial_delay(&self) -> Duration {
        Duration::from_millis(self.initial_delay_ms)
    }

    /// Longest computed delay.
    pub const fn max_delay(&self) -> Duration {
        Duration::from_millis(self.max_delay_ms)
    }
}
