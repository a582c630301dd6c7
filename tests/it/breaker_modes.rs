//! What people, servers and policies make of breakers.

use std::time::Duration;

use resurge::journal::event::{BreakerMode, Event, OpenCause};
use resurge::journal::failure::Advice;
use resurge::steps::classify::{Rule, Rules, Ruling};
use resurge::{
    Breaker, BreakerControl, BreakerError, BreakerState, Class, ControlError, RetryPolicy,
    RunError, RunStatus, Settings, StepStatus,
};
use support::{Host, attempts, count, failures, patient, records, visit, visit_behind};

use crate::breakers::{all_done, breaker, start_many, trips};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn an_isolated_host_is_left_alone_until_somebody_closes_it() {
    let host = Host::new("a");
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    engine.isolate(host.key(), None, "ann", "maintenance").await.unwrap();
    engine.isolate(host.key(), None, "ann", "maintenance").await.unwrap();
    let runs = start_many(&engine, &flow, 7).await;
    tokio::time::sleep(SECOND * 3_600).await;
    assert_eq!(host.visits(), 0);
    let view = breaker(&engine, host.key()).await;
    assert_eq!((view.mode, view.held), (BreakerMode::Isolated, 7));
    assert_eq!(view.mode_set, Some(("ann".to_owned(), "maintenance".to_owned(), None)));
    // Whoever is in a hurry waits as well; only force helps.
    let hurried = runs.first().unwrap();
    hurried.retry_now("bob", "now").await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(host.visits(), 0);
    hurried.force_retry("bob", "I said now").await.unwrap();
    hurried.outcome().await.unwrap();
    assert_eq!(host.visits(), 1);
    engine.control_breaker(host.key(), BreakerControl::Close, "ann", "done").await.unwrap();
    all_done(&runs).await;
    let recorded = records(&engine).await;
    let set: Vec<_> = recorded
        .iter()
        .filter_map(|record| match &record.event {
            Event::BreakerModeSet(event) => Some((event.mode, event.actor.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(set, [(BreakerMode::Isolated, "ann"), (BreakerMode::Enforced, "ann")]);
}

#[tokio::test(start_paused = true)]
async fn an_isolation_with_an_end_ends() {
    let host = Host::new("a");
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    engine.isolate(host.key(), Some(SECOND * 30), "ann", "maintenance").await.unwrap();
    let begun = tokio::time::Instant::now();
    let runs = start_many(&engine, &flow, 7).await;
    all_done(&runs).await;
    let visits: Vec<u64> = host.visits_since(begun).iter().map(Duration::as_secs).collect();
    assert_eq!(visits.first(), Some(&30));
    assert!(visits.iter().all(|at| *at <= 33), "waves about a second apart: {visits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_breaker_gates_nothing_and_a_shadow_only_tells() {
    for (mode, tells) in [(BreakerMode::Disabled, 0), (BreakerMode::Shadow, 4)] {
        let host = Host::refusing("a");
        let flow = visit(&host, patient().max_retries(3));
        let engine = support::engine().register(&flow).start().await.unwrap();
        let control = BreakerControl::Mode { mode, lasts: None };
        engine.control_breaker(host.key(), control, "ann", "look only").await.unwrap();
        for run in start_many(&engine, &flow, 5).await {
            run.outcome().await.unwrap_err();
        }
        assert_eq!(host.visits(), 20);
        let recorded = records(&engine).await;
        assert!(trips(&recorded, host.key()).is_empty());
        let told = count(&recorded, |event| matches!(event, Event::BreakerWouldOpen(_)));
        assert_eq!(told, tells, "{mode:?}");
        assert_eq!(engine.stats().await.unwrap().breaker_trips, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn disabling_an_open_breaker_frees_those_behind_it() {
    let host = Host::refusing("a");
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND * 2).await;
    assert_eq!(breaker(&engine, host.key()).await.held, 5);
    host.up();
    let control = BreakerControl::Mode { mode: BreakerMode::Disabled, lasts: None };
    engine.control_breaker(host.key(), control, "ann", "I know better").await.unwrap();
    tokio::time::timeout(SECOND * 5, all_done(&runs)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn somebody_who_knows_better_closes_it_or_asks_for_a_probe_now() {
    for control in [BreakerControl::Close, BreakerControl::Probe] {
        let host = Host::refusing("a");
        let flow = visit(&host, patient());
        let engine = support::engine().register(&flow).start().await.unwrap();
        let closed = engine.control_breaker(host.key(), BreakerControl::Probe, "ann", "try").await;
        assert_eq!(closed, Err(BreakerError::Closed { key: host.key().clone() }));
        let runs = start_many(&engine, &flow, 5).await;
        tokio::time::sleep(SECOND * 2).await;
        host.up();
        engine.control_breaker(host.key(), control, "ann", "it is back").await.unwrap();
        engine.control_breaker(host.key(), BreakerControl::Close, "ann", "twice").await.unwrap();
        tokio::time::timeout(SECOND * 5, all_done(&runs)).await.unwrap();
        let recorded = records(&engine).await;
        assert_eq!(count(&recorded, |event| matches!(event, Event::BreakerClosed(_))), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_was_isolated_for_a_while_still_ends_its_breaks() {
    let host = Host::new("a");
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    engine.isolate(host.key(), Some(SECOND * 10), "ann", "maintenance").await.unwrap();
    tokio::time::sleep(SECOND * 20).await;
    host.down();
    let runs = start_many(&engine, &flow, 5).await;
    tokio::time::sleep(SECOND * 5).await;
    host.up();
    let ended = tokio::time::timeout(SECOND * 60, all_done(&runs)).await;
    assert!(ended.is_ok(), "nobody wakes it");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_wants_nobody_to_wait_fails_at_once_and_says_how_long() {
    let host = Host::refusing("a");
    let flow = visit_behind(&host, patient().max_retries(0), Breaker::per_host().fail_fast());
    let engine = support::engine().register(&flow).start().await.unwrap();
    for run in start_many(&engine, &flow, 5).await {
        run.outcome().await.unwrap_err();
    }
    tokio::time::sleep(SECOND * 3).await;
    let left = breaker(&engine, host.key()).await.remaining.unwrap();
    let run = engine.start(&flow, 9).await.unwrap();
    let error = run.outcome().await.unwrap_err();
    let RunError::CircuitOpen { key, remaining, step } = &error else { panic!("{error}") };
    assert_eq!((key, step.as_str()), (host.key(), "visit"));
    assert_eq!(*remaining, left);
    assert!(*remaining > SECOND * 10 && *remaining < SECOND * 14, "{remaining:?}");
    assert_eq!(host.visits(), 5);
    assert_eq!(run.view().await.unwrap().status, RunStatus::Failed);

    // Somebody in a hurry is the next probe all the same.
    host.up();
    run.retry_now("ann", "it is back").await.unwrap();
    run.outcome().await.unwrap();
    assert_eq!(host.visits(), 6);
}

#[tokio::test(start_paused = true)]
async fn whether_a_step_waits_is_its_own_affair() {
    let host = Host::refusing("a");
    let waiting = visit(&host, patient());
    let mut hasty = resurge::Workflow::builder::<u32>("hasty");
    let input = hasty.input();
    let step = hasty.step("visit", support::visiting(&host)).takes(input);
    let step = step.retry(patient()).breaker(Breaker::per_host().fail_fast()).add();
    let hasty = hasty.build(step).unwrap();
    let engine = support::engine().register(&waiting).register(&hasty).start().await.unwrap();
    // Those who wait have opened it.
    let runs = start_many(&engine, &waiting, 5).await;
    tokio::time::sleep(SECOND / 10).await;
    let error = engine.start(&hasty, 1).await.unwrap().outcome().await.unwrap_err();
    assert!(matches!(error, RunError::CircuitOpen { .. }), "{error}");
    host.up();
    all_done(&runs).await;
    // Those in a hurry have opened it.
    host.down();
    for run in start_many(&engine, &hasty, 5).await {
        run.outcome().await.unwrap_err();
    }
    let held = engine.start(&waiting, 9).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let step = held.view().await.unwrap().steps.first().unwrap().status;
    assert_eq!(step, StepStatus::Held);
    host.up();
    held.outcome().await.unwrap();
}

/// Rules by which a server speaks of a limit for all.
fn shared_limits() -> Rules {
    Rules::new().before(Rule::new("test.shared", |evidence, _| {
        let seconds: u64 = evidence.find("kind")?.strip_prefix("limit_")?.parse().ok()?;
        let advice = Advice::After { delay: Duration::from_secs(seconds), shared: true };
        Some(Ruling::new(Class::Throttled, "limit").advice(advice))
    }))
}

#[tokio::test(start_paused = true)]
async fn a_limit_for_all_holds_all_back_until_the_server_said() {
    let host = Host::new("a");
    host.fails(Class::Throttled, "limit_40");
    let flow = visit(&host, patient());
    let engine = support::engine().rules(shared_limits()).register(&flow).start().await.unwrap();
    let begun = tokio::time::Instant::now();
    let mut runs = start_many(&engine, &flow, 1).await;
    tokio::time::sleep(SECOND / 10).await;
    let view = breaker(&engine, host.key()).await;
    assert_eq!((view.state, view.cause), (BreakerState::Open, Some(OpenCause::ServerDirected)));
    runs.extend(start_many(&engine, &flow, 9).await);
    tokio::time::sleep(SECOND * 39).await;
    assert_eq!(host.visits(), 1);
    host.up();
    all_done(&runs).await;
    let second = *host.visits_since(begun).get(1).unwrap();
    assert!(second >= SECOND * 40 && second < SECOND * 41, "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_still_limits_after_the_break_meets_a_single_probe_again() {
    let host = Host::new("a");
    host.fails(Class::Throttled, "limit_40");
    let flow = visit(&host, patient());
    let engine = support::engine().rules(shared_limits()).register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 1).await;
    tokio::time::sleep(SECOND / 10).await;
    let more = start_many(&engine, &flow, 30).await;
    tokio::time::sleep(SECOND * 41).await;
    assert_eq!(host.visits(), 2, "the others are told by the one");
    tokio::time::sleep(SECOND * 40).await;
    assert_eq!(host.visits(), 3);
    host.up();
    all_done(&runs).await;
    all_done(&more).await;
}

#[tokio::test(start_paused = true)]
async fn two_runs_that_are_told_to_wait_speak_for_all() {
    let host = Host::new("a");
    let key = host.key().clone();
    host.answers(move |_| {
        let busy = resurge::StepError::new(Class::Throttled, "busy", "429");
        Some(busy.retry_after(SECOND * 30).resource(key.clone()))
    });
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let mut runs = start_many(&engine, &flow, 1).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Closed);
    runs.extend(start_many(&engine, &flow, 1).await);
    tokio::time::sleep(SECOND).await;
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Open);
    runs.extend(start_many(&engine, &flow, 10).await);
    tokio::time::sleep(SECOND * 20).await;
    assert_eq!(host.visits(), 2);
    host.up();
    all_done(&runs).await;
    let recorded = records(&engine).await;
    assert!(failures(&recorded).iter().all(|(_, failed)| failed.charged == 0));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_the_failure_does_not_name_is_the_one_in_use() {
    let host = Host::new("a");
    host.answers(|_| {
        let busy = resurge::StepError::new(Class::Throttled, "busy", "429");
        Some(busy.retry_after(SECOND * 30))
    });
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let mut runs = Vec::new();
    for _ in 0..9 {
        runs.extend(start_many(&engine, &flow, 1).await);
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(host.visits(), 2, "two that are told to wait speak for all");
    let recorded = records(&engine).await;
    let blamed = failures(&recorded).first().and_then(|(_, f)| f.failure.resource.clone());
    assert_eq!(blamed.as_ref(), Some(host.key()));
    host.up();
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_before_the_time_is_up_is_made_in_spite_of_the_breaker() {
    let never_ends = Breaker::per_host().fixed(SECOND * 36_000);
    for by_deadline in [true, false] {
        let host = Host::refusing("a");
        let policy = if by_deadline { patient() } else { patient().max_elapsed(SECOND * 600) };
        let flow = visit_behind(&host, policy, never_ends.clone());
        let engine = support::engine().register(&flow).start().await.unwrap();
        for _ in 0..5 {
            let start = engine.start(&flow, 0);
            if by_deadline { start.deadline(SECOND * 600) } else { start }.await.unwrap();
        }
        let begun = tokio::time::Instant::now();
        tokio::time::sleep(SECOND * 560).await;
        assert_eq!(host.visits(), 5);
        host.up();
        tokio::time::sleep(SECOND * 30).await;
        let runs = engine.runs().await.unwrap();
        assert!(runs.iter().all(|run| run.status == RunStatus::Success), "{by_deadline}");
        let recorded = records(&engine).await;
        let first_forced = attempts(&recorded).into_iter().find(|(_, event)| event.forced);
        assert!(first_forced.is_some());
        let late = host.visits_since(begun);
        assert!(late.iter().skip(5).all(|at| *at >= SECOND * 569), "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_last_attempt_that_fails_was_the_last() {
    let host = Host::refusing("a");
    let policy = patient().max_elapsed(SECOND * 600);
    let flow = visit_behind(&host, policy, Breaker::per_host().fixed(SECOND * 36_000));
    let engine = support::engine().register(&flow).start().await.unwrap();
    for run in start_many(&engine, &flow, 5).await {
        let error = run.outcome().await.unwrap_err();
        assert!(error.to_string().starts_with("the time that recovery may take"), "{error}");
    }
    assert_eq!(host.visits(), 10);
}

#[tokio::test(start_paused = true)]
async fn who_wants_to_try_now_is_the_probe_and_not_somebody_else() {
    let host = Host::refusing("a");
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 9).await;
    tokio::time::sleep(SECOND * 2).await;
    let hurried = runs.last().unwrap();
    hurried.retry_now("ann", "the host is back").await.unwrap();
    tokio::time::sleep(SECOND / 10).await;
    assert_eq!(host.visits(), 6, "one probe");
    let recorded = records(&engine).await;
    let (record, probe) = *attempts(&recorded).last().unwrap();
    assert_eq!(record.run, Some(hurried.id()));
    assert!(probe.admission.iter().any(|admitted| admitted.probe) && !probe.forced);
    // It failed: free of charge, and the others have not moved.
    assert_eq!(hurried.view().await.unwrap().steps.first().unwrap().charged, 0);
    assert_eq!(breaker(&engine, host.key()).await.state, BreakerState::Open);
    host.up();
    hurried.force_retry("ann", "no breaker").await.unwrap();
    hurried.outcome().await.unwrap();
    let recorded = records(&engine).await;
    assert!(attempts(&recorded).iter().any(|(_, attempt)| attempt.forced));
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_setting_changes_breakers_from_the_next_decision_on() {
    let host = Host::refusing("a");
    let flow = visit(&host, RetryPolicy::none());
    let mut settings = Settings::default();
    settings.retry_budget_per_minute = 0;
    let engine = support::engine().settings(settings).register(&flow).start().await.unwrap();
    engine.tune("circuit_breaker_threshold", Some(2), "ann", "strict").await.unwrap();
    engine.tune("circuit_breaker_timeout_ms", Some(1_000), "ann", "short").await.unwrap();
    let runs = start_many(&engine, &flow, 2).await;
    for run in &runs {
        run.outcome().await.unwrap_err();
    }
    let view = breaker(&engine, host.key()).await;
    assert_eq!(view.state, BreakerState::Open);
    assert!(view.remaining.unwrap() <= SECOND * 11 / 10, "{:?}", view.remaining);
    let refused = runs.first().unwrap().pause("ann", "too late").await;
    assert!(matches!(refused, Err(ControlError::Ended { .. })));
}
