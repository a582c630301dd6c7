//! What is tried out.

use std::time::Duration;

use resurge_journal::policy::Jitter;

use crate::policy::{Breaker, RetryPolicy};
use crate::settings::Settings;

/// What is tried out: how operations are retried, and when their breaker opens.
#[derive(Debug, Clone)]
pub struct Policy {
    /// When and how often an operation is tried again.
    pub retry: RetryPolicy,
    /// The breaker of what it needs.
    pub breaker: Breaker,
    /// Limits of the engine. Default [`Settings::default`].
    pub settings: Settings,
}

impl Policy {
    /// This policy under the engine's own settings.
    pub fn new(retry: RetryPolicy, breaker: Breaker) -> Self {
        Self { retry, breaker, settings: Settings::default() }
    }

    /// What downloads are tried with: 5 retries, 2 s doubling to 300 s, and a breaker per host.
    ///
    /// As many attempts at the same time as there are operations, up to 64, so that what is seen
    /// is the policy and not the limit.
    pub fn downloads() -> Self {
        let retry = RetryPolicy::exponential(Duration::from_secs(2))
            .max_delay(Duration::from_secs(300))
            .max_retries(5)
            .jitter(Jitter::Equal);
        let settings = Settings { attempts_in_flight_max: 64, ..Settings::default() };
        Self { retry, breaker: Breaker::per_host(), settings }
    }

    /// The same with another breaker.
    #[must_use]
    pub fn with(self, breaker: Breaker) -> Self {
        Self { breaker, ..self }
    }
}

/// The policies that are worth comparing, all of them retrying as downloads do.
///
/// | name | breaker |
/// |---|---|
/// | A | none |
/// | B | 300 s, steps behind it fail |
/// | D | 300 s, steps behind it wait |
/// | F | 15 s doubling to 300 s: the default |
/// | G | 10 s doubling to 60 s |
pub fn policies() -> Vec<(&'static str, Policy)> {
    let seconds = Duration::from_secs;
    let fixed = || Breaker::per_host().fixed(seconds(300));
    let quick = Breaker::per_host().first_break(seconds(10)).timeout(seconds(60));
    let named = [
        ("A no breaker", Breaker::none()),
        ("B fails behind 300 s", fixed().fail_fast()),
        ("D waits behind 300 s", fixed()),
        ("F 15 s x2 to 300 s", Breaker::per_host()),
        ("G 10 s x2 to 60 s", quick),
    ];
    named.map(|(name, breaker)| (name, Policy::downloads().with(breaker))).into()
}
