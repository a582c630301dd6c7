//! Runs that people pause.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use resurge::journal::event::{Event, InterruptCause};
use resurge::journal::store::MemoryStore;
use resurge::{
    Class, Control, ControlError, RunStatus, StepContext, StepError, StopReason, Workflow,
};
use support::{Calls, fail_first, names, records};

use super::{SECOND, slowly};

#[tokio::test(start_paused = true)]
async fn a_pause_stops_the_attempt_and_one_that_does_not_listen_is_dropped() {
    for listens in [true, false] {
        let stopped = Arc::new(Mutex::new(None));
        let (seen, calls) = (stopped.clone(), Calls::default());
        let mut flow = Workflow::builder::<()>("long");
        let counted = calls.clone();
        let step = flow
            .step_fn("long", (), move |cx: StepContext, ()| {
                let (seen, call) = (seen.clone(), counted.count());
                async move {
                    if call > 1 {
                        return cx.checkpoint::<u32>();
                    }
                    let reason = cx.stopped().await;
                    *seen.lock().unwrap() = Some(reason);
                    cx.save_checkpoint(&3_u32).await?;
                    if !listens {
                        std::future::pending::<()>().await;
                    }
                    Err(StepError::permanent("stopped, which is no failure"))
                }
            })
            .add();
        let flow = flow.build(step).unwrap();
        let engine = support::engine().register(&flow).start().await.unwrap();
        let run = engine.start(&flow, ()).await.unwrap();
        tokio::time::sleep(SECOND).await;
        run.pause("ann", "later").await.unwrap();
        tokio::time::sleep(SECOND * 600).await;
        assert_eq!(*stopped.lock().unwrap(), Some(StopReason::Paused));
        let view = run.view().await.unwrap();
        assert_eq!((view.status, calls.so_far()), (RunStatus::Paused, 1));
        assert_eq!(view.paused.as_deref(), Some("paused by ann: later"));
        let recorded = records(&engine).await;
        let interrupted = recorded.iter().find_map(|record| match &record.event {
            Event::AttemptInterrupted(event) => Some((event.cause, record.at)),
            _ => None,
        });
        let (cause, at) = interrupted.unwrap();
        assert_eq!(cause, InterruptCause::Pause);
        let took = at.since(view.started_at).as_secs();
        assert_eq!(took, if listens { 1 } else { 6 }, "the grace is five seconds");
        run.resume("ann", "now").await.unwrap();
        assert_eq!(run.outcome().await.unwrap(), Some(3), "from its checkpoint, uncharged");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_taken_back_before_the_attempt_has_ended_was_a_pause() {
    let mut flow = Workflow::builder::<()>("long");
    let calls = Calls::default();
    let counted = calls.clone();
    let step = flow
        .step_fn("long", (), move |cx: StepContext, ()| {
            let call = counted.count();
            async move {
                if call == 1 {
                    cx.stopped().await;
                    tokio::time::sleep(SECOND * 2).await;
                    return Err(StepError::permanent("stopped"));
                }
                Ok(())
            }
        })
        .add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    run.pause("ann", "later").await.unwrap();
    run.resume("ann", "no, now").await.unwrap();
    run.outcome().await.unwrap();
    let recorded = records(&engine).await;
    let causes: Vec<_> = recorded
        .iter()
        .filter_map(|record| match &record.event {
            Event::AttemptInterrupted(event) => Some(event.cause),
            _ => None,
        })
        .collect();
    assert_eq!(causes, [InterruptCause::Pause]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_gives_up_at_once_when_it_is_stopped_has_not_failed() {
    let mut flow = Workflow::builder::<()>("quitter");
    let step = flow
        .step_fn("quit", (), |cx: StepContext, ()| async move {
            if cx.attempt().get() == 1 {
                let reason = cx.stopped().await;
                return Err(StepError::new(Class::Network, "stopped", format!("{reason:?}")));
            }
            Ok(())
        })
        .retry(slowly())
        .add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    run.pause("ann", "later").await.unwrap();
    tokio::time::sleep(SECOND).await;
    let begun = tokio::time::Instant::now();
    run.resume("ann", "no, now").await.unwrap();
    run.outcome().await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 0, "no delay of a retry");
    assert!(!names(&records(&engine).await).contains(&"attempt_failed"));
}

#[tokio::test(start_paused = true)]
async fn a_pause_longer_than_the_delay_lets_it_pass_or_keeps_what_is_left() {
    for (freezes, expected) in [(false, 0), (true, 50)] {
        let calls = Calls::default();
        let flow = fail_first(1, Class::Network, slowly(), &calls);
        let engine = support::engine().register(&flow).start().await.unwrap();
        let run = engine.start(&flow, ()).await.unwrap();
        tokio::time::sleep(SECOND * 10).await;
        let pause = Control::Pause { freezes_timers: freezes };
        engine.control(run.id(), pause, "ann", "lunch").await.unwrap();
        tokio::time::sleep(SECOND * 1_000).await;
        assert_eq!(calls.so_far(), 1);
        let begun = tokio::time::Instant::now();
        run.resume("ann", "back").await.unwrap();
        run.outcome().await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_passes_during_a_pause_unless_timers_stand_still() {
    for (freezes, ends) in [(false, true), (true, false)] {
        let flow = fail_first(9, Class::Network, slowly(), &Calls::default());
        let engine = support::engine().register(&flow).start().await.unwrap();
        let run = engine.start(&flow, ()).deadline(SECOND * 100).await.unwrap();
        tokio::time::sleep(SECOND * 10).await;
        let pause = Control::Pause { freezes_timers: freezes };
        engine.control(run.id(), pause, "ann", "lunch").await.unwrap();
        tokio::time::sleep(SECOND * 1_000).await;
        let status = run.view().await.unwrap().status;
        assert_eq!(status, if ends { RunStatus::Exhausted } else { RunStatus::Paused });
        if !ends {
            run.resume("ann", "back").await.unwrap();
            let begun = tokio::time::Instant::now();
            run.outcome().await.unwrap_err();
            // The retry after 50 s, and the next one would be too late.
            assert_eq!(begun.elapsed().as_secs(), 50);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_outlives_the_process() {
    let (disk, calls) = (MemoryStore::new(), Calls::default());
    let flow = fail_first(1, Class::Network, slowly(), &calls);
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND * 10).await;
    run.pause_timers("ann", "overnight").await.unwrap();
    engine.shutdown(Duration::ZERO).await.unwrap();
    tokio::time::sleep(SECOND * 40_000).await;
    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    let run = engine.run(run.id());
    tokio::time::sleep(SECOND * 1_000).await;
    assert_eq!(run.view().await.unwrap().status, RunStatus::Paused);
    assert_eq!(calls.so_far(), 1);
    let begun = tokio::time::Instant::now();
    run.resume("ann", "morning").await.unwrap();
    run.outcome().await.unwrap();
    assert_eq!((begun.elapsed().as_secs(), calls.so_far()), (50, 2));
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_is_not_resumed_without_a_definition() {
    let disk = MemoryStore::new();
    let flow = fail_first(1, Class::Network, slowly(), &Calls::default());
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    run.pause("ann", "later").await.unwrap();
    engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = support::engine_on(disk.clone()).start().await.unwrap();
    let refused = engine.run(run.id()).resume("ann", "now").await;
    assert!(matches!(refused, Err(ControlError::Parked { .. })), "{refused:?}");
    tokio::time::sleep(SECOND * 600).await;
    assert_eq!(engine.run(run.id()).view().await.unwrap().status, RunStatus::Paused);
    engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    engine.run(run.id()).resume("ann", "now").await.unwrap();
    engine.run(run.id()).outcome().await.unwrap();
}
