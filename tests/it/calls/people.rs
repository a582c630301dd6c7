//! People hurry, pause and end the calls that an engine keeps.

use std::future::pending;
use std::io;
use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{Class, Control, ControlError, Json, RecoveryError};
use support::{Calls, engine_on};
use tokio::time::Instant;

use super::{SECOND, attempts, fetch, go_until, is_making, is_waiting, run_of, until};

#[tokio::test(start_paused = true)]
async fn people_can_hurry_a_call() {
    for control in [Control::RetryNow, Control::ForceRetry] {
        let (engine, calls) = (support::engine().start().await.unwrap(), Calls::default());
        let begun = Instant::now();
        let mut call = Box::pin(attempts(fetch(&engine, "a"), &calls, 2));
        let runs = go_until(&mut call, &engine, is_waiting).await;
        engine.control(runs[0].id, control, "alice", "it is up").await.unwrap();
        assert_eq!(call.await.unwrap().1, 2);
        assert!(begun.elapsed() < SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn people_can_pause_a_call() {
    let (store, calls) = (MemoryStore::new(), Calls::default());
    let engine = engine_on(store.clone()).start().await.unwrap();
    let mut call = Box::pin(attempts(fetch(&engine, "a"), &calls, 2));
    let run = go_until(&mut call, &engine, is_waiting).await[0].id;
    let pause = Control::Pause { freezes_timers: false };
    engine.control(run, pause.clone(), "alice", "not now").await.unwrap();
    tokio::select! {
        ended = &mut call => panic!("{ended:?}"),
        () = tokio::time::sleep(SECOND * 100) => {}
    }
    engine.control(run, Control::Resume, "alice", "go on").await.unwrap();
    assert_eq!(call.await.unwrap(), (2, 2));

    // One that is paused when its caller goes does not run off alone when it is resumed.
    let mut call = Box::pin(fetch(&engine, "b").run(|_| pending::<io::Result<()>>()));
    go_until(&mut call, &engine, is_making).await;
    let run = run_of(&engine, "b").await.id;
    engine.control(run, pause, "alice", "not now").await.unwrap();
    drop(call);
    engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = engine_on(store).start().await.unwrap();
    let error = attempts(fetch(&engine, "b"), &calls, 1).await.unwrap_err();
    assert!(matches!(error, RecoveryError::Paused { run: paused } if paused == run), "{error}");
    engine.control(run, Control::Resume, "alice", "go on").await.unwrap();
    let view = engine.run(run).view().await.unwrap();
    assert!(view.paused.is_some_and(|why| why.contains("make it again")));
    let error = engine.control(run, Control::RetryNow, "alice", "hurry").await.unwrap_err();
    assert!(matches!(error, ControlError::Parked { .. }), "{error}");
    assert!(attempts(fetch(&engine, "b"), &calls, 1).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_done_while_the_call_was_paused_is_not_done_again() {
    let engine = support::engine().start().await.unwrap();
    let calls = Calls::default();
    let work = |_| {
        calls.count();
        async {
            tokio::time::sleep(SECOND * 600).await;
            io::Result::Ok("value")
        }
    };
    let mut call = Box::pin(fetch(&engine, "a").run(work));
    let run = go_until(&mut call, &engine, is_making).await[0].id;
    let pause = Control::Pause { freezes_timers: false };
    engine.control(run, pause, "alice", "not now").await.unwrap();
    tokio::select! {
        ended = &mut call => panic!("{ended:?}"),
        () = tokio::time::sleep(SECOND * 700) => {}
    }
    engine.control(run, Control::Resume, "alice", "go on").await.unwrap();
    assert_eq!(call.await.unwrap(), "value");
    assert_eq!(calls.so_far(), 1);
}

#[tokio::test(start_paused = true)]
async fn people_can_end_a_call() {
    let (store, calls) = (MemoryStore::new(), Calls::default());
    let engine = engine_on(store.clone()).start().await.unwrap();
    let mut call = Box::pin(attempts(fetch(&engine, "a"), &calls, 9));
    let run = go_until(&mut call, &engine, is_waiting).await[0].id;
    engine.cancel(run, "alice", "wrong file").await.unwrap();
    assert!(matches!(call.await.unwrap_err(), RecoveryError::Cancelled));

    let mut call = Box::pin(attempts(fetch(&engine, "b"), &calls, 9));
    go_until(&mut call, &engine, is_waiting).await;
    let run = run_of(&engine, "b").await.id;
    engine.control(run, Control::CancelRecovery, "alice", "no use").await.unwrap();
    let error = call.await.unwrap_err();
    assert!(matches!(error, RecoveryError::Failed { class: Class::Network, .. }), "{error}");
    // Only its caller can make it again.
    let error = engine.control(run, Control::ForceRetry, "alice", "again").await;
    assert!(error.is_err(), "{error:?}");

    let mut call = Box::pin(attempts(fetch(&engine, "c"), &calls, 9));
    go_until(&mut call, &engine, is_waiting).await;
    let run = run_of(&engine, "c").await.id;
    let (step, output) = (engine.run(run).view().await.unwrap().steps[0].key.clone(), Json::null());
    engine.control(run, Control::Skip { step, output }, "alice", "by hand").await.unwrap();
    assert!(matches!(call.await.unwrap_err(), RecoveryError::Skipped));

    // Called off while nobody was there.
    let mut call = Box::pin(attempts(fetch(&engine, "d"), &calls, 9));
    go_until(&mut call, &engine, is_waiting).await;
    let run = run_of(&engine, "d").await.id;
    drop(call);
    until(&engine, |runs| runs.iter().any(|run| run.paused.is_some())).await;
    engine.cancel(run, "alice", "wrong file").await.unwrap();
    let again = attempts(fetch(&engine, "d"), &Calls::default(), 1).await;
    assert_eq!(again.unwrap(), (1, 1), "begins anew");
}
