//! Breakers: when they open, what waits behind them, and how they close again.

use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::event::{BreakerOpened, Event, OpenCause};
use resurge::{
    Breaker, BreakerState, BreakerView, Class, Engine, ResourceKey, RunHandle, RunStatus,
    StepStatus, Workflow,
};
use support::{Host, attempts, count, failures, patient, records, visit, visit_behind};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) async fn start_many(
    engine: &Engine,
    flow: &Workflow<u32, u32>,
    runs: u32,
) -> Vec<RunHandle<u32>> {
    let mut handles = Vec::new();
    for n in 0..runs {
        handles.push(engine.start(flow, n).await.unwrap());
    }
    handles
}

pub(crate) async fn all_done(runs: &[RunHandle<u32>]) {
    for run in runs {
        run.outcome().await.unwrap();
    }
}

pub(crate) fn trips<'a>(records: &'a [Record], key: &ResourceKey) -> Vec<&'a BreakerOpened> {
    let opened = records.iter().filter_map(|record| match &record.event {
        Event::BreakerOpened(event) if event.key == *key => Some(event),
        _ => None,
    });
    opened.collect()
}

pub(crate) async fn breaker(engine: &Engine, key: &ResourceKey) -> BreakerView {
    let all = engine.breakers().await.unwrap();
    all.into_iter().find(|view| view.key == *key).unwrap()
}

/// An engine whose breaker has just opened: five runs failed once each.
async fn tripped(host: &Host) -> (Engine, Vec<RunHandle<u32>>) {
    let flow = visit(host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND / 10).await;
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Open);
    (engine, runs)
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_open_it_and_later_steps_wait_without_an_attempt() {
    let host = Host::refusing("a");
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let mut runs = start_many(&engine, &flow, 4).await;
    tokio::time::sleep(SECOND / 10).await;
    let view = breaker(&engine, host.key()).await;
    assert_eq!((view.state, view.failures_in_row), (BreakerState::Closed, 4));
    assert_eq!(view.not_closed_since, None);
    let before = engine.now().await.unwrap();
    runs.extend(start_many(&engine, &flow, 1).await);
    tokio::time::sleep(SECOND / 10).await;
    let view = breaker(&engine, host.key()).await;
    assert_eq!((view.state, view.cause), (BreakerState::Open, Some(OpenCause::Consecutive)));
    assert!(
        view.not_closed_since.is_some_and(|since| since >= before && since <= view.until.unwrap())
    );
    let remaining = view.remaining.unwrap();
    assert!((SECOND * 13..SECOND * 17).contains(&remaining), "{remaining:?}");

    let late = engine.start(&flow, 9).await.unwrap();
    tokio::time::sleep(SECOND * 5).await;
    assert_eq!(host.visits(), 5, "nobody asks a host that is down");
    let held = late.view().await.unwrap();
    let step = held.steps.first().unwrap();
    assert_eq!((held.status, step.status), (RunStatus::Recovering, StepStatus::Held));
    assert_eq!((step.attempts.get(), step.charged), (0, 0));
    assert_eq!(step.held_by, [host.key().clone()]);
    assert_eq!(breaker(&engine, host.key()).await.held, 6);
    let records = records(&engine).await;
    let opened = trips(&records, host.key());
    let [only] = opened.as_slice() else { panic!("{opened:?}") };
    assert_eq!((only.failures, only.total, only.trip, only.sample.len()), (5, 5, 1, 5));
    assert!((13_500..=16_500).contains(&only.planned_ms), "{only:?}");
    assert_eq!(count(&records, |event| matches!(event, Event::StepParked(_))), 6);
    host.up();
    all_done(&runs).await;
    all_done(&[late]).await;
}

#[tokio::test(start_paused = true)]
async fn a_success_in_between_begins_the_count_anew() {
    let host = Host::new("a");
    let key = host.key().clone();
    host.answers(move |n| {
        let refused = resurge::StepError::new(Class::Network, "refused", "down");
        (n % 5 != 0).then(|| refused.resource(key.clone()))
    });
    let breaker_off_rate = Breaker::per_host().failure_rate(0, 10, SECOND * 60);
    let flow = visit_behind(&host, patient(), breaker_off_rate);
    let engine = support::engine().register(&flow).start().await.unwrap();
    for n in 0..20 {
        engine.start(&flow, n).await.unwrap().outcome().await.unwrap();
    }
    assert_eq!(host.visits(), 100);
    assert_eq!(trips(&records(&engine).await, host.key()).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_break_lasts_as_planned_and_then_a_single_probe_goes_through() {
    let host = Host::refusing("a");
    let (engine, mut runs) = tripped(&host).await;
    let flow = visit(&host, patient());
    runs.extend(start_many(&engine, &flow, 45).await);
    host.takes(SECOND * 2);
    let _ = host.most_at_once();
    let begun = tokio::time::Instant::now();
    tokio::time::sleep(SECOND * 120).await;
    assert_eq!(host.most_at_once(), 1, "one probe at a time, whoever waits");
    let probes: Vec<u64> = host.visits_since(begun).iter().skip(5).map(Duration::as_secs).collect();
    // Breaks of 15, 30 and 60 s, each within a tenth, with probes of 2 s between them.
    let [first, second, third] = probes.as_slice() else { panic!("{probes:?}") };
    assert!((13..=17).contains(first), "{probes:?}");
    assert!((first + 29..=first + 36).contains(second), "{probes:?}");
    assert!((second + 56..=second + 69).contains(third), "{probes:?}");
    let records = records(&engine).await;
    let trips: Vec<u32> = trips(&records, host.key()).iter().map(|trip| trip.trip).collect();
    assert_eq!(trips, [1, 2, 3, 4]);
    // Probes are free of charge.
    let charged: Vec<u32> = failures(&records).iter().map(|(_, f)| f.charged).collect();
    assert_eq!(charged.iter().filter(|charged| **charged == 1).count(), 5, "{charged:?}");
    assert_eq!(charged.len(), 8);
    assert!(charged.iter().all(|charged| *charged <= 1), "{charged:?}");
    host.up();
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn probes_go_round_among_those_who_wait() {
    let host = Host::refusing("a");
    let (engine, runs) = tripped(&host).await;
    tokio::time::sleep(SECOND * 1_500).await;
    let records = records(&engine).await;
    let probes: Vec<_> = attempts(&records)
        .into_iter()
        .filter(|(_, started)| started.admission.iter().any(|admitted| admitted.probe))
        .map(|(record, _)| record.run)
        .collect();
    assert!(probes.len() >= 6, "{probes:?}");
    let first: std::collections::BTreeSet<_> = probes.iter().take(5).collect();
    assert_eq!(first.len(), 5, "each of the five was the probe once: {probes:?}");
    host.up();
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn those_who_waited_come_back_in_growing_waves() {
    let host = Host::refusing("a");
    let (engine, mut runs) = tripped(&host).await;
    let flow = visit(&host, patient());
    runs.extend(start_many(&engine, &flow, 26).await);
    let begun = tokio::time::Instant::now();
    host.up();
    all_done(&runs).await;
    let back: Vec<Duration> = host.visits_since(begun).into_iter().skip(5).collect();
    assert_eq!(back.len(), 31);
    // The probe, and at once the first wave; then 2, 4, 8 and 16, about a second apart.
    let mut waves: Vec<(Duration, usize)> = Vec::new();
    for at in back {
        match waves.last_mut() {
            Some((last, size)) if at.saturating_sub(*last) < SECOND / 5 => *size += 1,
            _ => waves.push((at, 1)),
        }
    }
    let sizes: Vec<usize> = waves.iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes, [2, 2, 4, 8, 15], "{waves:?}");
    for pair in waves.windows(2) {
        let [(one, _), (two, _)] = pair else { unreachable!() };
        let gap = two.saturating_sub(*one);
        assert!(gap >= SECOND * 4 / 5 && gap <= SECOND * 13 / 10, "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_within_the_waves_opens_it_again_for_longer() {
    let host = Host::refusing("a");
    let (engine, mut runs) = tripped(&host).await;
    let flow = visit(&host, patient());
    runs.extend(start_many(&engine, &flow, 26).await);
    let key = host.key().clone();
    // The probe and the first wave get through, and then the host gives way under the load.
    host.answers(move |n| {
        let refused = resurge::StepError::new(Class::Network, "refused", "down");
        (n > 7).then(|| refused.resource(key.clone()))
    });
    tokio::time::sleep(SECOND * 25).await;
    let records = records(&engine).await;
    let causes: Vec<_> =
        trips(&records, host.key()).iter().map(|trip| (trip.cause, trip.trip)).collect();
    assert_eq!(causes, [(OpenCause::Consecutive, 1), (OpenCause::WaveFailed, 2)]);
    assert_eq!(host.visits(), 9, "the wave of two, and nobody after it");
    host.up();
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn trips_are_remembered_for_ten_minutes() {
    for (pause, expected) in [(SECOND * 500, 2), (SECOND * 700, 1)] {
        let host = Host::refusing("a");
        let (engine, runs) = tripped(&host).await;
        host.up();
        all_done(&runs).await;
        tokio::time::sleep(pause).await;
        host.down();
        let flow = visit(&host, patient());
        let runs = start_many(&engine, &flow, 5).await;
        tokio::time::sleep(SECOND / 10).await;
        let records = records(&engine).await;
        let trip = trips(&records, host.key()).last().unwrap().trip;
        assert_eq!(trip, expected, "after {pause:?}");
        host.up();
        all_done(&runs).await;
    }
}

#[tokio::test(start_paused = true)]
async fn half_of_ten_within_a_minute_open_it() {
    let host = Host::new("a");
    let key = host.key().clone();
    host.answers(move |n| {
        let refused = resurge::StepError::new(Class::Network, "refused", "down");
        n.is_multiple_of(2).then(|| refused.resource(key.clone()))
    });
    let flow = visit(&host, patient().max_retries(0));
    let engine = support::engine().register(&flow).start().await.unwrap();
    for n in 0..9 {
        let _ = engine.start(&flow, n).await.unwrap().outcome().await;
    }
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Closed, "nine are too few");
    let _ = engine.start(&flow, 9).await.unwrap().outcome().await;
    let view = breaker(&engine, host.key()).await;
    assert_eq!((view.state, view.cause), (BreakerState::Open, Some(OpenCause::Rate)));
}

#[tokio::test(start_paused = true)]
async fn failures_a_minute_ago_do_not_count_for_the_rate() {
    let host = Host::new("a");
    let key = host.key().clone();
    host.answers(move |n| {
        let refused = resurge::StepError::new(Class::Network, "refused", "down");
        n.is_multiple_of(2).then(|| refused.resource(key.clone()))
    });
    let flow = visit(&host, patient().max_retries(0));
    let engine = support::engine().register(&flow).start().await.unwrap();
    for n in 0..40 {
        let _ = engine.start(&flow, n).await.unwrap().outcome().await;
        tokio::time::sleep(SECOND * 7).await;
    }
    assert_eq!(host.visits(), 40, "never ten within a minute");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_answers_slowly_opens_it_if_that_was_asked_for() {
    let host = Host::new("a");
    host.takes(SECOND * 8);
    let slow = Breaker::per_host().slow_rate(50, SECOND * 5).failure_rate(50, 4, SECOND * 60);
    let flow = visit_behind(&host, patient(), slow);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 4).await;
    all_done(&runs).await;
    let view = breaker(&engine, host.key()).await;
    assert_eq!((view.state, view.cause), (BreakerState::Open, Some(OpenCause::Slow)));
}

#[tokio::test(start_paused = true)]
async fn a_fixed_break_is_always_exactly_as_long() {
    let host = Host::refusing("a");
    let flow = visit_behind(&host, patient(), Breaker::per_host().fixed(SECOND * 40));
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND * 170).await;
    let records = records(&engine).await;
    let planned: Vec<u64> =
        trips(&records, host.key()).iter().map(|trip| trip.planned_ms).collect();
    assert_eq!(planned, [40_000; 5]);
    host.up();
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_break_never_grows_beyond_the_longest() {
    let host = Host::refusing("a");
    let flow = visit_behind(&host, patient(), Breaker::per_host().timeout(SECOND * 30));
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND * 600).await;
    let records = records(&engine).await;
    let trips = trips(&records, host.key());
    assert!(trips.len() > 15, "{}", trips.len());
    let longest = trips.iter().map(|trip| trip.planned_ms).max().unwrap();
    // The spread comes after the cap, so that waiters do not meet again at the cap.
    assert!((27_000..=33_000).contains(&longest), "the longest break was {longest} ms");
    host.up();
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_step_without_a_breaker_asks_whatever_others_met() {
    let host = Host::refusing("a");
    let flow = visit_behind(&host, patient().max_retries(9), Breaker::none());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, 1).await.unwrap();
    run.outcome().await.unwrap_err();
    assert_eq!(host.visits(), 10);
    assert!(engine.breakers().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn answers_of_any_kind_prove_that_a_host_works() {
    use resurge::Class as C;
    for (class, opens) in [
        (C::Network, true),
        (C::Timeout, true),
        (C::Server, true),
        (C::Throttled, true),
        (C::Permission, false),
        (C::NotFound, false),
        (C::Conflict, false),
        (C::Integrity, false),
        (C::Resource, false),
        (C::Internal, false),
        (C::Validation, false),
        (C::Unknown, false),
    ] {
        let host = Host::new("a");
        host.fails(class, "scripted");
        let flow = visit(&host, patient().max_retries(0));
        let engine = support::engine().register(&flow).start().await.unwrap();
        for n in 0..12 {
            let _ = tokio::time::timeout(SECOND, async {
                engine.start(&flow, n).await.unwrap().outcome().await
            })
            .await;
        }
        let is_open = breaker(&engine, host.key()).await.state == BreakerState::Open;
        assert_eq!(is_open, opens, "{class}");
        assert_eq!(host.visits(), if opens { 5 } else { 12 }, "{class}");
    }
}
