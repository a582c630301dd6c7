//! The retry policy as users write it.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::policy::{Curve, Jitter, RetrySpec};

use super::backoff::CustomDelay;

/// When and how often a failed step is tried again.
///
/// # Defaults
/// [`RetryPolicy::default`]: exponential, 3 retries, 1 s doubling, at most 60 s, a tenth of
/// jitter. These are the documented defaults of the recovery decorator.
///
/// ```
/// use std::time::Duration;
/// use resurge::RetryPolicy;
///
/// let policy = RetryPolicy::exponential(Duration::from_secs(2))
///     .factor(2.0)
///     .max_delay(Duration::from_secs(300))
///     .max_retries(5);
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct RetryPolicy {
    pub(crate) spec: RetrySpec,
    pub(crate) custom: Option<CustomDelay>,
}

/// A retry policy that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyProblem {
    /// A factor below 1, or not a number.
    #[error("the backoff factor must be a number of at least 1")]
    Factor,
    /// The cap lies below the first delay.
    #[error("the longest delay of {max_delay_ms} ms lies below the first delay of {initial_ms} ms")]
    CapBelowInitial {
        /// The first delay, in milliseconds.
        initial_ms: u64,
        /// The longest delay, in milliseconds.
        max_delay_ms: u64,
    },
    /// The name of a custom function is empty or too long.
    #[error("the name of a custom delay function has 1 to 48 characters")]
    CustomName,
}

impl RetryPolicy {
    /// One attempt, no retries.
    pub fn none() -> Self {
        Self::default().max_retries(0)
    }

    /// The same delay each time.
    pub fn fixed(delay: Duration) -> Self {
        Self::with_curve(Curve::Fixed, delay)
    }

    /// `initial`, twice `initial`, three times `initial`, and so on.
    pub fn linear(initial: Duration) -> Self {
        Self::with_curve(Curve::Linear, initial)
    }

    /// `initial`, then each delay [`factor`](Self::factor) times the one before.
    pub fn exponential(initial: Duration) -> Self {
        Self::with_curve(Curve::Exponential, initial)
    }

    /// Delays from a function of the retry's number, which starts at 1.
    ///
    /// The journal holds the name and each delay that was drawn, never the function. A run under
    /// way finds the function by its name when the engine is opened again. A function that panics
    /// asks for the longest delay.
    pub fn custom(
        name: impl Into<String>,
        delay: impl Fn(NonZeroU32) -> Duration + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let mut policy = Self::with_curve(Curve::Custom, Duration::ZERO);
        policy.spec.custom = Some(name);
        policy.custom = Some(CustomDelay(Arc::new(delay)));
        policy
    }

    fn with_curve(curve: Curve, initial: Duration) -> Self {
        let initial_delay_ms = millis(initial);
        let spec = RetrySpec { curve, initial_delay_ms, ..RetrySpec::default() };
        let max_delay_ms = spec.max_delay_ms.max(initial_delay_ms);
        Self { spec: RetrySpec { max_delay_ms, ..spec }, custom: None }
    }

    /// Growth per retry of an exponential policy. Default 2.
    pub const fn factor(mut self, factor: f64) -> Self {
        self.spec.factor = factor;
        self
    }

    /// Longest delay; jitter only shortens it. Default 60 s, or the first delay if that is longer.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.spec.max_delay_ms = millis(delay);
        self
    }

    /// Retries after the first attempt; 0 means one attempt. Default 3.
    pub const fn max_retries(mut self, retries: u32) -> Self {
        self.spec.max_retries = retries;
        self
    }

    /// How the delay is spread. Default [`Jitter::Tenth`].
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.spec.jitter = jitter;
        self
    }

    /// Every way in which the policy contradicts itself.
    pub(crate) fn problems(&self) -> Vec<PolicyProblem> {
        let spec = &self.spec;
        let mut problems = Vec::new();
        if !(spec.factor.is_finite() && spec.factor >= 1.0) {
            problems.push(PolicyProblem::Factor);
        }
        if spec.max_delay_ms < spec.initial_delay_ms {
            problems.push(PolicyProblem::CapBelowInitial {
                initial_ms: spec.initial_delay_ms,
                max_delay_ms: spec.max_delay_ms,
            });
        }
        if spec.custom.as_ref().is_some_and(|name| !(1..=48).contains(&name.len())) {
            problems.push(PolicyProblem::CustomName);
        }
        problems
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec.fmt(f)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
