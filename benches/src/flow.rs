//! Workflows whose steps do nothing, so that only the engine is measured.

use std::time::Duration;

use resurge::{Class, Jitter, RetryPolicy, StepContext, StepError, Workflow};

/// Steps of a run of [`three_steps`].
pub const STEPS_PER_RUN: u64 = 3;

/// About 100 bytes of JSON.
pub fn payload() -> String {
    "p".repeat(98)
}

/// A workflow `w1` of three steps in a row, each handing on what it gets.
///
/// # Panics
/// Never: the workflow is sound.
pub fn three_steps() -> Workflow<String, String> {
    let mut flow = Workflow::builder::<String>("w1");
    let mut last = flow.input();
    for key in ["a", "b", "c"] {
        let pass = |_: StepContext, text: String| async move { Ok(text) };
        last = flow.step_fn(key, last, pass).add();
    }
    flow.build(last).expect("the steps form a chain")
}

/// Attempts of a run of [`fails_thrice`].
pub const ATTEMPTS_PER_RUN: u64 = 4;

/// A workflow `w3` of one step that fails three times, 1 ms apart, and then hands on what it got.
///
/// It names no resource, so that no breaker has a say.
///
/// # Panics
/// Never: the workflow is sound.
pub fn fails_thrice() -> Workflow<String, String> {
    let mut flow = Workflow::builder::<String>("w3");
    let input = flow.input();
    let policy = RetryPolicy::fixed(Duration::from_millis(1)).jitter(Jitter::None);
    let attempt = |cx: StepContext, text: String| async move {
        if u64::from(cx.attempt().get()) < ATTEMPTS_PER_RUN {
            return Err(StepError::new(Class::Network, "refused", "nobody listens"));
        }
        Ok(text)
    };
    let last = flow.step_fn("a", input, attempt).retry(policy.max_retries(3)).add();
    flow.build(last).expect("one step is a graph")
}

/// A workflow `w2` of one step that is done, and another that is tried again in an hour.
///
/// # Panics
/// Never: the workflow is sound.
pub fn waits() -> Workflow<String, String> {
    const HOUR: Duration = Duration::from_secs(3_600);
    let mut flow = Workflow::builder::<String>("w2");
    let pass = |_: StepContext, text: String| async move { Ok(text) };
    let first = flow.step_fn("a", flow.input(), pass).add();
    let fail = |_: StepContext, _: String| async move {
        Err::<String, _>(StepError::new(Class::Network, "refused", "nobody listens"))
    };
    let policy = RetryPolicy::fixed(HOUR).max_delay(HOUR).jitter(Jitter::None);
    let last = flow.step_fn("b", first, fail).retry(policy).add();
    flow.build(last).expect("the steps form a chain")
}
