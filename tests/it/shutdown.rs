//! Shutting down and coming back.

use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{StartError, StepContext, StepError, StopReason, Workflow};
use support::{Calls, chain, names, records};

/// A step that works for ever in its first attempt, and saves where it stands when asked to stop.
fn patient(calls: &Calls) -> Workflow<(), u32> {
    let mut flow = Workflow::builder::<()>("patient");
    let calls = calls.clone();
    let step = flow
        .step_fn("wait", (), move |cx: StepContext, ()| {
            let call = calls.count();
            async move {
                if call > 1 {
                    return Ok(cx.checkpoint()?.unwrap_or(0));
                }
                assert_eq!(cx.stopped().await, StopReason::Shutdown);
                cx.save_checkpoint(&7_u32).await?;
                Err(StepError::permanent("interrupted, which is no failure"))
            }
        })
        .add();
    flow.build(step).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_attempt_saves_a_checkpoint_and_goes_on_in_the_next_life() {
    let (disk, calls) = (MemoryStore::new(), Calls::default());
    let flow = patient(&calls);
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).key("it").await.unwrap();
    engine.shutdown(Duration::from_secs(5)).await.unwrap();
    let error = run.outcome().await.unwrap_err().to_string();
    assert!(error.contains("the engine was shut down"), "{error}");

    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).key("it").await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 7);
    assert_eq!(
        names(&records(&engine).await),
        [
            "journal_created",
            "engine_opened",
            "run_started",
            "attempt_started",
            "checkpoint_saved",
            "attempt_interrupted",
            "engine_closed",
            "engine_opened",
            "attempt_started",
            "attempt_succeeded",
            "run_succeeded",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_does_not_listen_is_dropped_after_the_grace_period() {
    let flow = support::deaf();
    let engine = support::engine().register(&flow).start().await.unwrap();
    engine.start(&flow, ()).await.unwrap();
    let begun = tokio::time::Instant::now();
    engine.shutdown(Duration::from_secs(3)).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_while_the_engine_shuts_down() {
    let calls = Calls::default();
    let (slow, quick) = (patient(&calls), chain(&[Calls::default()]));
    let engine = support::engine().register(&slow).register(&quick).start().await.unwrap();
    engine.start(&slow, ()).await.unwrap();
    let closing = engine.clone();
    let shutdown = tokio::spawn(async move { closing.shutdown(Duration::from_secs(5)).await });
    tokio::task::yield_now().await;
    let error = engine.start(&quick, 1).await.unwrap_err();
    assert!(matches!(error, StartError::ShuttingDown | StartError::Unavailable(_)), "{error}");
    shutdown.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_could_not_be_recorded_is_no_success() {
    let store = support::WatchedStore::default().failing_at(2, false);
    let engine = support::engine_on(store).start().await.unwrap();
    let error = engine.shutdown(Duration::ZERO).await.unwrap_err();
    assert!(error.reason.contains("cannot write to the journal"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_dropped_closes_its_journal() {
    let (disk, calls) = (MemoryStore::new(), Calls::default());
    let flow = patient(&calls);
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let mut events = engine.events(resurge::Seq::new(1));
    let run = engine.start(&flow, ()).await.unwrap();
    drop((engine, run));
    let mut last = "";
    while let Ok(Some(record)) = events.next().await {
        last = record.event.name();
    }
    assert_eq!(last, "engine_closed");
}

#[tokio::test(start_paused = true)]
async fn no_attempt_outlives_the_shutdown() {
    struct Working(Calls);
    impl Drop for Working {
        fn drop(&mut self) {
            self.0.count();
        }
    }
    let dropped = Calls::default();
    let seen = dropped.clone();
    let mut flow = Workflow::builder::<()>("deaf");
    let deaf = flow
        .step_fn("deaf", (), move |_: StepContext, ()| {
            let working = Working(seen.clone());
            async move {
                std::future::pending::<()>().await;
                drop(working);
                Ok(())
            }
        })
        .add();
    let flow = flow.build(deaf).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    engine.start(&flow, ()).await.unwrap();
    engine.shutdown(Duration::from_secs(1)).await.unwrap();
    assert_eq!(dropped.so_far(), 1);
}
