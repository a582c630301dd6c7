//! Whoever fails fast does not keep the others from their turn.

use std::time::Duration;

use resurge::{Class, RetryPolicy, Settings, StepContext, StepError, Workflow};
use support::{Calls, chain};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_ready_step_gets_its_turn_among_steps_that_retry_at_once() {
    let mut flow = Workflow::builder::<()>("restless");
    let step = flow
        .step_fn("restless", (), |_: StepContext, ()| async move {
            tokio::time::sleep(SECOND).await;
            Err::<(), _>(StepError::new(Class::Network, "refused", "no"))
        })
        .retry(RetryPolicy::fixed(Duration::ZERO).max_retries(u32::MAX))
        .add();
    let flow = flow.build(step).unwrap();
    let quick = chain(&[Calls::default()]);
    let mut settings = Settings::default();
    settings.attempts_in_flight_max = 1;
    let engine = support::engine().settings(settings).register(&flow).register(&quick);
    let engine = engine.start().await.unwrap();
    engine.start(&flow, ()).await.unwrap();
    let run = engine.start(&quick, 1).await.unwrap();
    let outcome = tokio::time::timeout(SECOND * 600, run.outcome()).await;
    assert!(outcome.is_ok(), "ten minutes without a turn");
}
