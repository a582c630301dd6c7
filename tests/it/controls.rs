//! Calling a run off.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use resurge::{ControlError, RetryPolicy, RunError, RunStatus, StepContext, StopReason, Workflow};
use support::{Calls, chain, fail_first, names, records};

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_stops_and_says_who_and_why() {
    let stopped = Arc::new(Mutex::new(None));
    let seen = stopped.clone();
    let mut flow = Workflow::builder::<()>("endless");
    let endless = flow
        .step_fn("endless", (), move |cx: StepContext, ()| {
            let seen = seen.clone();
            async move {
                let reason = cx.stopped().await;
                *seen.lock().unwrap() = Some(reason);
                Ok(())
            }
        })
        .add();
    let flow = flow.build(endless).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    run.cancel("alice", "wrong model").await.unwrap();
    let error = run.outcome().await.unwrap_err();
    assert!(matches!(error, RunError::Cancelled { .. }));
    assert_eq!(error.to_string(), "cancelled by alice: wrong model");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*stopped.lock().unwrap(), Some(StopReason::Cancelled));
    // The attempt even succeeded after that; its result came too late.
    assert_eq!(run.view().await.unwrap().status, RunStatus::Cancelled);
    let names = names(&records(&engine).await);
    assert_eq!(names.last(), Some(&"late_result_ignored"), "{names:?}");
    run.cancel("bob", "again").await.unwrap();
    assert_eq!(support::names(&records(&engine).await).len(), names.len(), "twice is once");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_can_be_cancelled() {
    let calls = Calls::default();
    let policy = RetryPolicy::fixed(Duration::from_secs(50));
    let flow = fail_first(u32::MAX, resurge::Class::Network, policy, &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    engine.cancel(run.id(), "alice", "enough").await.unwrap();
    tokio::time::sleep(Duration::from_secs(500)).await;
    assert_eq!(calls.so_far(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_control_that_makes_no_sense_is_refused() {
    let flow = chain(&[Calls::default()]);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, 1).await.unwrap();
    run.outcome().await.unwrap();
    let ended = ControlError::Ended { run: run.id() };
    assert_eq!(run.cancel("alice", "late").await, Err(ended));
    let unknown = resurge::RunId::default();
    let error = engine.cancel(unknown, "alice", "typo").await;
    assert_eq!(error, Err(ControlError::UnknownRun { run: unknown }));
    let outcome = engine.run(unknown).outcome().await;
    assert!(matches!(outcome, Err(RunError::UnknownRun { .. })), "{outcome:?}");
}
