//! A view names the failure that ended its run.

use std::time::Duration;

use resurge::{Class, RetryPolicy, StepContext, StepError, Workflow};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_failure_of_a_run_is_that_of_the_step_that_ended_it() {
    let mut flow = Workflow::builder::<()>("pair");
    let bad = flow
        .step_fn("bad", (), |_: StepContext, ()| async move {
            tokio::time::sleep(SECOND * 10).await;
            Err::<(), _>(StepError::permanent("no way"))
        })
        .add();
    let flaky = flow
        .step_fn("flaky", (), |_: StepContext, ()| async move {
            Err::<(), _>(StepError::new(Class::Network, "refused", "not now"))
        })
        .retry(RetryPolicy::fixed(SECOND * 60))
        .add();
    let both = flow.step_fn("both", (bad, flaky), |_: StepContext, _| async move { Ok(()) }).add();
    let flow = flow.build(both).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    run.outcome().await.unwrap_err();
    let view = run.view().await.unwrap();
    let (step, failure) = view.last_failure().unwrap();
    assert_eq!((step.as_str(), failure.message.as_str()), ("bad", "no way"));
}
