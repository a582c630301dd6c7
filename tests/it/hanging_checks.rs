//! The look at a step's inputs is part of the attempt: it can time out, and it can be stopped.

use std::time::Duration;

use resurge::{RetryPolicy, RunError, Step, StepContext, StepError, Workflow};
use support::{Calls, chain};

const SECOND: Duration = Duration::from_secs(1);

/// A step whose output lies where nobody answers, such as a dead network drive.
struct Unreachable;

impl Step for Unreachable {
    const KIND: &'static str = "unreachable";
    type Input = ();
    type Output = ();

    async fn run(&self, _cx: StepContext, (): ()) -> Result<(), StepError> {
        Ok(())
    }

    async fn lost(&self, (): &()) -> Option<String> {
        std::future::pending().await
    }
}

fn flow() -> Workflow<(), ()> {
    let mut flow = Workflow::builder::<()>("unreachable");
    let made = flow.step("make", Unreachable).takes(()).add();
    let used = flow
        .step_fn("use", made, |_: StepContext, ()| async move { Ok(()) })
        .timeout(SECOND * 10)
        .retry(RetryPolicy::none())
        .add();
    flow.build(used).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_look_at_the_inputs_that_hangs_times_out() {
    let flow = flow();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    let outcome = tokio::time::timeout(SECOND * 3_600, run.outcome()).await;
    let error = outcome.expect("the attempt times out").unwrap_err();
    assert!(matches!(error, RunError::Exhausted { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_look_at_the_inputs_that_hangs_ends_when_its_run_is_cancelled() {
    let (flow, quick) = (flow(), chain(&[Calls::default()]));
    let engine = support::engine().register(&flow).register(&quick).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    run.cancel("me", "enough").await.unwrap();
    tokio::time::sleep(SECOND * 60).await;
    // What ended is on record; what is still there is not.
    let names = support::names(&support::records(&engine).await);
    assert_eq!(names.last(), Some(&"late_result_ignored"), "{names:?}");
}
