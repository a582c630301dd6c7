//! A delay function of the application panics: the engine goes on.

use std::time::Duration;

use resurge::{Class, RetryPolicy, RunError};
use support::{Calls, chain, fail_first};

#[tokio::test(start_paused = true)]
async fn a_delay_function_that_panics_takes_nothing_with_it() {
    let policy = RetryPolicy::custom("overflows", |n| {
        // As a growing delay does sooner or later.
        Duration::MAX * n.get().saturating_add(1)
    });
    let flow = fail_first(u32::MAX, Class::Network, policy.max_retries(2), &Calls::default());
    let quick = chain(&[Calls::default()]);
    let engine = support::engine().register(&flow).register(&quick).start().await.unwrap();
    let error = engine.start(&flow, ()).await.unwrap().outcome().await.unwrap_err();
    assert!(matches!(error, RunError::Exhausted { .. }), "{error}");
    assert_eq!(engine.start(&quick, 1).await.unwrap().outcome().await.unwrap(), 2);
}
