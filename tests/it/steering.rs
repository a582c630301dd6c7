//! Controls of runs: what each does in each status, and what is refused.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use resurge::journal::event::Event;
use resurge::journal::store::{MemoryStore, Store};
use resurge::{
    Class, Control, ControlError, Jitter, Json, RetryPolicy, RunError, RunFilter, RunHandle,
    RunStatus, StepContext, StepError, StepKey, StepStatus, Workflow,
};
use support::{Calls, WatchedStore, count, fail_first, names, records};

mod pauses;

const SECOND: Duration = Duration::from_secs(1);

/// Retries in 60 s, without luck.
fn slowly() -> RetryPolicy {
    RetryPolicy::fixed(SECOND * 60).jitter(Jitter::None)
}

/// A step that fails as told while `failing` says so, and then gives the number of its call.
fn told(calls: &Calls, class: Class, failing: &Arc<Mutex<bool>>) -> Workflow<(), u32> {
    let mut flow = Workflow::builder::<()>("told");
    let (calls, failing) = (calls.clone(), failing.clone());
    let step = flow
        .step_fn("work", (), move |_: StepContext, ()| {
            let (call, fails) = (calls.count(), *failing.lock().unwrap());
            async move {
                if fails { Err(StepError::new(class, "scripted", "no")) } else { Ok(call) }
            }
        })
        .retry(slowly())
        .add();
    flow.build(step).unwrap()
}

fn controls() -> Vec<Control> {
    vec![
        Control::Cancel,
        Control::Pause { freezes_timers: false },
        Control::Pause { freezes_timers: true },
        Control::Resume,
        Control::RetryNow,
        Control::ForceRetry,
        Control::CancelRecovery,
        Control::Skip { step: StepKey::new("work").unwrap(), output: Json::of(&7).unwrap() },
    ]
}

/// What becomes of every control for a run in some status; each meets a run of its own.
async fn answers(status: &str) -> Vec<&'static str> {
    let mut answers = Vec::new();
    for control in controls() {
        let failing = Arc::new(Mutex::new(true));
        let class = if status == "failed" { Class::Permission } else { Class::Network };
        let flow = told(&Calls::default(), class, &failing);
        let deaf = support::deaf();
        let engine = support::engine().register(&flow).register(&deaf).start().await.unwrap();
        let run = if status == "running" {
            engine.run(engine.start(&deaf, ()).await.unwrap().id())
        } else {
            engine.run(engine.start(&flow, ()).await.unwrap().id())
        };
        tokio::time::sleep(SECOND).await;
        *failing.lock().unwrap() = false;
        match status {
            "paused" => {
                run.pause("ann", "later").await.unwrap();
            }
            "cancelled" => {
                run.cancel("ann", "no").await.unwrap();
            }
            "succeeded" => {
                tokio::time::sleep(SECOND * 60).await;
            }
            "exhausted" => {
                *failing.lock().unwrap() = true;
                run.outcome().await.unwrap_err();
            }
            _ => {}
        }
        let control = match control {
            Control::Skip { .. } if status == "running" => {
                Control::Skip { step: StepKey::new("deaf").unwrap(), output: Json::null() }
            }
            other => other,
        };
        let before = engine.head();
        let answer = engine.control(run.id(), control, "bob", "try").await;
        let changed = engine.head() != before;
        answers.push(match answer {
            Ok(_) if changed => "done",
            Ok(_) => "already",
            Err(ControlError::Ended { .. }) => "ended",
            Err(ControlError::Paused { .. }) => "paused",
            Err(ControlError::NotRetryable { .. }) => "not retryable",
            Err(ControlError::NotRecovering { .. }) => "not recovering",
            Err(ControlError::StepDone { .. }) => "step done",
            Err(other) => panic!("{other}"),
        });
        assert!(answers.last() == Some(&"done") || !changed, "a refusal changes nothing");
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn each_control_does_or_refuses_what_makes_sense_in_each_status() {
    // Cancel, pause, pause timers, resume, retry now, force retry, cancel recovery, skip.
    for (status, expected) in [
        (
            "running",
            ["done", "done", "done", "already", "already", "already", "not recovering", "done"],
        ),
        ("waiting", ["done", "done", "done", "already", "done", "done", "done", "done"]),
        ("paused", ["done", "already", "paused", "done", "paused", "paused", "paused", "paused"]),
        ("succeeded", ["ended", "ended", "ended", "ended", "ended", "ended", "ended", "ended"]),
        ("failed", ["ended", "ended", "ended", "ended", "not retryable", "done", "ended", "done"]),
        ("exhausted", ["ended", "ended", "ended", "ended", "done", "done", "ended", "done"]),
        ("cancelled", ["already", "ended", "ended", "ended", "ended", "ended", "ended", "ended"]),
    ] {
        assert_eq!(answers(status).await, expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_control_is_journaled_with_who_and_why_and_durable_when_it_returns() {
    for (control, name) in [
        (Control::Pause { freezes_timers: true }, "run_paused"),
        (Control::RetryNow, "retry_now"),
        (Control::ForceRetry, "force_retry"),
        (Control::CancelRecovery, "recovery_cancelled"),
        (Control::Cancel, "run_cancelled"),
    ] {
        let disk = MemoryStore::new();
        let flow = fail_first(9, Class::Network, slowly(), &Calls::default());
        let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
        let run = engine.start(&flow, ()).await.unwrap();
        tokio::time::sleep(SECOND).await;
        engine.control(run.id(), control, "ann", "because").await.unwrap();
        // Nothing else has run since: what stands on the disk now was there before the answer.
        let disk = disk.truncated(disk.head());
        let found = disk.scan(resurge::Seq::new(1)).map(Result::unwrap);
        let found: Vec<_> = found.filter(|record| record.event.name() == name).collect();
        let [record] = found.as_slice() else { panic!("{name}: {found:?}") };
        let text = format!("{:?}", record.event);
        assert!(text.contains("ann") && text.contains("because"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_control_that_did_not_reach_the_disk_is_not_acknowledged() {
    let flow = fail_first(9, Class::Network, slowly(), &Calls::default());
    // Created already; opened, started, failed: the fourth commit is the pause.
    let store = WatchedStore::default().failing_at(4, false);
    let engine = support::engine_on(store).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let refused = run.pause("ann", "later").await;
    assert!(matches!(refused, Err(ControlError::Unavailable(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn retry_now_spares_the_wait_but_not_the_budget() {
    let calls = Calls::default();
    let flow = fail_first(9, Class::Network, slowly(), &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    for attempts in 1..=4 {
        tokio::time::sleep(SECOND).await;
        assert_eq!(calls.so_far(), attempts);
        let retry = run.retry_now("ann", "go").await;
        assert!(retry.is_ok(), "{retry:?}");
    }
    // The last one opened the run again, with a fresh budget: four attempts.
    run.outcome().await.unwrap_err();
    assert_eq!(calls.so_far(), 8);
}

#[tokio::test(start_paused = true)]
async fn force_retry_gives_a_vetoed_step_another_attempt() {
    let (calls, failing) = (Calls::default(), Arc::new(Mutex::new(true)));
    let flow = told(&calls, Class::Permission, &failing);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).key("it").await.unwrap();
    run.outcome().await.unwrap_err();
    let refused = run.retry_now("ann", "go").await;
    assert!(matches!(refused, Err(ControlError::NotRetryable { .. })), "{refused:?}");
    run.force_retry("ann", "licence accepted?").await.unwrap();
    run.outcome().await.unwrap_err();
    assert_eq!(calls.so_far(), 2, "it still fails: one attempt for one request");
    *failing.lock().unwrap() = false;
    run.force_retry("ann", "licence accepted").await.unwrap();
    run.outcome().await.unwrap();
    let view = run.view().await.unwrap();
    assert_eq!((view.status, view.ended_at.is_some()), (RunStatus::Success, true));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_key_another_run_has_by_now_stays_closed() {
    let (calls, failing) = (Calls::default(), Arc::new(Mutex::new(true)));
    let flow = told(&calls, Class::Permission, &failing);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let old = engine.start(&flow, ()).key("it").await.unwrap();
    old.outcome().await.unwrap_err();
    let deaf_failing = Arc::new(Mutex::new(true));
    *failing.lock().unwrap() = false;
    drop(deaf_failing);
    let newer = engine.start(&flow, ()).key("it").restart_ended().await.unwrap();
    newer.outcome().await.unwrap();
    // It has ended, so the old one may have its key back.
    old.force_retry("ann", "again").await.unwrap();
    old.outcome().await.unwrap();
    let holder = engine.find(&resurge::RunKey::new("it").unwrap()).await.unwrap().unwrap();
    assert_eq!(holder.id, old.id());

    let (calls, failing) = (Calls::default(), Arc::new(Mutex::new(true)));
    let flow = told(&calls, Class::Network, &failing);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let old = engine.start(&flow, ()).key("it").await.unwrap();
    tokio::time::sleep(SECOND).await;
    old.cancel_recovery("ann", "enough").await.unwrap();
    old.outcome().await.unwrap_err();
    let newer = engine.start(&flow, ()).key("it").restart_ended().await.unwrap();
    tokio::time::sleep(SECOND).await;
    for control in [Control::RetryNow, Control::ForceRetry] {
        let refused = engine.control(old.id(), control, "ann", "again").await;
        let expected = ControlError::KeyTaken { run: old.id(), holder: newer.id() };
        assert_eq!(refused, Err(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn recovery_that_is_cancelled_ends_the_run_at_once_or_with_the_attempt() {
    for waits in [true, false] {
        let calls = Calls::default();
        let counted = calls.clone();
        let mut flow = Workflow::builder::<()>("slow");
        let step = flow
            .step_fn("slow", (), move |_: StepContext, ()| {
                counted.count();
                async move {
                    tokio::time::sleep(SECOND * 10).await;
                    Err::<(), _>(StepError::new(Class::Network, "dropped", "no"))
                }
            })
            .retry(slowly())
            .add();
        let flow = flow.build(step).unwrap();
        let engine = support::engine().register(&flow).start().await.unwrap();
        let run = engine.start(&flow, ()).await.unwrap();
        tokio::time::sleep(SECOND).await;
        let early = run.cancel_recovery("ann", "no").await;
        assert!(matches!(early, Err(ControlError::NotRecovering { .. })), "{early:?}");
        tokio::time::sleep(if waits { SECOND * 20 } else { SECOND * 71 }).await;
        run.cancel_recovery("ann", "enough").await.unwrap();
        run.cancel_recovery("ann", "twice").await.expect("asked twice is as good as once");
        let begun = tokio::time::Instant::now();
        let error = run.outcome().await.unwrap_err();
        assert!(matches!(error, RunError::Failed { .. }), "{error}");
        assert_eq!(begun.elapsed().as_secs(), if waits { 0 } else { 8 });
        assert_eq!(calls.so_far(), if waits { 1 } else { 2 });
        assert_eq!(run.view().await.unwrap().status, RunStatus::Failed);
        // It is no veto: whoever changes their mind goes on.
        run.retry_now("ann", "after all").await.unwrap();
        assert_eq!(run.view().await.unwrap().status, RunStatus::Recovering);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_was_done_by_hand_is_skipped() {
    let mut flow = Workflow::builder::<()>("pair");
    let first = flow
        .step_fn("first", (), |_: StepContext, ()| async move {
            Err::<u32, _>(StepError::new(Class::Network, "dropped", "no"))
        })
        .retry(slowly())
        .add();
    let second =
        flow.step_fn("second", first, |_: StepContext, n: u32| async move { Ok(n + 1) }).add();
    let flow = flow.build(second).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let key = |name| StepKey::new(name).unwrap();
    let refused = run.skip_step(key("first"), &"a text", "ann", "done").await;
    assert!(matches!(refused, Err(ControlError::Output { .. })), "{refused:?}");
    let refused = run.skip_step(key("second"), &1, "ann", "done").await;
    assert!(matches!(refused, Err(ControlError::StepBlocked { .. })), "{refused:?}");
    let refused = run.skip_step(key("third"), &1, "ann", "done").await;
    assert!(matches!(refused, Err(ControlError::UnknownStep { .. })), "{refused:?}");
    let large = run.skip_step(key("first"), &"x".repeat(1024 * 1024), "ann", "done").await;
    assert!(matches!(large, Err(ControlError::Output { .. })), "{large:?}");
    run.skip_step(key("first"), &41, "ann", "done by hand").await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 42);
    let refused = run.skip_step(key("first"), &1, "ann", "again").await;
    assert!(matches!(refused, Err(ControlError::Ended { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_skipped_attempt_is_stopped_and_its_result_is_late() {
    let flow = support::deaf();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    run.skip_step(StepKey::new("deaf").unwrap(), &(), "ann", "done by hand").await.unwrap();
    run.outcome().await.unwrap();
    tokio::time::sleep(SECOND * 10).await;
    assert_eq!(names(&records(&engine).await).last(), Some(&"late_result_ignored"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_goes_on_after_its_failed_step_was_skipped() {
    let failing = Arc::new(Mutex::new(true));
    let flow = told(&Calls::default(), Class::Permission, &failing);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run: RunHandle<u32> = engine.start(&flow, ()).await.unwrap();
    run.outcome().await.unwrap_err();
    run.skip_step(StepKey::new("work").unwrap(), &5, "ann", "by hand").await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 5);
    let stats = engine.stats().await.unwrap();
    assert_eq!((stats.failed, stats.succeeded), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn many_runs_are_steered_by_a_filter() {
    let flow = fail_first(u32::MAX, Class::Network, slowly(), &Calls::default());
    let deaf = support::deaf();
    let engine = support::engine().register(&flow).register(&deaf).start().await.unwrap();
    for _ in 0..3 {
        engine.start(&flow, ()).await.unwrap();
    }
    let other = engine.start(&deaf, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let filter = RunFilter::with_status([RunStatus::Recovering]);
    let pause = Control::Pause { freezes_timers: false };
    let done = engine.control_all(&filter, &pause, "ann", "lunch").await.unwrap();
    assert_eq!(done.iter().filter(|(_, result)| result.is_ok()).count(), 3);
    assert_eq!(other.view().await.unwrap().status, RunStatus::InProgress);
    let filter = RunFilter::open().of_workflow("deaf");
    let done = engine.control_all(&filter, &Control::Cancel, "ann", "no").await.unwrap();
    assert!(matches!(done[..], [(run, Ok(_))] if run == other.id()), "{done:?}");
    let all = RunFilter::default();
    let done = engine.control_all(&all, &Control::Resume, "ann", "back").await.unwrap();
    assert_eq!(done.len(), 4);
    let refused: Vec<_> = done.into_iter().filter(|(_, result)| result.is_err()).collect();
    assert_eq!(refused, [(other.id(), Err(ControlError::Ended { run: other.id() }))]);
    let recorded = records(&engine).await;
    assert_eq!(count(&recorded, |event| matches!(event, Event::RunResumed(_))), 3);
    let step = engine.runs().await.unwrap();
    assert!(step.iter().filter(|run| run.status == RunStatus::Recovering).count() == 3);
    assert!(step.iter().all(|run| run.steps.first().unwrap().status != StepStatus::Blocked));
}
