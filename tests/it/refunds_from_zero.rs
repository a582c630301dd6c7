//! Progress counts once.

use std::time::Duration;

use resurge::{Class, RetryPolicy, StepContext, StepError, Workflow};

const MIB: u64 = 1024 * 1024;

#[tokio::test(start_paused = true)]
async fn getting_as_far_as_before_is_no_progress() {
    let mut flow = Workflow::builder::<()>("never-resumes");
    let fetch = flow
        .step_fn("fetch", (), |cx: StepContext, ()| async move {
            // A server without ranges whose line drops at the same place each time.
            cx.resume_from(0, Some(64 * MIB));
            cx.progress(8 * MIB, Some(64 * MIB));
            Err::<(), _>(StepError::new(Class::Network, "dropped", "the line dropped"))
        })
        .retry(RetryPolicy::fixed(Duration::from_secs(60)).max_retries(5))
        .add();
    let flow = flow.build(fetch).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    let outcome = tokio::time::timeout(Duration::from_secs(86_400), run.outcome()).await;
    assert!(outcome.is_ok(), "a day of retries, all refunded");
}
