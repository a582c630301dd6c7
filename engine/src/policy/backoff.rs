//! The arithmetic of a delay: curve, cap, jitter, and what the server asked for.

use std::fmt;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::event::DelayParts;
use resurge_journal::policy::{Curve, Jitter, RetrySpec};
use resurge_journal::{AttemptNo, BreakerEpoch, ResourceKey, RunId, StepKey};

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

/// What a delay depends on beside the policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion {
    /// Counts the failures in a row, from 1.
    pub(crate) retry: NonZeroU32,
    /// A number in `[0, 1)`.
    pub(crate) draw: f64,
    /// The delay before this attempt's predecessor.
    pub(crate) previous: Option<Duration>,
    /// Factor that the failure or its class puts on the delay.
    pub(crate) stretch: u32,
    /// What the server asked for, and what is granted at most.
    pub(crate) server: Option<Duration>,
    pub(crate) server_max: Duration,
    /// Whether to go on at once because the attempt got somewhere.
    pub(crate) at_once: bool,
    /// How long the retry budget makes it wait.
    pub(crate) budget: Duration,
}

impl Occasion {
    /// A plain retry: only the policy speaks.
    pub(crate) const fn plain(retry: NonZeroU32, draw: f64) -> Self {
        Self {
            retry,
            draw,
            previous: None,
            stretch: 1,
            server: None,
            server_max: Duration::ZERO,
            at_once: false,
            budget: Duration::ZERO,
        }
    }
}

/// How long to wait before a retry, part by part.
///
/// A server's wish is a floor, itself clamped. The cap comes before jitter, which only shortens,
/// so that waiters do not meet again at the cap.
pub(crate) fn delay_parts(
    spec: &RetrySpec,
    custom: Option<&CustomDelay>,
    occasion: &Occasion,
) -> DelayParts {
    let curve = curve(spec, custom, occasion);
    let capped = curve.saturating_mul(occasion.stretch.max(1)).min(spec.max_delay());
    let spread = whole_millis(jitter(spec, capped, occasion.draw));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in [0, 1e6)")]
    let draw_millionths = (occasion.draw * 1e6) as u32;
    DelayParts {
        curve_ms: millis(curve),
        stretch: occasion.stretch.max(1),
        cap_ms: spec.max_delay_ms,
        draw_millionths,
        spread_ms: millis(spread),
        server_ms: occasion.server.map(millis),
        server_max_ms: millis(occasion.server_max),
        budget_ms: millis(whole_millis(occasion.budget)),
        at_once: occasion.at_once,
    }
}

/// The delay that the parts add up to.
pub(crate) fn total(parts: &DelayParts) -> Duration {
    let own = if parts.at_once { 0 } else { parts.spread_ms };
    let server = parts.server_ms.unwrap_or(0).min(parts.server_max_ms);
    Duration::from_millis(own.max(server).max(parts.budget_ms))
}

/// A number in `[0, 1)` that depends on the attempt alone, so that a delay can be reproduced.
pub(crate) fn draw(run: RunId, step: &StepKey, attempt: AttemptNo) -> f64 {
    let run = run.as_uuid().as_u64_pair();
    let words = [run.0, run.1, u64::from(attempt.get())];
    fraction(words.into_iter().chain(step.as_str().bytes().map(u64::from)))
}

/// A number in `[0, 1)` that depends on a resource and a transition of its breaker alone.
pub(crate) fn draw_for(key: &ResourceKey, epoch: BreakerEpoch) -> f64 {
    let bytes = key.as_str().bytes().map(u64::from);
    fraction([epoch.get()].into_iter().chain(bytes))
}

fn fraction(words: impl Iterator<Item = u64>) -> f64 {
    let hash = words.fold(0, |hash, word| mix(hash ^ word));
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    let numerator = (hash >> 11) as f64;
    numerator / TWO_TO_53
}

fn curve(spec: &RetrySpec, custom: Option<&CustomDelay>, occasion: &Occasion) -> Duration {
    let (initial, retry) = (spec.initial_delay(), occasion.retry);
    match spec.curve {
        Curve::Linear => initial.saturating_mul(retry.get()),
        // No growth; and nothing times infinity is not a number.
        Curve::Exponential if initial.is_zero() => initial,
        Curve::Exponential => {
            let exponent = i32::try_from(retry.get() - 1).unwrap_or(i32::MAX);
            let seconds = initial.as_secs_f64() * spec.factor.powi(exponent);
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        }
        Curve::Fibonacci => initial.saturating_mul(fibonacci(retry)),
        Curve::Decorrelated => {
            occasion.previous.map_or(initial, |previous| previous.saturating_mul(3)).max(initial)
        }
        Curve::List => {
            let at = usize::try_from(retry.get() - 1).unwrap_or(usize::MAX);
            let delays = &spec.delays_ms;
            let delay = delays.get(at).or_else(|| delays.last());
            delay.map_or(initial, |delay| Duration::from_millis(*delay))
        }
        Curve::Custom => custom.map_or(initial, |custom| custom.delay(retry)),
        // Curves to come stand for themselves until they are known here: the first delay.
        _ => initial,
    }
}

/// 1, 1, 2, 3, 5, and so on; the largest that fits from there on.
fn fibonacci(nth: NonZeroU32) -> u32 {
    let (mut now, mut next) = (1_u32, 1_u32);
    for _ in 1..nth.get().min(FIBONACCI_MAX) {
        (now, next) = (next, now.saturating_add(next));
    }
    now
}

/// From here on the numbers do not fit any more.
const FIBONACCI_MAX: u32 = 48;

fn jitter(spec: &RetrySpec, delay: Duration, draw: f64) -> Duration {
    match spec.jitter {
        Jitter::Full => delay.mul_f64(draw),
        Jitter::Equal => delay.mul_f64(f64::midpoint(1.0, draw)),
        Jitter::Tenth => delay.mul_f64(1.0 - draw / 10.0),
        Jitter::Percent => {
            let share = f64::from(spec.jitter_percent.min(100)) / 100.0;
            delay.mul_f64(draw.mul_add(-share, 1.0))
        }
        Jitter::Decorrelated => {
            let least = spec.initial_delay().min(delay);
            least + delay.saturating_sub(least).mul_f64(draw)
        }
        _ => delay,
    }
}

/// Rounds up to what the journal can hold, so that the wait is the one that was recorded.
fn whole_millis(delay: Duration) -> Duration {
    let millis = delay.as_nanos().div_ceil(1_000_000);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
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
            let parts =
                delay_parts(&policy.spec, policy.custom.as_ref(), &Occasion::plain(retry, draw));
            total(&parts).as_millis()
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
        let fibonacci = RetryPolicy::fibonacci(SECOND).jitter(none);
        assert_eq!(delays(&fibonacci, 0.5), [1000, 1000, 2000, 3000, 5000, 8000]);
        let list = RetryPolicy::list([SECOND, SECOND * 7]).jitter(none);
        assert_eq!(delays(&list, 0.5), [1000, 7000, 7000, 7000, 7000, 7000]);
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
            let plain = Occasion::plain(one, 0.0);
            let occasion = Occasion { server: Some(server), server_max: SECOND * 900, ..plain };
            total(&delay_parts(&policy.spec, None, &occasion)).as_secs()
        };
        assert_eq!(ask(Duration::from_millis(10)), 1);
        assert_eq!(ask(SECOND * 3), 3);
        assert_eq!(ask(SECOND * 100_000), 900);
    }

    #[test]
    fn a_decorrelated_delay_grows_from_the_one_before() {
        let policy = RetryPolicy::decorrelated(SECOND).max_delay(SECOND * 20);
        let after = |previous, draw| {
            let plain = Occasion::plain(NonZeroU32::MIN, draw);
            let occasion = Occasion { previous, ..plain };
            total(&delay_parts(&policy.spec, None, &occasion))
        };
        assert_eq!(after(None, 0.5), SECOND);
        assert_eq!(after(Some(SECOND), 0.5), SECOND * 2);
        assert_eq!(after(Some(SECOND * 4), 0.0), SECOND);
        assert_eq!(after(Some(SECOND * 40), 0.5), Duration::from_millis(10_500));
    }

    #[test]
    fn a_stretched_delay_keeps_to_the_cap_and_the_budget_is_a_floor() {
        let policy = RetryPolicy::fixed(SECOND).max_delay(SECOND * 3).jitter(Jitter::None);
        let plain = Occasion::plain(NonZeroU32::MIN, 0.0);
        let of = |occasion| total(&delay_parts(&policy.spec, None, &occasion));
        assert_eq!(of(Occasion { stretch: 2, ..plain }), SECOND * 2);
        assert_eq!(of(Occasion { stretch: 4, ..plain }), SECOND * 3);
        assert_eq!(of(Occasion { at_once: true, ..plain }), Duration::ZERO);
        assert_eq!(of(Occasion { budget: SECOND * 9, ..plain }), SECOND * 9);
    }

    proptest! {
        #[test]
        fn every_delay_lies_between_zero_and_the_cap(
            initial in 0..10_000_000_u64, factor in 1.0..100.0_f64, cap in 0..10_000_000_u64,
            retry in 1..=u32::MAX, draw in 0.0..1.0_f64, curve in 0..5_usize, jitter in 0..6_usize,
            previous in proptest::option::of(0..100_000_000_u64), stretch in 0..9_u32,
        ) {
            let initial = Duration::from_millis(initial);
            let policy = [RetryPolicy::fixed(initial), RetryPolicy::linear(initial),
                RetryPolicy::exponential(initial), RetryPolicy::fibonacci(initial),
                RetryPolicy::decorrelated(initial)].into_iter().nth(curve).expect("in range");
            let policy = policy.factor(factor).max_delay(Duration::from_millis(cap));
            let policy = policy.jitter(*Jitter::ALL.get(jitter).expect("in range"));
            let retry = NonZeroU32::new(retry).expect("not zero");
            let previous = previous.map(Duration::from_millis);
            let occasion = Occasion { previous, stretch, ..Occasion::plain(retry, draw) };
            let delay = total(&delay_parts(&policy.spec, None, &occasion));
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
