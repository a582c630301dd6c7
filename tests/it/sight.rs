//! What whoever shows runs asks for: many at one moment, the past of one, a control for what was seen.

use std::time::Duration;

use resurge::journal::explain::{Action, Cause, GateView};
use resurge::journal::store::MemoryStore;
use resurge::{
    Class, Control, ControlError, Jitter, Progress, RetryPolicy, RunHandle, RunId, RunStatus, Seq,
    Settings, StepContext, StepError, Workflow,
};
use support::{Calls, Host, chain, fail_first, patient, records, visit};

use crate::breakers::{breaker, start_many};

const HOUR: Duration = Duration::from_secs(3_600);

fn fails_once_in_an_hour() -> Workflow<(), u32> {
    let policy = RetryPolicy::fixed(HOUR).jitter(Jitter::None);
    fail_first(1, Class::Network, policy, &Calls::default())
}

#[tokio::test(start_paused = true)]
async fn runs_are_seen_together_whether_in_memory_or_not() {
    let (waits, ends) = (fails_once_in_an_hour(), chain(&[Calls::default(), Calls::default()]));
    let mut settings = Settings::default();
    (settings.rest_after, settings.checkpoint_records) = (Duration::ZERO, 5);
    let engine = support::engine_on(MemoryStore::new())
        .settings(settings)
        .register(&waits)
        .register(&ends)
        .start()
        .await
        .unwrap();
    let waiting = engine.start(&waits, ()).await.unwrap();
    let ended = engine.start(&ends, 1).await.unwrap();
    ended.outcome().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked = vec![ended.id(), RunId::default(), waiting.id()];
    let seen = engine.views(asked).await.unwrap();
    assert_eq!(seen.seq, engine.head());
    let statuses: Vec<_> = seen.runs.iter().map(|run| (run.view.id, run.view.status)).collect();
    let expected = [(ended.id(), RunStatus::Success), (waiting.id(), RunStatus::Recovering)];
    assert_eq!(statuses, expected, "the unknown one is left out, the order is kept");
    for run in &seen.runs {
        let id = run.view.id;
        assert_eq!(run.view, engine.run(id).view().await.unwrap());
        assert_eq!(run.why.actions, engine.explain(id).await.unwrap().unwrap().actions);
        assert!(run.view.version <= seen.seq && run.view.version > Seq::ZERO);
    }
    let all = engine.survey().await.unwrap();
    let ids = [waiting.id(), ended.id()];
    assert_eq!(all.runs.iter().map(|run| run.view.id).collect::<Vec<_>>(), ids);
    for run in &seen.runs {
        let same = all.runs.iter().find(|other| other.view.id == run.view.id).unwrap();
        assert_eq!((&same.view, &same.why.cause), (&run.view, &run.why.cause));
    }
    let steps = seen.runs.first().map(|run| &run.view.steps[..]);
    let Some([first, second]) = steps else { panic!("{steps:?}") };
    assert_eq!(second.needs, std::slice::from_ref(&first.key));
    assert!(second.output.is_some() && first.needs.is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_at_many_runs_is_not_told_their_places_in_a_queue() {
    let host = Host::refusing("a");
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 6).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let ids: Vec<RunId> = runs.iter().map(RunHandle::id).collect();
    let mut places = Vec::new();
    for seen in [engine.survey().await.unwrap(), engine.views(ids).await.unwrap()] {
        assert_eq!(seen.runs.len(), 6);
        for mut run in seen.runs {
            let mut alone = engine.explain(run.view.id).await.unwrap().unwrap();
            for cause in alone.steps.iter_mut().map(|s| &mut s.cause).chain([&mut alone.cause]) {
                if let Cause::Breaker { position, .. } = cause {
                    places.extend(position.take());
                }
            }
            run.why.now = alone.now;
            assert_eq!(run.why, alone);
        }
    }
    assert!(places.contains(&(6, 6)), "{places:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_at_many_runs_is_told_of_the_probe_that_they_wait_for() {
    let host = Host::refusing("a");
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 6).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    host.takes(HOUR);
    let remaining = breaker(&engine, host.key()).await.remaining.unwrap();
    tokio::time::sleep(remaining + Duration::from_secs(1)).await;
    let probe = breaker(&engine, host.key()).await.probe.unwrap();
    let ids: Vec<RunId> = runs.iter().map(RunHandle::id).collect();
    for seen in [engine.survey().await.unwrap(), engine.views(ids).await.unwrap()] {
        let waits = seen.runs.iter().filter(|run| match &run.why.cause {
            Cause::Breaker { gate: GateView::HalfOpen { probe: Some(known), .. }, .. } => {
                known.run == probe
            }
            _ => false,
        });
        assert_eq!(waits.count(), 5, "{seen:?}");
    }
}

/// Fails for good when it is told so, and otherwise after an hour.
fn fails_as_told() -> Workflow<bool, ()> {
    let mut flow = Workflow::builder::<bool>("told");
    let input = flow.input();
    let work = |_: StepContext, for_good: bool| async move {
        let class = if for_good { Class::Permission } else { Class::Network };
        Err::<(), _>(StepError::new(class, "told", "as told").hint("ask for leave"))
    };
    let policy = RetryPolicy::fixed(HOUR).jitter(Jitter::None);
    let step = flow.step_fn("told", input, work).retry(policy).add();
    flow.build(step).unwrap()
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_to_retry_a_run_whose_key_another_one_has() {
    for rests in [false, true] {
        let flow = fails_as_told();
        let mut settings = Settings::default();
        if rests {
            (settings.rest_after, settings.checkpoint_records) = (Duration::ZERO, 5);
        }
        let builder = support::engine_on(MemoryStore::new()).settings(settings);
        let engine = builder.register(&flow).start().await.unwrap();
        let old = engine.start(&flow, true).key("it").await.unwrap();
        old.outcome().await.unwrap_err();
        for _ in 0..10 {
            engine.start(&flow, true).await.unwrap().outcome().await.unwrap_err();
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let newer = engine.start(&flow, false).key("it").restart_ended().await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut seen = engine.survey().await.unwrap();
        assert_eq!(seen.runs.len(), 12);
        for run in &seen.runs {
            let alone = engine.explain(run.view.id).await.unwrap().unwrap();
            if run.view.id != old.id() {
                assert_eq!(run.why.actions, alone.actions, "{rests}");
            }
        }
        seen.runs.retain(|run| run.view.id == old.id());
        let actions = &seen.runs.first().unwrap().why.actions;
        let [Action::Heed { .. }, again] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!(again, &Action::StartAgain { holder: Some(newer.id()) }, "{rests}");
        let refused = engine.control(old.id(), Control::RetryNow, "ann", "again").await;
        assert!(matches!(refused, Err(ControlError::KeyTaken { .. })), "{refused:?}");
        let alone = engine.explain(old.id()).await.unwrap().unwrap();
        assert_eq!(actions, &alone.actions, "{rests}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_moves_when_somebody_forbids_it_more_retries() {
    let mut flow = Workflow::builder::<()>("long");
    let long = flow
        .step_fn("long", (), |cx: StepContext, ()| async move {
            if cx.attempt().get() == 1 {
                return Err(StepError::new(Class::Network, "refused", "nobody is there"));
            }
            cx.stopped().await;
            Ok(())
        })
        .retry(RetryPolicy::fixed(Duration::from_secs(1)).jitter(Jitter::None))
        .add();
    let flow = flow.build(long).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let early = run.view().await.unwrap();
    let done = run.cancel_recovery("bob", "once is enough").await.unwrap();
    let now = run.view().await.unwrap();
    assert!(now.recovery_cancelled && now.status == RunStatus::Recovering);
    assert_eq!(now.version, done);
    let pause = Control::Pause { freezes_timers: false };
    let late = engine.control_if(run.id(), early.version, pause, "alice", "").await;
    assert_eq!(late, Err(ControlError::Moved { run: run.id(), version: now.version }));
}

#[tokio::test(start_paused = true)]
async fn a_control_for_a_run_that_has_moved_is_refused_and_changes_nothing() {
    let flow = fails_once_in_an_hour();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    let early = run.view().await.unwrap();
    run.pause("bob", "he was quicker").await.unwrap();
    let now = run.view().await.unwrap();
    assert!(now.version > early.version);
    let count = records(&engine).await.len();
    let id = run.id();
    let late = engine.control_if(id, early.version, Control::Cancel, "alice", "").await;
    assert_eq!(late, Err(ControlError::Moved { run: id, version: now.version }));
    assert_eq!(records(&engine).await.len(), count);
    let done = engine.control_if(id, now.version, Control::Cancel, "alice", "").await.unwrap();
    assert_eq!(run.view().await.unwrap().status, RunStatus::Cancelled);
    assert!(done > now.version && done <= engine.head());
}

#[tokio::test(start_paused = true)]
async fn the_past_of_a_run_is_what_the_journal_says_about_it() {
    let flow = fails_once_in_an_hour();
    let other = chain(&[Calls::default()]);
    let engine = support::engine().register(&flow).register(&other).start().await.unwrap();
    engine.start(&other, 1).await.unwrap().outcome().await.unwrap();
    tokio::time::sleep(HOUR).await;
    let run = engine.start(&flow, ()).await.unwrap();
    for input in 2..20 {
        engine.start(&other, input).await.unwrap().outcome().await.unwrap();
    }
    run.outcome().await.unwrap();
    engine.start(&other, 20).await.unwrap().outcome().await.unwrap();
    let (past, head) = engine
        .history(run.id(), Vec::new(), |seen, record| seen.push(record.clone()))
        .await
        .unwrap();
    let mut all = records(&engine).await;
    all.retain(|record| record.run == Some(run.id()));
    assert_eq!(past, all);
    assert!(past.len() >= 6 && head == engine.head());
    let nothing = engine.history(RunId::default(), 0, |seen, _| *seen += 1).await.unwrap();
    assert_eq!(nothing.0, 0, "there is no such run");
}

#[tokio::test(start_paused = true)]
async fn attempts_under_way_say_how_far_they_are() {
    let mut flow = Workflow::builder::<()>("half");
    let half = flow
        .step_fn("half", (), |cx: StepContext, ()| async move {
            cx.progress(50, Some(100));
            cx.stopped().await;
            Ok(())
        })
        .add();
    let flow = flow.build(half).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    assert!(engine.under_way().await.unwrap().is_empty());
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let under_way = engine.under_way().await.unwrap();
    let [attempt] = &under_way[..] else { panic!("{under_way:?}") };
    assert_eq!((attempt.run, attempt.step.as_str()), (run.id(), "half"));
    assert!(matches!(attempt.progress, Progress { done: 50, total: Some(100), .. }));
}

#[tokio::test(start_paused = true)]
async fn ids_are_in_the_order_of_the_starts_within_a_millisecond_as_well() {
    let flow = chain(&[Calls::default()]);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let mut ids = Vec::new();
    for input in 0..100 {
        ids.push(engine.start(&flow, input).await.unwrap().id());
    }
    assert!(ids.is_sorted(), "{ids:?}");
    assert_eq!(engine.survey().await.unwrap().runs.len(), 100);
}
