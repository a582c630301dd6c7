//! The arithmetic of a delay: curve, cap, jitter, and what the server asked for.

use std::fmt;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::policy::{Curve, Jitter, RetrySpec};
use resurge_journal::{AttemptNo, RunId, StepKey};

/// A function of the application that gives the delay before a retry.
#[derive(Clone)]
pub(crate) struct CustomDelay(pub(super) Arc<dyn Fn(NonZeroU32) -> Duration + Send + Sync>);

impl CustomDelay {
    /// The function's delay; the longest one if it panics, which must not end the engine.
    fn delay(&self, retry: NonZeroU32) -> Duration {
        catch_unwind(AssertUnwindSafe(|| (self.0)(retry))).unwrap_or(Duration::MAX)
    }

    /// Whether both are the very same function.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for CustomDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomDelay")
    }
}

/// How long to wait before a retry.
///
/// `retry` counts the failures in a row, from 1. `draw` lies in `[0, 1)`. A server's wish is a
/// floor, itself clamped to `server_delay_max`.
pub(crate) fn delay_before_retry(
    spec: &RetrySpec,
    custom: Option<&CustomDelay>,
    retry: NonZeroU32,
    draw: f64,
    server: Option<Duration>,
    server_delay_max: Duration,
) -> Duration {
    let capped = curve(spec, custom, retry).min(spec.max_delay());
    let spread = whole_millis(jitter(spec.jitter, capped, draw));
    spread.max(server.unwrap_or_default().min(server_delay_max))
}

/// A number in `[0, 1)` that depends on the attempt alone, so that a delay can be reproduced.
pub(crate) fn draw(run: RunId, step: &StepKey, attempt: AttemptNo) -> f64 {
    let run = run.as_uuid().as_u64_pair();
    let words = [run.0, run.1, u64::from(attempt.get())];
    let bytes = step.as_str().bytes().map(u64::from);
    let hash = words.into_iter().chain(bytes).fold(0, |hash, word| mix(hash ^ word));
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    let numerator = (hash >> 11) as f64;
    numerator / TWO_TO_53
}

fn curve(spec: &RetrySpec, custom: Option<&CustomDelay>, retry: NonZeroU32) -> Duration {
    let initial = spec.initial_delay();
    match spec.curve {
        Curve::Linear => initial.saturating_mul(retry.get()),
        // No growth; and nothing times infinity is not a number.
        Curve::Exponential if initial.is_zero() => initial,
        Curve::Exponential => {
            let exponent = i32::try_from(retry.get() - 1).unwrap_or(i32::MAX);
            let seconds = initial.as_secs_f64() * spec.factor.powi(exponent);
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        }
        Curve::Custom => custom.map_or(initial, |custom| custom.delay(retry)),
        // Curves to come stand for themselves until they are known here: the first delay.
        _ => initial,
    }
}

fn jitter(jitter: Jitter, delay: Duration, draw: f64) -> Duration {
    match jitter {
        Jitter::Full => delay.mul_f64(draw),
        Jitter::Equal => delay.mul_f64(f64::midpoint(1.0, draw)),
        Jitter::Tenth => delay.mul_f64(1.0 - draw / 10.0),
        _ => delay,
    }
}

/// Rounds up to what the journal can hold, so that the wait is the one that was recorded.
fn whole_millis(delay: Duration) -> Duration {
    let millis = delay.as_nanos().div_ceil(1_000_000);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The finaliser of splitmix64: every input bit reaches every output bit.
const fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

const TWO_TO_53: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::RetryPolicy;

    fn delays(policy: &RetryPolicy, draw: f64) -> Vec<u128> {
        let delay = |retry| {
            let retry = NonZeroU32::new(retry).expect("not zero");
            let custom = policy.custom.as_ref();
            delay_before_retry(&policy.spec, custom, retry, draw, None, Duration::MAX).as_millis()
        };
        (1..=6).map(delay).collect()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_curve_grows_as_documented() {
        let none = Jitter::None;
        let fixed = RetryPolicy::fixed(SECOND).jitter(none);
        assert_eq!(delays(&fixed, 0.5), [1000; 6]);
        let linear = RetryPolicy::linear(SECOND).jitter(none);
        assert_eq!(delays(&linear, 0.5), [1000, 2000, 3000, 4000, 5000, 6000]);
        let exponential = RetryPolicy::exponential(SECOND).jitter(none).max_delay(SECOND * 10);
        assert_eq!(delays(&exponential, 0.5), [1000, 2000, 4000, 8000, 10_000, 10_000]);
        let custom = RetryPolicy::custom("squares", |n| SECOND * n.get().pow(2)).jitter(none);
        assert_eq!(delays(&custom, 0.5), [1000, 4000, 9000, 16_000, 25_000, 36_000]);
    }

    #[test]
    fn jitter_only_shortens() {
        let policy = RetryPolicy::fixed(SECOND);
        assert_eq!(delays(&policy.clone().jitter(Jitter::Full), 0.0), [0; 6]);
        assert_eq!(delays(&policy.clone().jitter(Jitter::Equal), 0.0), [500; 6]);
        assert_eq!(delays(&policy.clone().jitter(Jitter::Tenth), 0.0), [1000; 6]);
        assert_eq!(delays(&policy.jitter(Jitter::Tenth), 0.5), [950; 6]);
    }

    #[test]
    fn a_servers_wish_is_a_floor_with_a_ceiling() {
        let policy = RetryPolicy::fixed(SECOND).jitter(Jitter::None);
        let one = NonZeroU32::MIN;
        let ask = |server| {
            delay_before_retry(&policy.spec, None, one, 0.0, Some(server), SECOND * 900).as_secs()
        };
        assert_eq!(ask(Duration::from_millis(10)), 1);
        assert_eq!(ask(SECOND * 3), 3);
        assert_eq!(ask(SECOND * 100_000), 900);
    }

    proptest! {
        #[test]
        fn every_delay_lies_between_zero_and_the_cap(
            initial in 0..10_000_000_u64, factor in 1.0..100.0_f64, cap in 0..10_000_000_u64,
            retry in 1..=u32::MAX, draw in 0.0..1.0_f64, curve in 0..3_usize, jitter in 0..4_usize,
        ) {
            let initial = Duration::from_millis(initial);
            let policy = [RetryPolicy::fixed(initial), RetryPolicy::linear(initial),
                RetryPolicy::exponential(initial)].into_iter().nth(curve).expect("in range");
            let policy = policy.factor(factor).max_delay(Duration::from_millis(cap));
            let policy = policy.jitter(*Jitter::ALL.get(jitter).expect("in range"));
            let retry = NonZeroU32::new(retry).expect("not zero");
            let delay =
                delay_before_retry(&policy.spec, None, retry, draw, None, Duration::ZERO);
            prop_assert!(delay <= policy.spec.max_delay());
        }

        #[test]
        fn delays_without_jitter_never_shrink(initial in 1..100_000_u64, factor in 1.0..10.0_f64) {
            let policy = RetryPolicy::exponential(Duration::from_millis(initial));
            let all = delays(&policy.factor(factor).jitter(Jitter::None), 0.0);
            prop_assert!(all.is_sorted());
        }

        #[test]
        fn a_draw_is_a_fraction_and_reproducible(run in any::<u128>(), attempt in any::<u32>()) {
            let run = RunId::new(uuid::Uuid::from_u128(run));
            let step = StepKey::new("download").expect("a slug");
            let first = draw(run, &step, AttemptNo::new(attempt));
            prop_assert!((0.0..1.0).contains(&first));
            prop_assert_eq!(first.to_bits(), draw(run, &step, AttemptNo::new(attempt)).to_bits());
        }
    }
}
