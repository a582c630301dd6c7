//! Runs from start to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{
    RetryPolicy, RunError, RunStatus, Settings, StartError, StepContext, StepStatus, Workflow,
};
use support::{Calls, WatchedStore, chain, names, records};

const MIB: usize = 1024 * 1024;

#[tokio::test(start_paused = true)]
async fn a_chain_runs_each_step_once_and_gives_the_last_output() {
    let calls: [Calls; 3] = Default::default();
    let flow = chain(&calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, 39).await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 42);

    let view = run.view().await.unwrap();
    assert_eq!(view.status, RunStatus::Success);
    assert!(view.steps.iter().all(|step| step.status == StepStatus::Succeeded));
    assert!(calls.iter().all(|calls| calls.so_far() == 1));
    let (started, succeeded) = ("attempt_started", "attempt_succeeded");
    assert_eq!(
        names(&records(&engine).await),
        [
            "journal_created",
            "engine_opened",
            "run_started",
            started,
            succeeded,
            started,
            succeeded,
            started,
            succeeded,
            "run_succeeded",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_n_steps_costs_n_plus_one_flushes() {
    for steps in [1, 3, 10] {
        let flow = chain(&vec![Calls::default(); steps]);
        let store = Arc::new(WatchedStore::default());
        let engine = support::engine_on(store.clone()).register(&flow).start().await.unwrap();
        let before = store.commits();
        engine.start(&flow, 0).await.unwrap().outcome().await.unwrap();
        assert_eq!(store.commits() - before, steps as u64 + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn steps_fan_out_and_in() {
    let mut flow = Workflow::builder::<u32>("diamond");
    let n = flow.input();
    let left = flow.step_fn("left", n, |_: StepContext, n| async move { Ok(n + 1) }).add();
    let right = flow.step_fn("right", n, |_: StepContext, n| async move { Ok(n * 10) }).add();
    let all = vec![left, right, n];
    let sum =
        flow.step_fn("sum", all, |_: StepContext, all: Vec<u32>| async move {
            Ok(all.iter().sum::<u32>())
        })
        .add();
    let pair = flow
        .step_fn(
            "pair",
            (left, right, sum),
            |_: StepContext, (l, r, s): (u32, u32, u32)| async move { Ok(format!("{l} {r} {s}")) },
        )
        .add();
    let flow = flow.build(pair).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, 4).await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), "5 40 49");
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_run_than_the_limit_allows() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut flow = Workflow::builder::<()>("wide");
    let work = |now: Arc<AtomicUsize>, most: Arc<AtomicUsize>| {
        move |_: StepContext, ()| {
            let (now, most) = (now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        }
    };
    let steps: Vec<_> = (0..20)
        .map(|i| flow.step_fn(format!("s{i}"), (), work(now.clone(), most.clone())).add())
        .collect();
    let end = flow
        .step_fn("end", steps, |_: StepContext, all: Vec<()>| async move { Ok(all.len()) })
        .add();
    let flow = flow.build(end).unwrap();
    let mut settings = Settings::default();
    settings.attempts_in_flight_max = 3;
    let engine = support::engine().settings(settings).register(&flow).start().await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(engine.start(&flow, ()).await.unwrap().outcome().await.unwrap(), 20);
    assert_eq!(most.load(Ordering::SeqCst), 3);
    // 20 steps of a second each, three at a time.
    assert_eq!(begun.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_the_run_and_nothing_else() {
    let mut flow = Workflow::builder::<()>("panics");
    let boom = flow
        .step_fn("boom", (), |_: StepContext, ()| async move {
            assert!(std::hint::black_box(false), "the sky fell");
            Ok(())
        })
        .add();
    let flow = flow.build(boom).unwrap();
    let calls = [Calls::default()];
    let sound = chain(&calls);
    let engine = support::engine().register(&flow).register(&sound).start().await.unwrap();
    let error = engine.start(&flow, ()).await.unwrap().outcome().await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!((failure.class.name(), failure.kind.as_str()), ("internal", "panic"));
    assert!(failure.message.contains("the sky fell"), "{}", failure.message);
    assert_eq!(engine.start(&sound, 1).await.unwrap().outcome().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_input_that_is_too_large_is_refused_before_anything_starts() {
    let mut flow = Workflow::builder::<String>("large");
    let text = flow.input();
    let step = flow.step_fn("len", text, |_: StepContext, t: String| async move { Ok(t) }).add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let error = engine.start(&flow, "x".repeat(MIB)).await.unwrap_err();
    assert!(matches!(error, StartError::InputTooLarge { bytes: 1_048_578, bytes_max: MIB }));
    assert!(engine.runs().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_too_large_fails_the_step() {
    let mut flow = Workflow::builder::<usize>("grow");
    let n = flow.input();
    let grow =
        flow.step_fn("grow", n, |_: StepContext, n: usize| async move { Ok("x".repeat(n)) }).add();
    let flow = flow.build(grow).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let error = engine.start(&flow, MIB).await.unwrap().outcome().await.unwrap_err();
    assert_eq!(error.failure().unwrap().kind, "output_too_large");
    let fits = MIB - 2;
    assert_eq!(engine.start(&flow, fits).await.unwrap().outcome().await.unwrap().len(), fits);
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_was_not_registered_is_refused() {
    let flow = chain(&[Calls::default()]);
    let engine = support::engine().start().await.unwrap();
    let error = engine.start(&flow, 1).await.unwrap_err();
    assert!(matches!(error, StartError::NotRegistered { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_a_failure_that_is_tried_again() {
    let calls = Calls::default();
    let seen = calls.clone();
    let mut flow = Workflow::builder::<()>("slow");
    let slow = flow
        .step_fn("slow", (), move |_: StepContext, ()| {
            let call = seen.count();
            async move {
                if call == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(call)
            }
        })
        .timeout(Duration::from_secs(30))
        .retry(RetryPolicy::fixed(Duration::from_secs(1)))
        .add();
    let flow = flow.build(slow).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 2);
    let failed = records(&engine).await.into_iter().find_map(|record| match record.event {
        resurge::journal::event::Event::AttemptFailed(event) => Some(event),
        _ => None,
    });
    let failed = failed.unwrap();
    assert_eq!((failed.failure.class.name(), failed.verdict.name()), ("timeout", "retry"));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_given_up_at_its_deadline() {
    let flow = support::deaf();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let begun = tokio::time::Instant::now();
    let run = engine.start(&flow, ()).deadline(Duration::from_secs(90)).await.unwrap();
    let error = run.outcome().await.unwrap_err();
    assert!(matches!(error, RunError::Exhausted { .. }), "{error}");
    assert_eq!(
        error.to_string().split(':').next(),
        Some("the time until the deadline was used up")
    );
    assert_eq!(begun.elapsed().as_secs(), 90);
}

#[tokio::test(start_paused = true)]
async fn an_idle_engine_writes_nothing() {
    let flow = chain(&[Calls::default()]);
    let store = Arc::new(WatchedStore::over(MemoryStore::new()));
    let engine = support::engine_on(store.clone()).register(&flow).start().await.unwrap();
    let before = store.commits();
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(store.commits(), before);
    drop(engine);
}

#[tokio::test(start_paused = true)]
async fn two_workflows_of_one_name_and_version_are_refused() {
    let (first, second) = (chain(&[Calls::default()]), chain(&[Calls::default()]));
    // The same one twice is no question.
    support::engine().register(&first).register(&first.clone()).start().await.unwrap();
    let error = support::engine().register(&first).register(&second).start().await.unwrap_err();
    assert!(error.to_string().starts_with("two workflows `chain` of version 1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_always_has_room_for_one_attempt() {
    let flow = chain(&[Calls::default()]);
    let mut settings = Settings::default();
    settings.attempts_in_flight_max = 0;
    let engine = support::engine().settings(settings).register(&flow).start().await.unwrap();
    assert_eq!(engine.start(&flow, 1).await.unwrap().outcome().await.unwrap(), 2);
}
