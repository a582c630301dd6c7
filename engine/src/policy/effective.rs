//! Policies as they are now: pinned ones, with what people have changed since.

use std::borrow::Cow;

use resurge_journal::policy::{BreakerSpec, RetrySpec};
use resurge_journal::state::Tuning;

use crate::settings::Settings;

/// A retry policy with what people have changed since it was pinned.
pub(crate) fn retry<'a>(pinned: &'a RetrySpec, tuning: &Tuning) -> Cow<'a, RetrySpec> {
    let Tuning { max_retries, initial_delay_ms, backoff_factor, max_delay_ms, .. } = tuning;
    let is_changed = max_retries.is_some()
        || initial_delay_ms.is_some()
        || backoff_factor.is_some()
        || max_delay_ms.is_some();
    if !is_changed {
        return Cow::Borrowed(pinned);
    }
    Cow::Owned(RetrySpec {
        max_retries: max_retries.unwrap_or(pinned.max_retries),
        initial_delay_ms: initial_delay_ms.unwrap_or(pinned.initial_delay_ms),
        factor: backoff_factor.unwrap_or(pinned.factor),
        max_delay_ms: max_delay_ms.unwrap_or(pinned.max_delay_ms),
        ..pinned.clone()
    })
}

/// Bytes a second of all transfers together; 0 is no limit.
pub(crate) fn bandwidth(settings: &Settings, tuning: &Tuning) -> u64 {
    tuning.bandwidth_limit.unwrap_or(settings.bandwidth_limit)
}

/// A breaker's policy with what people have changed since it was pinned.
pub(crate) fn breaker<'a>(
    pinned: &'a BreakerSpec,
    settings: &Settings,
    tuning: &Tuning,
) -> Cow<'a, BreakerSpec> {
    let (threshold, longest) =
        (tuning.circuit_breaker_threshold, tuning.circuit_breaker_timeout_ms);
    // No host is to blame for being as slow as somebody wanted it; whoever decides looks at what
    // began under a limit that was lifted since.
    let is_slowed = pinned.slow_after_ms.is_some() && bandwidth(settings, tuning) > 0;
    if threshold.is_none() && longest.is_none() && !is_slowed {
        return Cow::Borrowed(pinned);
    }
    let break_max_ms = longest.unwrap_or(pinned.break_max_ms);
    let is_fixed = pinned.break_initial_ms == pinned.break_max_ms;
    Cow::Owned(BreakerSpec {
        threshold: threshold.unwrap_or(pinned.threshold),
        break_max_ms,
        break_initial_ms: if is_fixed { break_max_ms } else { pinned.break_initial_ms },
        slow_after_ms: pinned.slow_after_ms.filter(|_| !is_slowed),
        ..pinned.clone()
    })
}
