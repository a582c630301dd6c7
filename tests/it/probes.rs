//! Probes: what they prove, how long they may take, and who gets their place.

use std::time::Duration;

use resurge::journal::event::{CloseCause, Event, HalfOpenCause, OpenCause};
use resurge::{Breaker, BreakerState, Class, StepError, Workflow};
use support::{Host, attempts, behind, count, failures, patient, records, using, visit};

use crate::breakers::{all_done, breaker, start_many, trips};

const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1024 * 1024;

/// How a transfer behaves, by the number of the visit.
type Script = fn(u32) -> (Duration, u64, Duration);

/// A step that waits, moves some bytes, waits again, then does what the host does.
fn transfer(host: &Host, script: Script) -> Workflow<u32, u32> {
    let step = using(host, move |cx, host| async move {
        let number = u32::try_from(host.visits()).unwrap() + 1;
        let (before, bytes, after) = script(number);
        let answer = host.visit().await;
        tokio::time::sleep(before).await;
        if bytes > 0 {
            cx.progress(bytes, None);
        }
        tokio::time::sleep(after).await;
        answer
    });
    behind(step, patient(), Breaker::per_host())
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_moved_bytes_proves_the_host_alive_whatever_ended_it() {
    let host = Host::refusing("a");
    // Too little for the retries to be given back, but more than nothing.
    let flow = transfer(&host, |_| (Duration::ZERO, 10, Duration::ZERO));
    let engine = support::engine().register(&flow).start().await.unwrap();
    start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND * 60).await;
    assert!(host.visits() > 150, "{}", host.visits());
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_long_transfer_has_passed_as_a_probe_with_its_first_byte() {
    let host = Host::refusing("a");
    let flow = transfer(&host, |n| match n {
        1..=5 => (Duration::ZERO, 0, Duration::ZERO),
        6 => (SECOND * 10, MIB, SECOND * 10_000),
        _ => (Duration::ZERO, MIB, SECOND * 10_000),
    });
    let engine = support::engine().register(&flow).start().await.unwrap();
    start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND).await;
    host.up();
    let remaining = breaker(&engine, host.key()).await.remaining.unwrap();
    tokio::time::sleep(remaining + SECOND * 9).await;
    let view = breaker(&engine, host.key()).await;
    assert_eq!((view.state, view.held, host.visits()), (BreakerState::HalfOpen, 4, 6));
    assert!(view.probe.is_some());
    tokio::time::sleep(SECOND * 5).await;
    let view = breaker(&engine, host.key()).await;
    assert_eq!((view.state, view.held, host.visits()), (BreakerState::Closed, 0, 10));
    let records = records(&engine).await;
    assert_eq!(count(&records, |event| matches!(event, Event::ProbePassed(_))), 1);
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_is_a_sign_of_life_however_long_the_limit_holds_it_back() {
    let host = Host::refusing("a");
    // It receives a first chunk, which the limit holds back for long, before it says how far it is.
    let step = using(&host, |cx, host| async move {
        host.visit().await?;
        cx.transferred(600).await;
        cx.progress(600, None);
        Ok(())
    });
    let flow = behind(step, patient(), Breaker::per_host());
    let mut settings = support::settings();
    settings.bandwidth_limit = 1;
    let engine = support::engine().settings(settings).register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND).await;
    host.up();
    let remaining = breaker(&engine, host.key()).await.remaining.unwrap();
    tokio::time::sleep(remaining + SECOND * 5).await;
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Closed);
    all_done(&runs).await;
    assert_eq!(breaker(&engine, host.key()).await.trips, 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_a_sign_of_life_has_failed_after_a_minute() {
    let host = Host::refusing("a");
    let flow = transfer(&host, |n| match n {
        6 => (SECOND * 10_000, 0, Duration::ZERO),
        _ => (Duration::ZERO, 0, Duration::ZERO),
    });
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND).await;
    host.up();
    let remaining = breaker(&engine, host.key()).await.remaining.unwrap();
    tokio::time::sleep(remaining + SECOND * 59).await;
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::HalfOpen);
    tokio::time::sleep(SECOND * 2).await;
    let view = breaker(&engine, host.key()).await;
    assert_eq!((view.state, view.cause), (BreakerState::Open, Some(OpenCause::ProbeExpired)));
    assert_eq!(view.trips, 2);
    // The next probe is somebody else; the one that hangs is left alone, and its end changes
    // nothing but its own run.
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Closed);
    all_done(&runs).await;
    let records = records(&engine).await;
    assert_eq!(trips(&records, host.key()).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_cancelled_or_paused_gives_its_place_back() {
    for cancels in [true, false] {
        let host = Host::refusing("a");
        let flow = transfer(&host, |n| match n {
            6 => (SECOND * 10_000, 0, Duration::ZERO),
            _ => (Duration::ZERO, 0, Duration::ZERO),
        });
        let engine = support::engine().register(&flow).start().await.unwrap();
        let runs = start_many(&engine, &flow, 5).await;
        tokio::time::sleep(SECOND).await;
        host.up();
        let remaining = breaker(&engine, host.key()).await.remaining.unwrap();
        tokio::time::sleep(remaining + SECOND).await;
        let view = breaker(&engine, host.key()).await;
        let probe = engine.run(view.probe.unwrap());
        if cancels {
            probe.cancel("ann", "not needed").await.unwrap();
        } else {
            probe.pause("ann", "later").await.unwrap();
        }
        tokio::time::sleep(SECOND * 20).await;
        let others: Vec<_> = runs.into_iter().filter(|run| run.id() != probe.id()).collect();
        all_done(&others).await;
        let records = records(&engine).await;
        // It was no failure: the break before it is the only one.
        assert_eq!(trips(&records, host.key()).len(), 1, "cancels: {cancels}");
        assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_failure_says_nothing_about_the_host_gives_its_place_back() {
    let host = Host::refusing("a");
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND).await;
    let key = host.key().clone();
    host.answers(move |n| {
        let bug = StepError::new(Class::Internal, "bug", "a defect of the step");
        (n == 6).then(|| bug.resource(key.clone()))
    });
    tokio::time::sleep(SECOND * 40).await;
    let mut failed = 0;
    for run in &runs {
        failed += u32::from(run.outcome().await.is_err());
    }
    assert_eq!(failed, 1);
    let records = records(&engine).await;
    assert_eq!(trips(&records, host.key()).len(), 1);
    let begun = |probe| {
        attempts(&records)
            .into_iter()
            .filter(|(_, e)| e.admission.iter().any(|a| a.probe == probe && a.key == *host.key()))
            .count()
    };
    assert_eq!(begun(true), 2, "the second one closed it");
}

#[tokio::test(start_paused = true)]
async fn results_from_before_the_break_change_nothing_but_a_success_is_worth_a_look() {
    for is_alive in [false, true] {
        let host = Host::new("a");
        host.takes(SECOND * 5);
        let flow = visit(&host, patient().max_retries(0));
        let engine = support::engine().register(&flow).start().await.unwrap();
        // The visit that is under way while the others open the breaker.
        if !is_alive {
            host.down();
        }
        let old = engine.start(&flow, 0).await.unwrap();
        tokio::time::sleep(SECOND).await;
        host.takes(Duration::ZERO);
        host.down();
        for run in start_many(&engine, &flow, 5).await {
            run.outcome().await.unwrap_err();
        }
        let before = breaker(&engine, host.key()).await;
        let held = engine.start(&flow, 9).await.unwrap();
        assert_eq!(before.state, BreakerState::Open);
        assert_eq!(old.outcome().await.is_ok(), is_alive);
        tokio::time::sleep(SECOND).await;
        let records = records(&engine).await;
        let half_opened = records.iter().find_map(|record| match &record.event {
            Event::BreakerHalfOpened(event) => Some(event.cause),
            _ => None,
        });
        if is_alive {
            assert_eq!(half_opened, Some(HalfOpenCause::Alive));
            assert_eq!(host.visits(), 7, "the probe came at once");
            held.outcome().await.unwrap_err();
        } else {
            assert_eq!((half_opened, host.visits()), (None, 6));
            let now = breaker(&engine, host.key()).await;
            assert_eq!((now.epoch, now.until), (before.epoch, before.until));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn several_probes_must_pass_if_that_was_asked_for() {
    let host = Host::refusing("a");
    let flow = support::visit_behind(&host, patient(), Breaker::per_host().probes(3));
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 9).await;
    tokio::time::sleep(SECOND).await;
    host.up();
    all_done(&runs).await;
    let records = records(&engine).await;
    let probes = attempts(&records);
    let probes = probes.iter().filter(|(_, e)| e.admission.iter().any(|a| a.probe)).count();
    assert_eq!(probes, 3);
    let closed = count(
        &records,
        |event| matches!(event, Event::BreakerClosed(e) if e.cause == CloseCause::ProbesPassed),
    );
    assert_eq!(closed, 1);
}

#[tokio::test(start_paused = true)]
async fn free_probes_outlast_the_limit_of_a_rule_and_every_budget() {
    let host = Host::new("a");
    let key = host.key().clone();
    host.answers(move |_| {
        let error = StepError::new(Class::Server, "error", "500").limit(3);
        Some(error.resource(key.clone()))
    });
    let flow = visit(&host, patient().max_retries(3));
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND * 3_000).await;
    let all = records(&engine).await;
    let charged = failures(&all).iter().map(|(_, failed)| failed.charged).max();
    assert_eq!(charged, Some(1));
    host.up();
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn one_attempt_is_one_attempt_also_as_a_probe() {
    let host = Host::refusing("a");
    let flow = visit(&host, patient().max_retries(0));
    let engine = support::engine().register(&flow).start().await.unwrap();
    for run in start_many(&engine, &flow, 5).await {
        run.outcome().await.unwrap_err();
    }
    let held = engine.start(&flow, 9).await.unwrap();
    let error = held.outcome().await.unwrap_err();
    assert!(matches!(error, resurge::RunError::Exhausted { attempts, .. } if attempts.get() == 1));
    assert_eq!(host.visits(), 6);
}
