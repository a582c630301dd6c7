//! Policies that hold together and still do not do what their author may think.

use std::time::Duration;

use resurge_journal::StepKey;
use resurge_journal::manifest::StepSpec;
use resurge_journal::policy::{BreakerSpec, OnOpen, RetrySpec};

use super::backoff::{CustomDelay, Occasion, delay_parts, total};
use crate::settings::Settings;

/// A policy that holds together and still may not do what its author thinks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lint {
    /// The step.
    pub step: StepKey,
    /// What kind of surprise.
    pub code: LintCode,
    /// What it means, and what to do.
    pub message: String,
}

/// What kind of surprise a [`Lint`] speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LintCode {
    /// All retries together cover a short time only, and no breaker parks the step.
    ShortSchedule,
    /// One operation never fails often enough in a row to open the breaker.
    BreakerOutOfReach,
    /// Failures come more slowly than the breaker's window forgets them.
    WindowTooShort,
    /// A server may ask for longer waits than the step may take.
    CapBelowServer,
    /// The time that recovery may take ends before the retries do.
    ElapsedBeforeRetries,
}

impl LintCode {
    /// Name in the journal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShortSchedule => "short_schedule",
            Self::BreakerOutOfReach => "breaker_out_of_reach",
            Self::WindowTooShort => "window_too_short",
            Self::CapBelowServer => "cap_below_server",
            Self::ElapsedBeforeRetries => "elapsed_before_retries",
        }
    }
}

/// What may surprise the author of a step's policy.
pub(crate) fn lints(
    spec: &StepSpec,
    custom: Option<&CustomDelay>,
    settings: &Settings,
) -> Vec<Lint> {
    let retry = &spec.retry;
    let breaker = spec.breaker.as_ref();
    let covers = covered(retry, custom);
    let found = [
        short_schedule(retry, breaker, covers),
        breaker.and_then(|breaker| out_of_reach(retry, breaker)),
        breaker.and_then(|breaker| window(retry, custom, breaker)),
        cap_below_server(retry, settings),
        elapsed(retry, covers),
    ];
    let lint = |(code, message)| Lint { step: spec.key.clone(), code, message };
    found.into_iter().flatten().map(lint).collect()
}

type Found = Option<(LintCode, String)>;

/// All the waiting that a policy does between the first attempt and the last.
fn covered(retry: &RetrySpec, custom: Option<&CustomDelay>) -> Duration {
    let mut previous = None;
    let delays = (1..=retry.max_retries.min(RETRIES_LOOKED_AT)).map(|nth| {
        let retry_no = std::num::NonZeroU32::new(nth).unwrap_or(std::num::NonZeroU32::MIN);
        let occasion = Occasion { previous, ..Occasion::plain(retry_no, 0.5) };
        let delay = total(&delay_parts(retry, custom, &occasion));
        previous = Some(delay);
        delay
    });
    delays.fold(Duration::ZERO, Duration::saturating_add)
}

fn short_schedule(retry: &RetrySpec, breaker: Option<&BreakerSpec>, covers: Duration) -> Found {
    let parks = breaker.is_none_or(|breaker| breaker.on_open == OnOpen::Park);
    let outlives = parks && retry.max_retries >= 5;
    (retry.max_retries > 0 && !outlives && covers < SHORT).then(|| {
        let message = format!(
            "{} retries cover {} s of outage at most; add retries or longer delays if the line may be down for longer",
            retry.max_retries,
            covers.as_secs()
        );
        (LintCode::ShortSchedule, message)
    })
}

fn out_of_reach(retry: &RetrySpec, breaker: &BreakerSpec) -> Found {
    let attempts = retry.max_retries.saturating_add(1);
    (breaker.threshold > attempts).then(|| {
        let message = format!(
            "one operation makes {attempts} attempts, so that it never opens a breaker that takes {} failures in a row; lower the threshold or add retries",
            breaker.threshold
        );
        (LintCode::BreakerOutOfReach, message)
    })
}

fn window(retry: &RetrySpec, custom: Option<&CustomDelay>, breaker: &BreakerSpec) -> Found {
    let by_rate_alone = breaker.threshold == 0 && breaker.rate_percent > 0;
    let needed = RetrySpec { max_retries: breaker.rate_samples_min, ..retry.clone() };
    let takes = covered(&needed, custom);
    (by_rate_alone && takes > Duration::from_millis(breaker.rate_window_ms)).then(|| {
        let message = format!(
            "{} failures of one operation take {} s, and the breaker looks back {} s; widen the window or ask for fewer samples",
            breaker.rate_samples_min,
            takes.as_secs(),
            breaker.rate_window_ms / 1_000
        );
        (LintCode::WindowTooShort, message)
    })
}

fn cap_below_server(retry: &RetrySpec, settings: &Settings) -> Found {
    let elapsed = retry.max_elapsed()?;
    (retry.max_retries > 0 && elapsed < settings.server_delay_max).then(|| {
        let message = format!(
            "a server may ask for waits of up to {} s, and recovery may take {} s; one such wait ends the step",
            settings.server_delay_max.as_secs(),
            elapsed.as_secs()
        );
        (LintCode::CapBelowServer, message)
    })
}

fn elapsed(retry: &RetrySpec, covers: Duration) -> Found {
    let elapsed = retry.max_elapsed()?;
    (elapsed < covers).then(|| {
        let message = format!(
            "recovery may take {} s, and its retries need {} s; the last ones are never made",
            elapsed.as_secs(),
            covers.as_secs()
        );
        (LintCode::ElapsedBeforeRetries, message)
    })
}

/// An outage of this length is nothing special.
const SHORT: Duration = Duration::from_secs(30);
/// Retries that are added up; more only say that it takes long.
const RETRIES_LOOKED_AT: u32 = 256;

#[cfg(test)]
mod tests {
    use resurge_journal::StepIndex;

    use super::*;
    use crate::{Breaker, RetryPolicy, StepContext, Workflow};

    const SECOND: Duration = Duration::from_secs(1);

    fn codes(retry: RetryPolicy, breaker: Option<Breaker>) -> Vec<&'static str> {
        let mut flow = Workflow::builder::<()>("lint");
        let step = flow.step_fn("a", (), |_: StepContext, ()| async { Ok(()) }).retry(retry);
        let step = match breaker {
            Some(breaker) => step.breaker(breaker).add(),
            None => step.add(),
        };
        let flow = flow.build(step).expect("it holds together");
        let spec = flow.manifest().step(StepIndex::new(0)).expect("there is one");
        let lints = lints(spec, None, &Settings::default());
        lints.iter().map(|lint| lint.code.name()).collect()
    }

    #[test]
    fn a_schedule_that_no_breaker_stretches_must_cover_an_outage() {
        let short = RetryPolicy::exponential(SECOND).max_retries(3);
        assert_eq!(codes(short.clone(), None), ["short_schedule"]);
        let fast = Breaker::per_host().fail_fast().threshold(2);
        assert_eq!(codes(short, Some(fast)), ["short_schedule"]);
        let download = RetryPolicy::exponential(SECOND * 2).max_retries(5);
        assert!(codes(download.clone(), None).is_empty());
        assert!(codes(download, Some(Breaker::per_host())).is_empty());
        assert!(codes(RetryPolicy::none(), None).is_empty());
    }

    #[test]
    fn a_breaker_must_be_in_reach() {
        let few = RetryPolicy::fixed(SECOND * 20).max_retries(3);
        assert_eq!(codes(few, Some(Breaker::per_host())), ["breaker_out_of_reach"]);
        let slow = RetryPolicy::fixed(SECOND * 20).max_retries(12);
        let by_rate = Breaker::per_host().threshold(0);
        assert_eq!(codes(slow, Some(by_rate)), ["window_too_short"]);
    }

    #[test]
    fn the_time_allowed_must_leave_room() {
        let hasty = RetryPolicy::fixed(SECOND * 20).max_retries(12).max_elapsed(SECOND * 60);
        assert_eq!(codes(hasty, None), ["cap_below_server", "elapsed_before_retries"]);
    }
}
