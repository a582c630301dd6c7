//! Steps that wait for something to change, and steps in which the process dies.

use std::time::Duration;

use resurge::journal::event::{Event, ReleaseCause, Verdict};
use resurge::journal::failure::Condition;
use resurge::journal::store::MemoryStore;
use resurge::{
    Class, ControlError, Engine, Jitter, RetryPolicy, RunError, RunStatus, StepContext, StepError,
    StepStatus, Workflow,
};
use support::{Calls, count, failures, records};

use crate::breaker_restarts::crashed;

const SECOND: Duration = Duration::from_secs(1);

/// A step that finds a drive full at its first attempts, and asks for so many bytes.
fn full(calls: &Calls, failures: u32, bytes: u64, policy: RetryPolicy) -> Workflow<(), u32> {
    let mut flow = Workflow::builder::<()>("full");
    let calls = calls.clone();
    let step = flow
        .step_fn("write", (), move |_: StepContext, ()| {
            let call = calls.count();
            async move {
                let error = StepError::new(Class::Unknown, "write", "the write failed");
                if call <= failures {
                    return Err(error.needs_space(std::env::temp_dir(), bytes));
                }
                Ok(call)
            }
        })
        .retry(policy)
        .add();
    flow.build(step).unwrap()
}

fn once() -> RetryPolicy {
    RetryPolicy::fixed(SECOND).max_retries(1).jitter(Jitter::None)
}

#[tokio::test(start_paused = true)]
async fn a_step_that_needs_space_goes_on_by_itself_uncharged() {
    let calls = Calls::default();
    let flow = full(&calls, 6, 1, once());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 7);
    let recorded = records(&engine).await;
    for (_, failed) in failures(&recorded) {
        assert!(matches!(failed.verdict, Verdict::Park { .. }), "{failed:?}");
        assert_eq!((failed.charged, failed.failure.class), (0, Class::Resource));
        assert_eq!(failed.failure.kind, "disk_full");
    }
    let released = count(
        &recorded,
        |event| matches!(event, Event::StepReleased(e) if e.cause == ReleaseCause::Ready),
    );
    assert_eq!(released, 6);
    let times: Vec<_> = support::attempts(&recorded).iter().map(|(record, _)| record.at).collect();
    for pair in times.windows(2) {
        let [one, two] = pair else { unreachable!() };
        assert_eq!(two.since(*one).as_secs(), 5, "it looks every five seconds");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_without_space_waits_without_an_attempt_until_it_is_told() {
    let calls = Calls::default();
    let flow = full(&calls, 1, u64::MAX, once());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND * 3_600).await;
    let view = run.view().await.unwrap();
    let step = view.steps.first().unwrap();
    assert_eq!((view.status, step.status), (RunStatus::Recovering, StepStatus::Held));
    assert_eq!((step.attempts.get(), step.charged), (1, 0));
    let Some(Condition::DiskSpace { bytes, .. }) = step.waits_for else { panic!("{step:?}") };
    assert_eq!((bytes, calls.so_far()), (u64::MAX, 1));
    run.retry_now("ann", "I made room").await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_waits_for_space_goes_on_waiting_in_the_next_life() {
    for gracefully in [true, false] {
        let (disk, calls) = (MemoryStore::new(), Calls::default());
        let flow = full(&calls, 1, 1, once());
        let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
        let run = engine.start(&flow, ()).await.unwrap();
        tokio::time::sleep(SECOND).await;
        let disk = if gracefully {
            engine.shutdown(Duration::ZERO).await.unwrap();
            disk
        } else {
            crashed(engine, &disk).await
        };
        let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
        let outcome = tokio::time::timeout(SECOND * 60, engine.run(run.id()).outcome()).await;
        assert!(outcome.expect("somebody looks at the drive").is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_stops_the_waiting_for_space_and_a_resume_takes_it_up() {
    let calls = Calls::default();
    let flow = full(&calls, 1, 1, once());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    run.pause("ann", "later").await.unwrap();
    tokio::time::sleep(SECOND * 600).await;
    assert_eq!(calls.so_far(), 1);
    run.resume("ann", "now").await.unwrap();
    tokio::time::timeout(SECOND * 10, run.outcome()).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_time_for_recovery_ends_the_waiting_for_space_with_a_last_attempt() {
    let calls = Calls::default();
    let flow = full(&calls, 99, u64::MAX, once().max_elapsed(SECOND * 600));
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    let begun = tokio::time::Instant::now();
    let error = run.outcome().await.unwrap_err();
    assert!(matches!(error, RunError::Exhausted { .. }), "{error}");
    assert!(error.to_string().starts_with("the time that recovery may take"), "{error}");
    assert!(begun.elapsed() >= SECOND * 560 && begun.elapsed() <= SECOND * 600);
    assert!(calls.so_far() >= 2);
}

/// A step in which the process dies: it never ends. It saves something in some of its lives.
fn deadly(calls: &Calls, saves: bool) -> Workflow<(), u32> {
    let mut flow = Workflow::builder::<()>("deadly");
    let calls = calls.clone();
    let step = flow
        .step_fn("deadly", (), move |cx: StepContext, ()| {
            let call = calls.count();
            async move {
                if saves {
                    cx.save_checkpoint(&call).await?;
                }
                if call < 6 {
                    std::future::pending::<()>().await;
                }
                Ok(call)
            }
        })
        .add();
    flow.build(step).unwrap()
}

async fn die(disk: &mut MemoryStore, flow: &Workflow<(), u32>, engine: Engine) -> Engine {
    tokio::time::sleep(SECOND).await;
    *disk = crashed(engine, disk).await;
    support::engine_on(disk.clone()).register(flow).start().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_step_that_kills_the_process_three_times_is_not_tried_a_fourth_time() {
    let (mut disk, calls) = (MemoryStore::new(), Calls::default());
    let flow = deadly(&calls, false);
    let mut engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let id = engine.start(&flow, ()).await.unwrap().id();
    for _ in 0..3 {
        engine = die(&mut disk, &flow, engine).await;
    }
    let run = engine.run(id);
    let error = run.outcome().await.unwrap_err();
    assert!(matches!(&error, RunError::Failed { .. }), "{error}");
    assert_eq!(error.failure().unwrap().kind, "poisoned");
    assert_eq!(calls.so_far(), 3);
    let refused = run.retry_now("ann", "again").await;
    assert!(matches!(refused, Err(ControlError::NotRetryable { .. })), "{refused:?}");
    // Forced, it has three lives again.
    run.force_retry("ann", "more memory").await.unwrap();
    for _ in 0..2 {
        engine = die(&mut disk, &flow, engine).await;
    }
    assert_eq!(engine.run(id).outcome().await.unwrap(), resurge::Json::of(&6).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_shared_by_all_that_may_have_caused_it() {
    let (mut disk, calls) = (MemoryStore::new(), Calls::default());
    let flow = deadly(&calls, false);
    let mut engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let first = engine.start(&flow, ()).await.unwrap().id();
    let second = engine.start(&flow, ()).await.unwrap().id();
    for _ in 0..3 {
        engine = die(&mut disk, &flow, engine).await;
    }
    for run in [first, second] {
        assert!(engine.run(run).outcome().await.is_ok(), "neither is given up");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_gets_on_may_be_cut_off_as_often_as_it_likes() {
    let (mut disk, calls) = (MemoryStore::new(), Calls::default());
    let flow = deadly(&calls, true);
    let mut engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let id = engine.start(&flow, ()).await.unwrap().id();
    for _ in 0..5 {
        engine = die(&mut disk, &flow, engine).await;
    }
    assert_eq!(engine.run(id).outcome().await.unwrap(), resurge::Json::of(&6).unwrap());
}

#[tokio::test(start_paused = true)]
async fn shutdowns_are_no_crashes() {
    let (disk, calls) = (MemoryStore::new(), Calls::default());
    let flow = deadly(&calls, false);
    let mut engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let id = engine.start(&flow, ()).await.unwrap().id();
    for _ in 0..5 {
        tokio::time::sleep(SECOND).await;
        engine.shutdown(Duration::ZERO).await.unwrap();
        engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    }
    assert_eq!(engine.run(id).outcome().await.unwrap(), resurge::Json::of(&6).unwrap());
}
