//! When and how often a failed step is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;
use crate::failure::Class;

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
        /// The initial delay times 1, 1, 2, 3, 5, 8 and so on.
        Fibonacci = 5 "fibonacci",
        /// Three times the delay before it.
        Decorrelated = 6 "decorrelated",
        /// A list of delays, the last of which stands for all that follow.
        List = 7 "list",
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
        /// The computed delay less anything up to a share of it.
        Percent = 5 "percent",
        /// Anything between the initial delay and the computed one.
        Decorrelated = 6 "decorrelated",
    }
}

/// When and how often a failed step is tried again.
///
/// # Defaults
/// 3 retries, 1 s doubling, at most 60 s: the documented defaults of the recovery decorator.
/// Jitter [`Jitter::Tenth`]. A step is given up 24 hours after its first failure in a row, however
/// many retries are left: a host that was away for a day needs a person.
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
    /// Share of the delay that jitter may take, for [`Jitter::Percent`].
    pub jitter_percent: u8,
    /// Name of the function, for [`Curve::Custom`].
    pub custom: Option<String>,
    /// The delays in milliseconds, for [`Curve::List`].
    pub delays_ms: Vec<u64>,
    /// Longest time from the first attempt, waits and breaks included, in milliseconds.
    ///
    /// Progress that gives the retries back begins it anew.
    pub max_elapsed_ms: Option<u64>,
    /// What differs for some classes of failures.
    pub classes: Vec<ClassRule>,
}

/// What differs for failures of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRule {
    /// The class.
    pub class: Class,
    /// Whether another attempt is worth it, whatever the failure itself says.
    pub retries: Option<bool>,
    /// Most retries in a row for failures of this class.
    pub max_retries: Option<u32>,
    /// Factor on the delay.
    pub stretch: Option<u32>,
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
            jitter_percent: 10,
            custom: None,
            delays_ms: Vec::new(),
            max_elapsed_ms: Some(24 * 60 * 60 * 1_000),
            classes: Vec::new(),
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

    /// Longest time from the first attempt, waits and breaks included.
    pub fn max_elapsed(&self) -> Option<Duration> {
        self.max_elapsed_ms.map(Duration::from_millis)
    }

    /// What differs for a class, if anything does.
    pub fn rule(&self, class: Class) -> Option<&ClassRule> {
        self.classes.iter().find(|rule| rule.class == class)
    }
}
