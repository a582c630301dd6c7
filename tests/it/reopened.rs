//! Runs that had ended and go on: what they start from.

use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{
    Class, Control, Jitter, RetryPolicy, RunFilter, RunStatus, StepContext, StepError, Workflow,
};
use support::{Calls, fail_first};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_run_that_its_deadline_ended_goes_on_without_it() {
    let calls = Calls::default();
    let policy = RetryPolicy::fixed(SECOND * 40).jitter(Jitter::None).max_retries(2);
    let flow = fail_first(4, Class::Network, policy, &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).deadline(SECOND * 100).await.unwrap();
    // Attempts at 0 s, 40 s and 80 s use the retries up.
    run.outcome().await.unwrap_err();
    assert_eq!(calls.so_far(), 3);
    tokio::time::sleep(SECOND * 200).await;
    run.retry_now("ann", "once more").await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 5);
    assert_eq!(run.view().await.unwrap().deadline_at, None);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_time_was_up_has_its_time_again() {
    let calls = Calls::default();
    let policy = RetryPolicy::fixed(SECOND * 40).jitter(Jitter::None).max_retries(50);
    let flow = fail_first(4, Class::Network, policy.max_elapsed(SECOND * 100), &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    run.outcome().await.unwrap_err();
    tokio::time::sleep(SECOND * 500).await;
    run.retry_now("ann", "once more").await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_reopened_run_goes_on_in_the_next_life() {
    let (disk, calls) = (MemoryStore::new(), Calls::default());
    let policy = RetryPolicy::fixed(SECOND * 40).jitter(Jitter::None).max_retries(0);
    let flow = fail_first(1, Class::Network, policy, &calls);
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).key("it").await.unwrap();
    run.outcome().await.unwrap_err();
    run.retry_now("ann", "once more").await.unwrap();
    engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    assert_eq!(engine.start(&flow, ()).key("it").await.unwrap().outcome().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reopened_run_takes_up_what_its_end_had_stopped() {
    let failing = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let seen = failing.clone();
    let mut flow = Workflow::builder::<()>("diamond");
    let first = flow.step_fn("first", (), |_: StepContext, ()| async move { Ok(1_u32) }).add();
    let bad = flow
        .step_fn("bad", first, move |_: StepContext, n: u32| {
            let fails = seen.load(std::sync::atomic::Ordering::SeqCst);
            async move { if fails { Err(StepError::permanent("no")) } else { Ok(n + 1) } }
        })
        .add();
    let slow_calls = Calls::default();
    let counted = slow_calls.clone();
    let slow = flow
        .step_fn("slow", first, move |_: StepContext, n: u32| {
            counted.count();
            async move {
                tokio::time::sleep(SECOND * 30).await;
                Ok(n + 10)
            }
        })
        .add();
    let both = flow
        .step_fn("both", (bad, slow), |_: StepContext, (a, b): (u32, u32)| async move { Ok(a + b) })
        .add();
    let flow = flow.build(both).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    run.outcome().await.unwrap_err();
    failing.store(false, std::sync::atomic::Ordering::SeqCst);
    let done = engine
        .control_all(
            &RunFilter::with_status([RunStatus::Failed]),
            &Control::ForceRetry,
            "ann",
            "mended",
        )
        .await
        .unwrap();
    assert!(matches!(done[..], [(done, Ok(_))] if done == run.id()), "{done:?}");
    assert_eq!(run.outcome().await.unwrap(), 13);
    assert_eq!(slow_calls.so_far(), 2, "the one that was stopped, and another");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_reopened_run_learns_its_second_end() {
    let calls = Calls::default();
    let policy = RetryPolicy::fixed(SECOND * 40).jitter(Jitter::None).max_retries(0);
    let flow = fail_first(1, Class::Network, policy, &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    let early = run.clone();
    let waiting = tokio::spawn(async move { early.outcome().await });
    assert!(waiting.await.unwrap().is_err());
    run.force_retry("ann", "once more").await.unwrap();
    let late = run.clone();
    let waiting = tokio::spawn(async move { late.outcome().await });
    assert_eq!(waiting.await.unwrap().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_ends_a_run_in_the_middle_leaves_a_fresh_budget() {
    let calls = Calls::default();
    let counted = calls.clone();
    let mut flow = Workflow::builder::<()>("slow");
    let step = flow
        .step_fn("slow", (), move |_: StepContext, ()| {
            let call = counted.count();
            async move {
                if call == 2 {
                    std::future::pending::<()>().await;
                }
                if call < 5 {
                    return Err(StepError::new(Class::Network, "refused", "down"));
                }
                Ok(call)
            }
        })
        .retry(RetryPolicy::fixed(SECOND * 10).jitter(Jitter::None).max_retries(2))
        .add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).deadline(SECOND * 60).await.unwrap();
    // One failure, and then the deadline passes while the second attempt hangs.
    run.outcome().await.unwrap_err();
    run.retry_now("ann", "once more").await.unwrap();
    // Two more failures, as many as a fresh budget allows.
    assert_eq!(run.outcome().await.unwrap(), 5);
}
