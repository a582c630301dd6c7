//! The retry policy as users write it.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::failure::Class;
use resurge_journal::policy::{ClassRule, Curve, Jitter, RetrySpec};

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
    /// A list of delays without a delay, or with more than fit.
    #[error("a list of delays has 1 to {delays_max} entries")]
    List {
        /// The limit.
        delays_max: usize,
    },
    /// More than all of the delay.
    #[error("jitter takes at most 100 percent of a delay")]
    JitterPercent,
    /// Retries that the time allowed leaves no room for.
    #[error(
        "the first delay of {initial_ms} ms does not fit into the {max_elapsed_ms} ms that recovery may take"
    )]
    NoTimeForRetries {
        /// The first delay, in milliseconds.
        initial_ms: u64,
        /// The time allowed, in milliseconds.
        max_elapsed_ms: u64,
    },
    /// Retries for a class that is never retried.
    #[error("class `{class}` is never retried, and still has {max_retries} retries")]
    ClassContradicts {
        /// The class.
        class: Class,
        /// Its retries.
        max_retries: u32,
    },
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

    /// `initial` times 1, 1, 2, 3, 5, 8, and so on.
    pub fn fibonacci(initial: Duration) -> Self {
        Self::with_curve(Curve::Fibonacci, initial)
    }

    /// Anything between `initial` and three times the delay before.
    pub fn decorrelated(initial: Duration) -> Self {
        Self::with_curve(Curve::Decorrelated, initial).jitter(Jitter::Decorrelated)
    }

    /// These delays in turn, the last one for every retry after them; as many retries as delays.
    pub fn list(delays: impl IntoIterator<Item = Duration>) -> Self {
        let delays_ms: Vec<u64> = delays.into_iter().map(millis).collect();
        let first = delays_ms.first().copied().unwrap_or(0);
        let longest = delays_ms.iter().copied().max().unwrap_or(0);
        let mut policy = Self::with_curve(Curve::List, Duration::from_millis(first));
        policy.spec.max_retries = u32::try_from(delays_ms.len()).unwrap_or(u32::MAX);
        policy.spec.max_delay_ms = policy.spec.max_delay_ms.max(longest);
        policy.spec.delays_ms = delays_ms;
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

    /// Takes up to this share of each delay away. Default: a tenth.
    pub const fn jitter_percent(mut self, percent: u8) -> Self {
        self.spec.jitter = Jitter::Percent;
        self.spec.jitter_percent = percent;
        self
    }

    /// Longest time from the first attempt, waits and breaks included. Default 24 hours.
    ///
    /// Progress that gives the retries back begins it anew.
    pub fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.spec.max_elapsed_ms = Some(millis(elapsed));
        self
    }

    /// Goes on for as long as it takes.
    pub const fn no_max_elapsed(mut self) -> Self {
        self.spec.max_elapsed_ms = None;
        self
    }

    /// Failures of this class are never retried, whatever they say themselves.
    pub fn never(self, class: Class) -> Self {
        self.rule(class, |rule| rule.retries = Some(false))
    }

    /// Failures of this class are retried, whatever they say themselves.
    pub fn always(self, class: Class) -> Self {
        self.rule(class, |rule| rule.retries = Some(true))
    }

    /// At most this many retries in a row for failures of this class.
    pub fn max_retries_of(self, class: Class, retries: u32) -> Self {
        self.rule(class, |rule| rule.max_retries = Some(retries))
    }

    /// Delays after failures of this class are this many times as long.
    pub fn stretch(self, class: Class, factor: u32) -> Self {
        self.rule(class, |rule| rule.stretch = Some(factor))
    }

    fn rule(mut self, class: Class, change: impl FnOnce(&mut ClassRule)) -> Self {
        let rules = &mut self.spec.classes;
        if let Some(known) = rules.iter_mut().find(|rule| rule.class == class) {
            change(known);
        } else {
            let mut rule = ClassRule { class, retries: None, max_retries: None, stretch: None };
            change(&mut rule);
            rules.push(rule);
        }
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
        if spec.curve == Curve::List && !(1..=LIST_DELAYS_MAX).contains(&spec.delays_ms.len()) {
            problems.push(PolicyProblem::List { delays_max: LIST_DELAYS_MAX });
        }
        if spec.jitter == Jitter::Percent && spec.jitter_percent > 100 {
            problems.push(PolicyProblem::JitterPercent);
        }
        if let Some(max_elapsed_ms) = spec.max_elapsed_ms
            && spec.max_retries > 0
            && max_elapsed_ms <= spec.initial_delay_ms
        {
            let initial_ms = spec.initial_delay_ms;
            problems.push(PolicyProblem::NoTimeForRetries { initial_ms, max_elapsed_ms });
        }
        for rule in &spec.classes {
            if let (Some(false), Some(max_retries @ 1..)) = (rule.retries, rule.max_retries) {
                let class = rule.class;
                problems.push(PolicyProblem::ClassContradicts { class, max_retries });
            }
        }
        problems
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec.fmt(f)
    }
}

/// A schedule with more entries wants a curve.
const LIST_DELAYS_MAX: usize = 32;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
