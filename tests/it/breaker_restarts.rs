//! Breakers outlive the process, and no clock makes a break longer than planned.

use std::sync::Arc;
use std::time::Duration;

use resurge::journal::event::{Event, HalfOpenCause, OpenCause};
use resurge::journal::store::{MemoryStore, Store};
use resurge::{BreakerState, Engine, RunHandle, StepContext, StepStatus, Workflow};
use support::{Host, SetClock, attempts, count, patient, records, visit};

use crate::breakers::{breaker, start_many, trips};

const SECOND: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

async fn open(disk: &MemoryStore, flow: &Workflow<u32, u32>) -> Engine {
    support::engine_on(disk.clone()).register(flow).start().await.unwrap()
}

async fn open_at(disk: &MemoryStore, clock: &Arc<SetClock>, flow: &Workflow<u32, u32>) -> Engine {
    let engine = Engine::with_store(Arc::new(disk.clone())).clock(clock.clone());
    engine.register(flow).start().await.unwrap()
}

/// The process dies: what the engine writes while it winds down is lost with it.
pub(crate) async fn crashed(engine: Engine, disk: &MemoryStore) -> MemoryStore {
    let left = disk.truncated(disk.head());
    engine.shutdown(Duration::ZERO).await.unwrap();
    left
}

async fn all_end(engine: &Engine, runs: &[RunHandle<u32>]) {
    for run in runs {
        engine.run(run.id()).outcome().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_before_the_break_is_over_however_often_the_process_dies() {
    let (disk, host) = (MemoryStore::new(), Host::refusing("a"));
    let flow = visit(&host, patient());
    let engine = open(&disk, &flow).await;
    let runs = start_many(&engine, &flow, 20).await;
    tokio::time::sleep(SECOND).await;
    let until = breaker(&engine, host.key()).await.until.unwrap();
    let visits = host.visits();
    host.up();
    let mut disk = disk;
    let mut engine = engine;
    for _ in 0..4 {
        tokio::time::sleep(SECOND * 2).await;
        disk = crashed(engine, &disk).await;
        engine = open(&disk, &flow).await;
        let view = breaker(&engine, host.key()).await;
        assert_eq!((view.state, view.until), (BreakerState::Open, Some(until)));
        assert_eq!(host.visits(), visits);
    }
    all_end(&engine, &runs).await;
    let recorded = records(&engine).await;
    let next = attempts(&recorded).into_iter().find(|(record, _)| record.at >= until).unwrap();
    assert!(next.0.at.since(until) < SECOND / 10, "{:?}", next.0.at.since(until));
    assert_eq!(trips(&recorded, host.key()).len(), 1);
    assert_eq!(host.visits(), visits + 20);
}

#[tokio::test(start_paused = true)]
async fn after_the_break_the_next_life_begins_with_a_single_probe() {
    let (disk, host) = (MemoryStore::new(), Host::refusing("a"));
    let flow = visit(&host, patient());
    let engine = open(&disk, &flow).await;
    let runs = start_many(&engine, &flow, 20).await;
    tokio::time::sleep(SECOND).await;
    let disk = crashed(engine, &disk).await;
    tokio::time::sleep(SECOND * 600).await;
    let visits = host.visits();
    host.takes(SECOND * 3);
    let _ = host.most_at_once();
    let engine = open(&disk, &flow).await;
    tokio::time::sleep(SECOND).await;
    let view = breaker(&engine, host.key()).await;
    assert_eq!((view.state, host.visits()), (BreakerState::HalfOpen, visits + 1));
    // Time that has passed opens the gate for a probe; it proves nothing.
    let recorded = records(&engine).await;
    assert_eq!(count(&recorded, |event| matches!(event, Event::BreakerClosed(_))), 0);
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(breaker(&engine, host.key()).await.trips, 2, "still down");
    assert_eq!(host.most_at_once(), 1);
    host.up();
    all_end(&engine, &runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_the_process_died_in_is_no_failure_but_three_in_a_row_are() {
    let (mut disk, host) = (MemoryStore::new(), Host::refusing("a"));
    let flow = visit(&host, patient());
    let mut engine = open(&disk, &flow).await;
    let runs = start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND * 2).await;
    // Only one is left, so that it is the probe each time.
    for run in runs.iter().skip(1) {
        run.cancel("ann", "not needed").await.unwrap();
    }
    host.takes(SECOND * 30);
    host.up();
    tokio::time::sleep(SECOND * 16).await;
    for life in 1..=2 {
        let view = breaker(&engine, host.key()).await;
        assert_eq!(view.state, BreakerState::HalfOpen);
        assert!(view.probe.is_some(), "life {life}");
        disk = crashed(engine, &disk).await;
        engine = open(&disk, &flow).await;
        tokio::time::sleep(SECOND).await;
    }
    let recorded = records(&engine).await;
    assert_eq!(trips(&recorded, host.key()).len(), 1);
    disk = crashed(engine, &disk).await;
    engine = open(&disk, &flow).await;
    tokio::time::sleep(SECOND).await;
    let recorded = records(&engine).await;
    let causes: Vec<_> = trips(&recorded, host.key()).iter().map(|trip| trip.cause).collect();
    assert_eq!(causes, [OpenCause::Consecutive, OpenCause::ProbeLost]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_while_half_open_takes_up_the_waves_of_others_with_one_probe() {
    let (disk, host) = (MemoryStore::new(), Host::refusing("a"));
    let flow = visit(&host, patient());
    let engine = open(&disk, &flow).await;
    let runs = start_many(&engine, &flow, 20).await;
    tokio::time::sleep(SECOND).await;
    host.up();
    host.takes(SECOND * 10);
    tokio::time::sleep(SECOND * 17).await;
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::HalfOpen);
    let disk = crashed(engine, &disk).await;
    let _ = host.most_at_once();
    let visits = host.visits();
    let engine = open(&disk, &flow).await;
    tokio::time::sleep(SECOND * 5).await;
    assert_eq!((host.visits(), host.most_at_once()), (visits + 1, 1));
    all_end(&engine, &runs).await;
    let recorded = records(&engine).await;
    assert_eq!(trips(&recorded, host.key()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn failures_before_a_restart_count_after_it_unless_they_are_old() {
    for (pause, opens) in [(SECOND * 60, true), (SECOND * 700, false)] {
        let (disk, host) = (MemoryStore::new(), Host::refusing("a"));
        let flow = visit(&host, patient().max_retries(0));
        let engine = open(&disk, &flow).await;
        for run in start_many(&engine, &flow, 4).await {
            run.outcome().await.unwrap_err();
        }
        engine.shutdown(Duration::ZERO).await.unwrap();
        tokio::time::sleep(pause).await;
        let engine = open(&disk, &flow).await;
        for run in start_many(&engine, &flow, 1).await {
            run.outcome().await.unwrap_err();
        }
        let is_open = breaker(&engine, host.key()).await.state == BreakerState::Open;
        assert_eq!(is_open, opens, "{pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_isolation_outlives_the_process() {
    let (disk, host) = (MemoryStore::new(), Host::new("a"));
    let flow = visit(&host, patient());
    let engine = open(&disk, &flow).await;
    engine.isolate(host.key(), None, "ann", "maintenance").await.unwrap();
    let runs = start_many(&engine, &flow, 2).await;
    tokio::time::sleep(SECOND).await;
    let disk = crashed(engine, &disk).await;
    tokio::time::sleep(SECOND * 5_000).await;
    let engine = open(&disk, &flow).await;
    tokio::time::sleep(SECOND * 5_000).await;
    assert_eq!(host.visits(), 0);
    let close = resurge::BreakerControl::Close;
    engine.control_breaker(host.key(), close, "ann", "done").await.unwrap();
    all_end(&engine, &runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_within_a_life_never_makes_a_break_longer() {
    for (forward, sets_back) in [(false, true), (true, false), (true, true)] {
        let (disk, host) = (MemoryStore::new(), Host::refusing("a"));
        let flow = visit(&host, patient());
        let clock = SetClock::start();
        let engine = open_at(&disk, &clock, &flow).await;
        let runs = start_many(&engine, &flow, 6).await;
        tokio::time::sleep(SECOND).await;
        host.up();
        let begun = tokio::time::Instant::now();
        if forward {
            clock.forward(SECOND * 5);
        }
        if sets_back {
            clock.back(YEAR);
        }
        all_end(&engine, &runs).await;
        assert!(begun.elapsed() < SECOND * 22, "{forward} {sets_back}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_far_forward_makes_the_break_over_and_no_more() {
    let (disk, host) = (MemoryStore::new(), Host::refusing("a"));
    let flow = visit(&host, patient().no_max_elapsed());
    let clock = SetClock::start();
    let engine = open_at(&disk, &clock, &flow).await;
    let runs = start_many(&engine, &flow, 6).await;
    tokio::time::sleep(SECOND).await;
    let visits = host.visits();
    clock.forward(YEAR);
    // The time of day is looked at every 5 s.
    tokio::time::sleep(SECOND * 6).await;
    assert_eq!(host.visits(), visits + 1, "one probe, not all of them");
    let recorded = records(&engine).await;
    let half = recorded.iter().find_map(|record| match &record.event {
        Event::BreakerHalfOpened(event) => Some(event.cause),
        _ => None,
    });
    assert_eq!(half, Some(HalfOpenCause::Elapsed));
    host.up();
    all_end(&engine, &runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_between_two_lives_never_makes_a_break_longer() {
    for moves in [-1_i64, 1] {
        let (disk, host) = (MemoryStore::new(), Host::refusing("a"));
        let flow = visit(&host, patient().no_max_elapsed());
        let clock = SetClock::start();
        let engine = open_at(&disk, &clock, &flow).await;
        let runs = start_many(&engine, &flow, 6).await;
        tokio::time::sleep(SECOND).await;
        host.up();
        let disk = crashed(engine, &disk).await;
        if moves < 0 {
            clock.back(YEAR);
        } else {
            clock.forward(YEAR);
        }
        let begun = tokio::time::Instant::now();
        let engine = open_at(&disk, &clock, &flow).await;
        all_end(&engine, &runs).await;
        assert!(begun.elapsed() < SECOND * 22, "{moves}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_within_the_waves_goes_on_with_the_rest() {
    let (disk, host) = (MemoryStore::new(), Host::refusing("a"));
    let flow = visit(&host, patient());
    let engine = open(&disk, &flow).await;
    let runs = start_many(&engine, &flow, 60).await;
    tokio::time::sleep(SECOND).await;
    host.up();
    let remaining = breaker(&engine, host.key()).await.remaining.unwrap();
    tokio::time::sleep(remaining + SECOND * 2).await;
    let held = breaker(&engine, host.key()).await.held;
    assert!(held > 20, "{held}");
    let disk = crashed(engine, &disk).await;
    let engine = open(&disk, &flow).await;
    let begun = tokio::time::Instant::now();
    all_end(&engine, &runs).await;
    assert!(begun.elapsed() > SECOND * 2, "not all at once");
    assert!(begun.elapsed() < SECOND * 20, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_held_stays_held_for_as_long_as_its_host_is_down() {
    let (disk, host) = (MemoryStore::new(), Host::refusing("a"));
    let flow = visit(&host, patient());
    let engine = open(&disk, &flow).await;
    let runs = start_many(&engine, &flow, 6).await;
    tokio::time::sleep(SECOND * 3).await;
    let last = runs.last().unwrap();
    let before = last.view().await.unwrap();
    let disk = crashed(engine, &disk).await;
    let engine = open(&disk, &flow).await;
    let after = engine.run(last.id()).view().await.unwrap();
    assert_eq!(before, after);
    assert_eq!(after.steps.first().unwrap().status, StepStatus::Held);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_may_have_had_its_effect_is_not_repeated_after_a_crash() {
    let disk = MemoryStore::new();
    let calls = support::Calls::default();
    let mut flow = Workflow::builder::<()>("pay");
    let seen = calls.clone();
    let pay = flow
        .step_fn("pay", (), move |_: StepContext, ()| {
            let call = seen.count();
            async move {
                if call == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(call)
            }
        })
        .not_idempotent()
        .add();
    let flow = flow.build(pay).unwrap();
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let disk = crashed(engine, &disk).await;
    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    let run = engine.run(run.id());
    let error = run.outcome().await.unwrap_err();
    assert!(matches!(error, resurge::RunError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("cut off"), "{error}");
    assert_eq!(calls.so_far(), 1);
    let refused = run.retry_now("ann", "again").await;
    assert!(matches!(refused, Err(resurge::ControlError::NotRetryable { .. })), "{refused:?}");
    run.force_retry("ann", "it was not paid, I looked").await.unwrap();
    run.outcome().await.unwrap();
    assert_eq!(calls.so_far(), 2);
}
