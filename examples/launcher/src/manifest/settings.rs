//! The section `[settings]`: how failures are met.

use std::time::Duration;

use resurge::RetryPolicy;
use toml::Value;

use super::duration;
use super::fields::{Fields, factor, text, whole_u32};

/// How failures are met.
///
/// # Defaults
/// Those of the user guide for downloads: 5 retries after 2 s, 4 s, 8 s and so on, at most 300 s;
/// breakers open after 5 failures for 300 s.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// Retries after the first attempt; 0 means one attempt.
    pub max_retries: u32,
    /// Delay before the first retry.
    pub initial_delay: Duration,
    /// Growth of the delay from one retry to the next.
    pub backoff_factor: f64,
    /// Longest delay.
    pub max_delay: Duration,
    /// Failures in a row that open the breaker of a host.
    ///
    /// Checked, but without effect in this release, which has no breakers.
    pub circuit_breaker_threshold: u32,
    /// How long a breaker stays open; without effect in this release as well.
    pub circuit_breaker_timeout: Duration,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_retries: 5,
            initial_delay: Duration::from_secs(2),
            backoff_factor: 2.0,
            max_delay: Duration::from_secs(300),
            circuit_breaker_threshold: 5,
            circuit_breaker_timeout: Duration::from_secs(300),
        }
    }
}

impl Recovery {
    /// The same as a policy of the engine.
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy::exponential(self.initial_delay)
            .factor(self.backoff_factor)
            .max_delay(self.max_delay)
            .max_retries(self.max_retries)
    }

    /// Reads the section; a value that cannot be read stays at its default.
    pub(super) fn read(mut fields: Fields<'_>) -> Self {
        let mut recovery = Self::default();
        set(&mut recovery.max_retries, fields.optional("max_retries", |v| whole_u32(&v, 0)));
        set(&mut recovery.initial_delay, fields.optional("initial_delay", wait));
        set(&mut recovery.backoff_factor, fields.optional("backoff_factor", |v| factor(&v)));
        set(&mut recovery.max_delay, fields.optional("max_delay", wait));
        set(
            &mut recovery.circuit_breaker_threshold,
            fields.optional("circuit_breaker_threshold", |v| whole_u32(&v, 1)),
        );
        set(
            &mut recovery.circuit_breaker_timeout,
            fields.optional("circuit_breaker_timeout", wait),
        );
        let (first, longest) = (recovery.initial_delay, recovery.max_delay);
        if longest < first {
            fields.problem(format!("max_delay ({longest:?}) lies below initial_delay ({first:?})"));
        }
        fields.finish();
        recovery
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn wait(value: Value) -> Result<Duration, String> {
    duration::parse(&text(value)?)
}
