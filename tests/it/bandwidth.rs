//! The limit on bandwidth: set, changed and lifted while transfers are under way.

use std::time::Duration;

use resurge::journal::event::Event;
use resurge::journal::store::MemoryStore;
use resurge::{
    Breaker, BreakerState, Engine, Json, RetryPolicy, RunHandle, RunStatus, Settings, StepContext,
    StepError, Workflow,
};
use support::{Host, patient, records, visit_behind};
use tokio::time::Instant;

use crate::breakers::{all_done, breaker, start_many};

const SECOND: Duration = Duration::from_secs(1);
/// A transfer lines up for a sixteenth of a second at a time.
const TURN: Duration = Duration::from_millis(150);

/// A workflow of one transfer in chunks of 100 bytes; its input is the number of bytes.
fn transfer(idle: Option<Duration>) -> Workflow<u64, u64> {
    let mut flow = Workflow::builder::<u64>("transfer");
    let input = flow.input();
    let work = |cx: StepContext, bytes: u64| async move {
        for done in 1..=bytes / 100 {
            cx.transferred(100).await;
            cx.progress(done * 100, Some(bytes));
        }
        Ok(bytes)
    };
    let step = flow.step_fn("transfer", input, work).retry(RetryPolicy::none());
    let step = match idle {
        Some(idle) => step.idle_timeout(idle).add(),
        None => step.add(),
    };
    flow.build(step).unwrap()
}

fn limited(limit: u64) -> Settings {
    let mut settings = support::settings();
    settings.bandwidth_limit = limit;
    settings
}

async fn done(run: &RunHandle<u64>) -> u64 {
    let view = run.view().await.unwrap();
    view.steps.first().unwrap().progress.map_or(0, |progress| progress.done)
}

#[track_caller]
fn assert_near(took: Duration, expected: Duration) {
    assert!(took.abs_diff(expected) <= TURN, "{took:?} instead of {expected:?}");
}

async fn set(engine: &Engine, limit: Option<u64>) {
    engine.tune("bandwidth_limit", limit, "ann", "a call").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_set_changed_and_lifted_holds_at_once_for_what_is_under_way() {
    let flow = transfer(None);
    let engine = support::engine().register(&flow).start().await.unwrap();
    set(&engine, Some(1_000)).await;
    let run = engine.start(&flow, 1_000_000).await.unwrap();
    tokio::time::sleep(SECOND * 10).await;
    assert!((9_800..=10_000).contains(&done(&run).await), "{}", done(&run).await);
    set(&engine, Some(10_000)).await;
    tokio::time::sleep(SECOND * 10).await;
    assert!((109_000..=110_000).contains(&done(&run).await), "{}", done(&run).await);
    set(&engine, Some(1)).await;
    tokio::time::sleep(SECOND * 1_000).await;
    assert!(done(&run).await <= 111_100, "{}", done(&run).await);
    let lifted = Instant::now();
    set(&engine, Some(0)).await;
    run.outcome().await.unwrap();
    assert_eq!(lifted.elapsed(), Duration::ZERO);

    let changes = records(&engine).await.into_iter().filter_map(|record| match record.event {
        Event::SettingsChanged(event) => Some((event.old, event.new)),
        _ => None,
    });
    let json = |limit: u64| Json::of(&limit).unwrap();
    let expected = [(0, 1_000), (1_000, 10_000), (10_000, 1), (1, 0)];
    let expected: Vec<_> = expected.map(|(old, new)| (json(old), json(new))).to_vec();
    assert_eq!(changes.collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_over_all_transfers_together() {
    let flow = transfer(None);
    let engine = support::engine().settings(limited(4_000)).register(&flow).start().await.unwrap();
    let begun = Instant::now();
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(engine.start(&flow, 10_000).await.unwrap());
    }
    for run in runs {
        run.outcome().await.unwrap();
        assert!(begun.elapsed() > SECOND * 9, "{:?}", begun.elapsed());
    }
    assert_near(begun.elapsed(), SECOND * 10);
}

#[tokio::test(start_paused = true)]
async fn a_limit_outlives_the_process_until_it_is_taken_back() {
    let (disk, flow) = (MemoryStore::new(), transfer(None));
    let open = || support::engine_on(disk.clone()).settings(limited(2_000)).register(&flow).start();
    let took = async |engine: &Engine| {
        let begun = Instant::now();
        engine.start(&flow, 20_000).await.unwrap().outcome().await.unwrap();
        begun.elapsed()
    };
    let engine = open().await.unwrap();
    assert_near(took(&engine).await, SECOND * 10);
    set(&engine, Some(500)).await;
    engine.shutdown(Duration::ZERO).await.unwrap();

    let engine = open().await.unwrap();
    assert_near(took(&engine).await, SECOND * 40);
    set(&engine, None).await;
    assert_near(took(&engine).await, SECOND * 10);
    set(&engine, Some(0)).await;
    engine.shutdown(Duration::ZERO).await.unwrap();

    let engine = open().await.unwrap();
    assert_eq!(took(&engine).await, Duration::ZERO, "no limit, whatever the engine's own is");
}

#[tokio::test(start_paused = true)]
async fn whatever_stops_an_attempt_does_not_wait_for_the_limit() {
    let flow = transfer(None);
    let engine = support::engine().settings(limited(1)).register(&flow).start().await.unwrap();
    let paused = engine.start(&flow, 1_000_000).await.unwrap();
    let cancelled = engine.start(&flow, 1_000_000).await.unwrap();
    let left = engine.start(&flow, 1_000_000).await.unwrap();
    tokio::time::sleep(SECOND * 5).await;
    let begun = Instant::now();
    paused.pause("ann", "later").await.unwrap();
    cancelled.cancel("ann", "never").await.unwrap();
    assert_eq!(left.view().await.unwrap().status, RunStatus::InProgress);
    // The step does not listen itself: it is the wait that ends.
    engine.shutdown(SECOND * 60).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_is_held_back_is_not_idle() {
    let flow = transfer(Some(SECOND * 10));
    let engine = support::engine().settings(limited(1)).register(&flow).start().await.unwrap();
    let (one, other) = (engine.start(&flow, 200).await, engine.start(&flow, 200).await);
    for run in [one, other] {
        assert_eq!(run.unwrap().outcome().await.unwrap(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_idle_under_a_limit_too() {
    for says in [false, true] {
        let mut flow = Workflow::builder::<()>("hang");
        let work = move |cx: StepContext, ()| async move {
            cx.transferred(30).await;
            if says {
                cx.progress(30, None);
            }
            cx.stopped().await;
            Err::<(), _>(StepError::permanent("it was stopped"))
        };
        let step = flow.step_fn("hang", (), work).retry(RetryPolicy::none());
        let step = step.idle_timeout(SECOND * 10).add();
        let flow = flow.build(step).unwrap();
        let engine = support::engine().settings(limited(1)).register(&flow).start().await.unwrap();
        let begun = Instant::now();
        engine.start(&flow, ()).await.unwrap().outcome().await.unwrap_err();
        let took = begun.elapsed();
        if says {
            assert_near(took, SECOND * 40);
        } else {
            // 30 s for 30 bytes; then one or two times the limit.
            assert!((SECOND * 39..=SECOND * 51).contains(&took), "{took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_host_is_to_blame_for_the_limit() {
    let slow = || Breaker::per_host().slow_rate(50, SECOND * 5).failure_rate(50, 4, SECOND * 60);
    for (limit, expected) in [(1, None), (0, Some(BreakerState::Open))] {
        let host = Host::new("a");
        host.takes(SECOND * 8);
        let flow = visit_behind(&host, patient(), slow());
        let builder = support::engine().settings(limited(limit));
        let engine = builder.register(&flow).start().await.unwrap();
        let runs = start_many(&engine, &flow, 4).await;
        all_done(&runs).await;
        let is_open = breaker(&engine, host.key()).await.state;
        assert_eq!((is_open != BreakerState::Closed).then_some(is_open), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn no_host_is_to_blame_for_a_limit_that_was_lifted_meanwhile() {
    let slow = Breaker::per_host().slow_rate(50, SECOND * 5).failure_rate(50, 4, SECOND * 60);
    let host = Host::new("a");
    host.takes(SECOND * 8);
    let flow = visit_behind(&host, patient(), slow);
    let engine = support::engine().settings(limited(1)).register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 4).await;
    tokio::time::sleep(SECOND * 7).await;
    set(&engine, Some(0)).await;
    all_done(&runs).await;
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Closed);
    let runs = start_many(&engine, &flow, 4).await;
    all_done(&runs).await;
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Open, "slow by itself");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_no_number_of_bytes_is_refused() {
    let engine = support::engine().start().await.unwrap();
    for value in [Json::of(&-1), Json::of(&1.5), Json::of(&"1MiB")] {
        engine.tune("bandwidth_limit", Some(value.unwrap()), "ann", "typo").await.unwrap_err();
    }
    assert_eq!(engine.tuning().await.unwrap().bandwidth_limit, None);
}
