//! Checkpoints: kept from attempt to attempt, refused from attempts that are over.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use resurge::steps::CheckpointError;
use resurge::{Class, RetryPolicy, StepContext, StepError, Workflow};
use support::{Calls, names, records};

#[tokio::test(start_paused = true)]
async fn an_attempt_goes_on_from_the_checkpoint_of_the_one_before() {
    let mut flow = Workflow::builder::<()>("count");
    let count = flow
        .step_fn("count", (), |cx: StepContext, ()| async move {
            let so_far = cx.checkpoint::<u32>()?.unwrap_or(0);
            cx.save_checkpoint(&(so_far + 1)).await?;
            cx.save_checkpoint(&(so_far + 1)).await?; // the same again is no record
            assert_eq!(cx.checkpoint::<u32>()?, Some(so_far + 1), "it reads back what it saved");
            if so_far < 3 {
                return Err(StepError::new(Class::Network, "dropped", "not yet"));
            }
            Ok(so_far)
        })
        .add();
    let flow = flow.build(count).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    assert_eq!(engine.start(&flow, ()).await.unwrap().outcome().await.unwrap(), 3);
    let saved = names(&records(&engine).await).iter().filter(|n| **n == "checkpoint_saved").count();
    assert_eq!(saved, 4);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_timed_out_cannot_save_any_more() {
    let refused = Arc::new(Mutex::new(None));
    let (calls, seen) = (Calls::default(), refused.clone());
    let mut flow = Workflow::builder::<()>("zombie");
    let step = flow
        .step_fn("step", (), move |cx: StepContext, ()| {
            let (call, seen) = (calls.count(), seen.clone());
            async move {
                if call > 1 {
                    return Ok(call);
                }
                // Work on another task outlives the attempt, as a blocking thread would.
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    let answer = cx.save_checkpoint(&"late").await;
                    *seen.lock().unwrap() = Some(answer.unwrap_err());
                });
                std::future::pending().await
            }
        })
        .timeout(Duration::from_secs(10))
        .retry(RetryPolicy::fixed(Duration::from_secs(1)))
        .add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    assert_eq!(engine.start(&flow, ()).await.unwrap().outcome().await.unwrap(), 2);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let error = refused.lock().unwrap().take().unwrap();
    let cause = error.source().unwrap().downcast_ref::<CheckpointError>();
    assert_eq!(cause, Some(&CheckpointError::Superseded));
    assert!(!names(&records(&engine).await).contains(&"checkpoint_saved"));
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_is_too_large_is_refused() {
    let mut flow = Workflow::builder::<()>("large");
    let step = flow
        .step_fn("step", (), |cx: StepContext, ()| async move {
            cx.save_checkpoint(&"x".repeat(1024 * 1024)).await
        })
        .retry(RetryPolicy::none())
        .add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let error = engine.start(&flow, ()).await.unwrap().outcome().await.unwrap_err();
    assert!(error.to_string().contains("1048578 bytes, at most 1048576 fit"), "{error}");
}
