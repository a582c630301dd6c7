//! Failures, and what follows from them.

use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::event::{AttemptFailed, Event, Verdict};
use resurge::{Class, Jitter, RetryPolicy, RunError, RunStatus, StepContext, StepError, Workflow};
use support::{Calls, fail_first, records};

const SECOND: Duration = Duration::from_secs(1);

fn failures(records: &[Record]) -> Vec<(&Record, &AttemptFailed)> {
    let failed = records.iter().filter_map(|record| match &record.event {
        Event::AttemptFailed(event) => Some((record, event)),
        _ => None,
    });
    failed.collect()
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_exactly_as_long_as_the_journal_says() {
    let calls = Calls::default();
    let policy = RetryPolicy::exponential(SECOND * 2).max_retries(5);
    let flow = fail_first(3, Class::Server, policy, &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    assert_eq!(engine.start(&flow, ()).await.unwrap().outcome().await.unwrap(), 4);

    let records = records(&engine).await;
    let starts: Vec<_> =
        records.iter().filter(|r| matches!(r.event, Event::AttemptStarted(_))).collect();
    let failures = failures(&records);
    assert_eq!(failures.len(), 3);
    for (index, (record, failed)) in failures.iter().enumerate() {
        let Verdict::Retry { delay, due_at } = failed.verdict else { panic!("{failed:?}") };
        let base = SECOND * 2 * 2_u32.pow(u32::try_from(index).unwrap());
        assert!(delay <= base && delay >= base.mul_f64(0.9), "{delay:?}");
        assert_eq!(due_at, record.at.after(delay));
        let next = starts.get(index + 1).unwrap();
        let late = next.at.since(due_at);
        assert!(next.at >= due_at && late < Duration::from_millis(50), "{late:?} late");
        assert_eq!(failed.charged, u32::try_from(index).unwrap() + 1);
        assert_eq!(failed.max_attempts, 6);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_is_exhausted_after_exactly_its_retries_and_one() {
    for max_retries in [0, 1, 5] {
        let calls = Calls::default();
        let policy = RetryPolicy::fixed(SECOND).max_retries(max_retries);
        let flow = fail_first(u32::MAX, Class::Network, policy, &calls);
        let engine = support::engine().register(&flow).start().await.unwrap();
        let run = engine.start(&flow, ()).await.unwrap();
        let error = run.outcome().await.unwrap_err();
        let RunError::Exhausted { attempts, .. } = &error else { panic!("{error}") };
        assert_eq!((attempts.get(), calls.so_far()), (max_retries + 1, max_retries + 1));
        assert_eq!(run.view().await.unwrap().status, RunStatus::Exhausted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_class_that_no_retry_mends_fails_at_once() {
    for class in [Class::Permission, Class::Validation, Class::NotFound, Class::Security] {
        let calls = Calls::default();
        let flow = fail_first(u32::MAX, class, RetryPolicy::default(), &calls);
        let engine = support::engine().register(&flow).start().await.unwrap();
        let run = engine.start(&flow, ()).await.unwrap();
        let error = run.outcome().await.unwrap_err();
        assert!(matches!(error, RunError::Failed { .. }), "{error}");
        assert_eq!(calls.so_far(), 1);
        assert_eq!(run.view().await.unwrap().status, RunStatus::Failed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_step_takes_the_run_and_its_neighbours_with_it() {
    let mut flow = Workflow::builder::<()>("pair");
    let stopped = Calls::default();
    let seen = stopped.clone();
    let patient = flow
        .step_fn("patient", (), move |cx: StepContext, ()| {
            let seen = seen.clone();
            async move {
                cx.stopped().await;
                seen.count();
                Ok(())
            }
        })
        .add();
    let bad = flow
        .step_fn("bad", (), |_: StepContext, ()| async move {
            Err::<(), _>(StepError::permanent("no way"))
        })
        .add();
    let both =
        flow.step_fn("both", (patient, bad), |_: StepContext, _| async move { Ok(()) }).add();
    let flow = flow.build(both).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let error = engine.start(&flow, ()).await.unwrap().outcome().await.unwrap_err();
    assert!(matches!(&error, RunError::Failed { step, .. } if step.as_str() == "bad"), "{error}");
    // The neighbour is told to stop, and its late success changes nothing.
    while stopped.so_far() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn progress_gives_the_retries_back() {
    const MIB: u64 = 1024 * 1024;
    for (gain, succeeds) in [(8 * MIB, true), (MIB / 2, false)] {
        let calls = Calls::default();
        let seen = calls.clone();
        let mut flow = Workflow::builder::<()>("drops");
        let fetch = flow
            .step_fn("fetch", (), move |cx: StepContext, ()| {
                let call = u64::from(seen.count());
                async move {
                    cx.resume_from((call - 1) * gain, Some(64 * MIB));
                    cx.progress(call * gain, Some(64 * MIB));
                    if call <= 7 {
                        return Err(StepError::new(Class::Network, "dropped", "the line dropped"));
                    }
                    Ok(call)
                }
            })
            .retry(RetryPolicy::exponential(SECOND).max_retries(5).jitter(Jitter::None))
            .add();
        let flow = flow.build(fetch).unwrap();
        let engine = support::engine().register(&flow).start().await.unwrap();
        let outcome = engine.start(&flow, ()).await.unwrap().outcome().await;
        assert_eq!(outcome.is_ok(), succeeds, "{outcome:?}");
        let records = records(&engine).await;
        let delays = failures(&records).into_iter().map(|(_, failed)| match failed.verdict {
            Verdict::Retry { delay, .. } => delay.as_secs(),
            _ => 0,
        });
        let expected: &[u64] = if succeeds { &[1; 7] } else { &[1, 2, 4, 8, 16, 0] };
        assert_eq!(delays.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_time_gets_it() {
    let calls = Calls::default();
    let seen = calls.clone();
    let mut flow = Workflow::builder::<()>("throttled");
    let ask = flow
        .step_fn("ask", (), move |_: StepContext, ()| {
            let call = seen.count();
            async move {
                let busy = StepError::new(Class::Throttled, "http_429", "slow down");
                if call == 1 { Err(busy.retry_after(SECOND * 30)) } else { Ok(()) }
            }
        })
        .add();
    let flow = flow.build(ask).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let begun = tokio::time::Instant::now();
    engine.start(&flow, ()).await.unwrap().outcome().await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_come_after_the_deadline_is_not_waited_for() {
    let calls = Calls::default();
    let policy = RetryPolicy::fixed(SECOND * 50);
    let flow = fail_first(u32::MAX, Class::Network, policy, &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let begun = tokio::time::Instant::now();
    let run = engine.start(&flow, ()).deadline(SECOND * 20).await.unwrap();
    let error = run.outcome().await.unwrap_err();
    assert!(error.to_string().starts_with("the time until the deadline"), "{error}");
    assert_eq!((begun.elapsed().as_secs(), calls.so_far()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_custom_delay_is_journaled_by_name() {
    let calls = Calls::default();
    let policy = RetryPolicy::custom("fibonacci", |n| match n.get() {
        1 | 2 => SECOND,
        3 => SECOND * 2,
        _ => SECOND * 3,
    });
    let flow = fail_first(3, Class::Timeout, policy.jitter(Jitter::None), &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let begun = tokio::time::Instant::now();
    engine.start(&flow, ()).await.unwrap().outcome().await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 4);
    let records = records(&engine).await;
    let started = records.iter().find_map(|record| match &record.event {
        Event::RunStarted(event) => event.manifest.steps.first()?.retry.custom.clone(),
        _ => None,
    });
    assert_eq!(started.as_deref(), Some("fibonacci"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_a_retry_is_recovering() {
    let calls = Calls::default();
    let policy = RetryPolicy::fixed(SECOND * 60).jitter(Jitter::None);
    let flow = fail_first(1, Class::Network, policy, &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND * 10).await;
    let view = run.view().await.unwrap();
    let step = view.steps.first().unwrap();
    assert_eq!(view.status, RunStatus::Recovering);
    assert_eq!((step.charged, step.max_attempts, step.attempts.get()), (1, 4, 1));
    assert_eq!(step.next_attempt_at, Some(view.started_at.after(SECOND * 60)));
    assert_eq!(step.last_failure.as_ref().unwrap().message, "failure 1");
    run.outcome().await.unwrap();
    assert_eq!(run.view().await.unwrap().status, RunStatus::Success);
}
