//! Steps that behave as told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use resurge::{Class, RetryPolicy, StepContext, StepError, Workflow};

/// Counts how often something was called, over all attempts.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<AtomicU32>);

impl Calls {
    /// Counts one call and gives its number, from 1.
    pub fn count(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Calls so far.
    pub fn so_far(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A workflow `chain` of `calls.len()` steps, each adding one to the number it gets.
///
/// # Panics
/// Never: the workflow is sound.
pub fn chain(calls: &[Calls]) -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>("chain");
    let mut last = flow.input();
    for (index, calls) in calls.iter().cloned().enumerate() {
        let add_one = move |_cx: StepContext, n: u32| {
            calls.count();
            async move { Ok(n + 1) }
        };
        last = flow.step_fn(format!("step-{index}"), last, add_one).add();
    }
    flow.build(last).expect("a sound workflow")
}

/// A workflow `flaky` of one step that fails in this class the first `failures` times.
///
/// # Panics
/// Never: the workflow is sound.
pub fn fail_first(
    failures: u32,
    class: Class,
    policy: RetryPolicy,
    calls: &Calls,
) -> Workflow<(), u32> {
    let mut flow = Workflow::builder::<()>("flaky");
    let calls = calls.clone();
    let work = move |_cx: StepContext, ()| {
        let call = calls.count();
        async move {
            if call <= failures {
                Err(StepError::new(class, "scripted", format!("failure {call}")))
            } else {
                Ok(call)
            }
        }
    };
    let step = flow.step_fn("work", (), work).retry(policy).add();
    flow.build(step).expect("a sound workflow")
}

/// A workflow `deaf` of one step that never ends and does not listen.
///
/// # Panics
/// Never: the workflow is sound.
pub fn deaf() -> Workflow<(), ()> {
    let mut flow = Workflow::builder::<()>("deaf");
    let step = flow.step_fn("deaf", (), |_: StepContext, ()| std::future::pending()).add();
    flow.build(step).expect("a sound workflow")
}
