//! The breaker's policy as users write it.

use std::time::Duration;

use resurge_journal::ResourceKey;
use resurge_journal::policy::{BreakerSpec, OnOpen};

/// When the breaker of what a step needs opens, and what it does then.
///
/// Every host, volume, account or function has one breaker, whichever runs need it. While it is
/// open, the steps behind it wait and use up no attempt; after a break one of them tries as a
/// probe, uncharged; when it gets through, the others follow in growing waves.
///
/// # Defaults
/// [`BreakerSpec::default`]: 5 failures in a row, or half of at least 10 within a minute; a break
/// of 15 s that doubles from trip to trip up to 300 s (the decorator's `circuit_breaker_timeout`).
///
/// ```
/// use std::time::Duration;
/// use resurge::Breaker;
///
/// let breaker = Breaker::per_host().threshold(3).timeout(Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Breaker {
    pub(crate) spec: BreakerSpec,
    pub(crate) keys: Vec<ResourceKey>,
    pub(crate) is_off: bool,
}

impl Breaker {
    /// One breaker for each host that the step says it needs.
    pub fn per_host() -> Self {
        Self::default()
    }

    /// One breaker for this resource, beside those that the step itself says it needs.
    pub fn keyed(key: ResourceKey) -> Self {
        Self { keys: vec![key], ..Self::default() }
    }

    /// No breaker: every attempt is made, whatever others met.
    pub fn none() -> Self {
        Self { is_off: true, ..Self::default() }
    }

    /// Another resource that the step needs.
    pub fn and(mut self, key: ResourceKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Failures in a row that open it; 0 leaves this rule out. Default 5.
    pub const fn threshold(mut self, failures: u32) -> Self {
        self.spec.threshold = failures;
        self
    }

    /// The longest break. Default 300 s.
    pub fn timeout(mut self, longest: Duration) -> Self {
        self.spec.break_max_ms = millis(longest);
        self.spec.break_initial_ms = self.spec.break_initial_ms.min(self.spec.break_max_ms);
        self
    }

    /// The first break, which doubles from trip to trip. Default 15 s.
    pub fn first_break(mut self, first: Duration) -> Self {
        self.spec.break_initial_ms = millis(first);
        self.spec.break_max_ms = self.spec.break_max_ms.max(self.spec.break_initial_ms);
        self
    }

    /// Every break takes exactly this long, as the decorator's breaker does.
    pub fn fixed(mut self, length: Duration) -> Self {
        self.spec.break_initial_ms = millis(length);
        self.spec.break_max_ms = millis(length);
        self.spec.break_factor = 1;
        self.spec.spreads = false;
        self
    }

    /// Opens at this share of failures among at least `samples` within `window`.
    ///
    /// 0 percent leaves this rule out. Default 50 percent of 10 within a minute.
    pub fn failure_rate(mut self, percent: u8, samples: u32, window: Duration) -> Self {
        self.spec.rate_percent = percent;
        self.spec.rate_samples_min = samples;
        self.spec.rate_window_ms = millis(window);
        self
    }

    /// Opens at this share of attempts that take longer than `slow`. Default: not at all.
    pub fn slow_rate(mut self, percent: u8, slow: Duration) -> Self {
        self.spec.slow_percent = percent;
        self.spec.slow_after_ms = Some(millis(slow));
        self
    }

    /// Probes that must get through before it closes. Default 1.
    pub const fn probes(mut self, needed: u32) -> Self {
        self.spec.probes_needed = if needed == 0 { 1 } else { needed };
        self
    }

    /// How long a probe may show no sign of life. Default 60 s.
    pub fn probe_lease(mut self, lease: Duration) -> Self {
        self.spec.lease_ms = millis(lease);
        self
    }

    /// Steps behind an open breaker fail at once and say how long it stays open.
    pub const fn fail_fast(mut self) -> Self {
        self.spec.on_open = OnOpen::FailFast;
        self
    }
}

/// A breaker's policy that contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BreakerProblem {
    /// Nothing would ever open it.
    #[error(
        "no rule would ever open the breaker; set a threshold or a rate, or use `Breaker::none`"
    )]
    NeverOpens,
    /// More than all.
    #[error("a share of failures or slow attempts is at most 100 percent")]
    Percent,
    /// A break of no length.
    #[error("a break of no length lets everything pass; use `Breaker::none` for that")]
    NoBreak,
    /// The first break is longer than the longest.
    #[error("the first break is longer than the longest one")]
    FirstBreak,
    /// A probe that has failed before it begins.
    #[error("a probe needs some time to show a sign of life; set a longer lease")]
    NoLease,
}

impl Breaker {
    /// Every way in which the policy contradicts itself.
    pub(crate) fn problems(&self) -> Vec<BreakerProblem> {
        use BreakerProblem as P;
        let spec = &self.spec;
        let never = spec.threshold == 0 && spec.rate_percent == 0 && spec.slow_after_ms.is_none();
        let found = [
            (never && !self.is_off).then_some(P::NeverOpens),
            (spec.rate_percent > 100 || spec.slow_percent > 100).then_some(P::Percent),
            (spec.break_initial_ms == 0).then_some(P::NoBreak),
            (spec.break_initial_ms > spec.break_max_ms).then_some(P::FirstBreak),
            (spec.lease_ms == 0).then_some(P::NoLease),
        ];
        found.into_iter().flatten().collect()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
