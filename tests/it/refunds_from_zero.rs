//! Progress counts once, and for what it proves only.

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

#[tokio::test(start_paused = true)]
async fn progress_says_nothing_about_a_disk_that_is_full() {
    let calls = support::Calls::default();
    let seen = calls.clone();
    let mut flow = Workflow::builder::<()>("full");
    let fetch = flow
        .step_fn("fetch", (), move |cx: StepContext, ()| {
            let call = u64::from(seen.count());
            async move {
                cx.progress(call * 8 * MIB, None);
                Err::<(), _>(StepError::new(Class::Resource, "disk_full", "no space left"))
            }
        })
        .retry(RetryPolicy::fixed(Duration::from_secs(60)).max_retries(2))
        .add();
    let flow = flow.build(fetch).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    assert!(engine.start(&flow, ()).await.unwrap().outcome().await.is_err());
    assert_eq!(calls.so_far(), 3);
}
