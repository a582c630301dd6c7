//! Calls that an engine keeps: recovered functions whose state survives their process.

#![expect(clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::future::{Future, pending};
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use resurge::journal::event::{AttemptInterrupted, Event, InterruptCause};
use resurge::journal::store::MemoryStore;
use resurge::recover::{OnOpen, Recover, recover};
use resurge::{
    Class, Engine, Jitter, RecoveryError, ResourceKey, RetryPolicy, RunKey, RunStatus, RunView,
    StepError,
};
use support::{Calls, count, engine_on, names, records};
use tokio::time::Instant;

mod blocking;
mod people;

const SECOND: Duration = Duration::from_secs(1);

fn down() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

/// A call that waits 10 s between attempts.
fn fetch(engine: &Engine, key: &str) -> Recover {
    let policy = RetryPolicy::fixed(SECOND * 10).jitter(Jitter::None);
    recover("fetch").policy(policy).without_circuit_breaker().key(key).engine(engine)
}

/// Makes a call that fails until its `good_from`th attempt of all lives.
async fn attempts(
    call: Recover,
    calls: &Calls,
    good_from: u32,
) -> Result<(u32, u32), RecoveryError<io::Error>> {
    let work = |attempt: resurge::recover::Attempt| {
        let call = calls.count();
        async move { if call < good_from { Err(down()) } else { Ok((attempt.number(), call)) } }
    };
    call.run(work).await
}

/// Waits until a look at the engine's runs shows what is wanted.
async fn until(engine: &Engine, wanted: impl Fn(&[RunView]) -> bool) -> Vec<RunView> {
    let mut events = engine.events(resurge::Seq::new(1));
    loop {
        let runs = engine.runs().await.unwrap();
        if wanted(&runs) {
            return runs;
        }
        events.next().await.unwrap().unwrap();
    }
}

fn is_waiting(runs: &[RunView]) -> bool {
    runs.iter().any(|run| run.steps.iter().any(|step| step.next_attempt_at.is_some()))
}

fn is_making(runs: &[RunView]) -> bool {
    let is_making =
        |run: &RunView| run.steps.iter().any(|s| s.status == resurge::StepStatus::Running);
    runs.iter().any(is_making)
}

/// Polls a call until the engine shows what is wanted; the call must not end before.
async fn go_until<T>(
    call: &mut (impl Future<Output = T> + Unpin),
    engine: &Engine,
    wanted: impl Fn(&[RunView]) -> bool,
) -> Vec<RunView> {
    tokio::select! {
        _ = call => panic!("the call has ended"),
        runs = until(engine, wanted) => runs,
    }
}

/// The newest run of a call of `fetch`.
async fn run_of(engine: &Engine, key: &str) -> RunView {
    let key = RunKey::new(format!("fetch:{key}")).unwrap();
    engine.find(&key).await.unwrap().unwrap()
}

fn caller_gone(event: &Event) -> bool {
    let Event::AttemptInterrupted(AttemptInterrupted { cause, .. }) = event else { return false };
    *cause == InterruptCause::CallerGone
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_on_after_a_restart_where_it_stood() {
    for is_dropped in [false, true] {
        let (store, calls) = (MemoryStore::new(), Calls::default());
        let engine = engine_on(store.clone()).start().await.unwrap();
        let mut call = Box::pin(attempts(fetch(&engine, "a"), &calls, 3));
        go_until(&mut call, &engine, is_waiting).await;
        let due = Instant::now() + SECOND * 10;
        tokio::time::advance(SECOND * 4).await;
        drop(call);
        if !is_dropped {
            engine.shutdown(Duration::ZERO).await.unwrap();
        }
        // The events end when the engine has closed its journal behind itself.
        let mut events = engine.events(engine.head());
        drop(engine);
        while events.next().await.unwrap().is_some() {}
        let engine = engine_on(store.clone()).start().await.unwrap();
        assert_eq!(calls.so_far(), 1);
        let ended = attempts(fetch(&engine, "a"), &calls, 3).await.unwrap();
        assert_eq!(ended, (3, 3), "counted on");
        assert!(Instant::now() >= due + SECOND * 10 && Instant::now() < due + SECOND * 11);
        let runs = engine.runs().await.unwrap();
        assert_eq!((runs.len(), runs[0].status), (1, RunStatus::Success));
        // One that has ended begins anew.
        assert_eq!(attempts(fetch(&engine, "a"), &calls, 3).await.unwrap(), (1, 4));
        assert_eq!(engine.runs().await.unwrap().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn retries_are_used_up_over_restarts_and_keys_are_independent() {
    let (store, calls) = (MemoryStore::new(), Calls::default());
    for life in 1..=3 {
        let engine = engine_on(store.clone()).start().await.unwrap();
        let mut call = Box::pin(attempts(fetch(&engine, "a"), &calls, u32::MAX));
        let charged = |runs: &[RunView]| {
            is_waiting(runs) && runs.iter().any(|run| run.steps[0].charged == life)
        };
        go_until(&mut call, &engine, charged).await;
        drop(call);
        engine.shutdown(Duration::ZERO).await.unwrap();
    }
    let engine = engine_on(store).start().await.unwrap();
    let other = Calls::default();
    assert_eq!(attempts(fetch(&engine, "b"), &other, 2).await.unwrap(), (2, 2));
    let error = attempts(fetch(&engine, "a"), &calls, u32::MAX).await.unwrap_err();
    assert!(matches!(error, RecoveryError::Exhausted { attempts: 4, .. }), "{error}");
    assert_eq!(calls.so_far(), 4);
}

/// A call without retries behind a breaker that opens at the second failure, for a minute.
fn guarded(engine: &Engine, key: &str) -> Recover {
    let policy = RetryPolicy::none();
    recover("guarded").policy(policy).circuit_breaker(2, SECOND * 60).key(key).engine(engine)
}

#[tokio::test(start_paused = true)]
async fn a_breaker_survives_a_restart() {
    let (store, calls) = (MemoryStore::new(), Calls::default());
    let engine = engine_on(store.clone()).start().await.unwrap();
    for key in ["a", "b"] {
        let error = attempts(guarded(&engine, key), &calls, u32::MAX).await.unwrap_err();
        assert!(matches!(error, RecoveryError::Exhausted { attempts: 1, .. }), "{error}");
    }
    tokio::time::advance(SECOND * 20).await;
    engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = engine_on(store).start().await.unwrap();
    let error = attempts(guarded(&engine, "c"), &calls, 3).await.unwrap_err();
    let RecoveryError::CircuitOpen { key, remaining } = &error else { panic!("{error}") };
    assert_eq!(key.as_str(), "fn:guarded");
    assert!(*remaining <= SECOND * 40 && *remaining > SECOND * 39, "{remaining:?}");
    assert_eq!(calls.so_far(), 2);
    // The time that it said is exactly right: the probe closes the breaker.
    tokio::time::advance(*remaining).await;
    assert_eq!(attempts(guarded(&engine, "c"), &calls, 3).await.unwrap(), (1, 3));
    assert!(names(&records(&engine).await).contains(&"breaker_closed"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_trips_its_breaker_is_told_at_once() {
    let (engine, calls) = (support::engine().start().await.unwrap(), Calls::default());
    let begun = Instant::now();
    let call = fetch(&engine, "a").circuit_breaker(2, SECOND * 60);
    let error = attempts(call, &calls, u32::MAX).await.unwrap_err();
    let RecoveryError::CircuitOpen { remaining, .. } = &error else { panic!("{error}") };
    assert!(*remaining > SECOND * 59, "{remaining:?}");
    assert_eq!((calls.so_far(), begun.elapsed().as_secs()), (2, 10), "no wait for the third");
    // One that waits for the breaker probes when the break is over, at no cost.
    let call = fetch(&engine, "b").circuit_breaker(2, SECOND * 60).on_open(OnOpen::Wait);
    assert_eq!(attempts(call, &calls, 4).await.unwrap(), (1, 4));
    assert!(begun.elapsed() >= SECOND * 130, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn errors_that_nobody_knows_count_for_the_function_itself() {
    #[derive(Debug)]
    struct Odd;
    let engine = support::engine().start().await.unwrap();
    let call = || {
        let call = recover("odd").policy(RetryPolicy::none()).circuit_breaker(2, SECOND * 60);
        call.engine(&engine).classify(|_: &Odd| Class::Unknown)
    };
    for _ in 0..2 {
        let error = call().run(|_| async { Err::<(), _>(Odd) }).await.unwrap_err();
        assert!(matches!(error, RecoveryError::Exhausted { .. } | RecoveryError::Failed { .. }));
    }
    let error = call().run(|_| async { Err::<(), _>(Odd) }).await.unwrap_err();
    assert!(matches!(error, RecoveryError::CircuitOpen { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_key_ends_with_its_caller() {
    for restarts in [false, true] {
        let (store, calls) = (MemoryStore::new(), Calls::default());
        let mut engine = engine_on(store.clone()).start().await.unwrap();
        let policy = RetryPolicy::fixed(SECOND * 10);
        let call = recover("fetch").policy(policy).engine(&engine);
        let mut call = Box::pin(attempts(call, &calls, u32::MAX));
        go_until(&mut call, &engine, is_waiting).await;
        if restarts {
            // The engine goes first, so that it cannot hear of the caller's end.
            engine.shutdown(Duration::ZERO).await.unwrap();
            engine = engine_on(store).start().await.unwrap();
        } else {
            drop(call);
        }
        let runs = until(&engine, |runs| runs[0].ended_at.is_some()).await;
        assert_eq!(runs[0].status, RunStatus::Cancelled);
        assert_eq!(calls.so_far(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_call_is_made_once_at_a_time() {
    let (engine, calls) = (support::engine().start().await.unwrap(), Calls::default());
    let mut call = Box::pin(attempts(fetch(&engine, "a"), &calls, 2));
    let runs = go_until(&mut call, &engine, is_waiting).await;
    let error = attempts(fetch(&engine, "a"), &calls, 2).await.unwrap_err();
    assert!(matches!(error, RecoveryError::Busy { run } if run == runs[0].id), "{error}");
    assert_eq!(call.await.unwrap(), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_can_be_made_again_at_once() {
    let engine = support::engine().start().await.unwrap();
    for _ in 0..3 {
        let mut call = Box::pin(fetch(&engine, "a").run(|_| pending::<io::Result<()>>()));
        go_until(&mut call, &engine, is_making).await;
        drop(call);
    }
    let attempt =
        fetch(&engine, "a").run(|attempt| async move { io::Result::Ok(attempt.number()) });
    assert_eq!(attempt.await.unwrap(), 1, "attempts that were dropped are free");
    let records = records(&engine).await;
    assert_eq!(count(&records, caller_gone), 3);
    assert_eq!(engine.runs().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_begins_leaves_nothing_behind() {
    let engine = support::engine().start().await.unwrap();
    let mut call = Box::pin(fetch(&engine, "a").run(|_| pending::<io::Result<()>>()));
    std::future::poll_fn(|cx| {
        assert!(call.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    drop(call);
    until(&engine, |runs| runs.iter().any(|run| run.paused.is_some())).await;
    let done = fetch(&engine, "a").run(|_| async { io::Result::Ok(()) }).await;
    assert!(done.is_ok(), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_has_limits() {
    let engine = support::engine().start().await.unwrap();
    let begun = Instant::now();
    let call = fetch(&engine, "a").timeout(SECOND);
    let error = call.run(|_| pending::<io::Result<()>>()).await.unwrap_err();
    let RecoveryError::TimedOut { attempts: 4, limit } = error else { panic!("{error}") };
    assert_eq!((limit, begun.elapsed().as_secs()), (SECOND, 34));
    let records = records(&engine).await;
    let is_timeout = |event: &Event| {
        matches!(event, Event::AttemptFailed(failed)
            if failed.failure.class == Class::Timeout && failed.failure.kind == "attempt")
    };
    assert_eq!(count(&records, is_timeout), 4);

    // The deadline ends the wait, the attempt, and the call.
    let begun = Instant::now();
    let error = attempts(fetch(&engine, "b").deadline(SECOND * 15), &Calls::default(), 9).await;
    let error = error.unwrap_err();
    let RecoveryError::Deadline { attempts: 2, source: Some(_) } = error else { panic!("{error}") };
    assert_eq!(begun.elapsed().as_secs(), 10, "another attempt would come too late");
    let begun = Instant::now();
    let call = fetch(&engine, "c").deadline(SECOND * 15);
    let error = call.run(|_| pending::<io::Result<()>>()).await.unwrap_err();
    assert!(matches!(error, RecoveryError::Deadline { attempts: 1, source: None }), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_goes_on_over_a_restart() {
    let store = MemoryStore::new();
    let engine = engine_on(store.clone()).start().await.unwrap();
    let begun = Instant::now();
    let call = |engine: &Engine| fetch(engine, "a").deadline(SECOND * 15);
    let mut first = Box::pin(call(&engine).run(|_| pending::<io::Result<()>>()));
    go_until(&mut first, &engine, is_making).await;
    tokio::time::advance(SECOND * 10).await;
    drop(first);
    engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = engine_on(store).start().await.unwrap();
    let error = call(&engine).run(|_| pending::<io::Result<()>>()).await.unwrap_err();
    assert!(matches!(error, RecoveryError::Deadline { source: None, .. }), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn what_an_error_says_is_in_the_journal() {
    let engine = support::engine().start().await.unwrap();
    let begun = Instant::now();
    let error = |attempt: resurge::recover::Attempt| async move {
        let busy = StepError::new(Class::Throttled, "http_429", "slow down").hint("buy more");
        if attempt.number() == 1 && begun.elapsed() < SECOND {
            return Err(busy.retry_after(SECOND * 30));
        }
        Err::<(), _>(StepError::permanent("no such model"))
    };
    let call = recover("ask").resource("host:https/example.org:443").engine(&engine);
    let error = call.run(error).await.unwrap_err();
    assert!(matches!(error, RecoveryError::Failed { class: Class::Validation, .. }), "{error:?}");
    assert_eq!(begun.elapsed().as_secs(), 30);
    let records = records(&engine).await;
    let failures: Vec<_> = records
        .iter()
        .filter_map(|record| match &record.event {
            Event::AttemptFailed(failed) => Some(&failed.failure),
            _ => None,
        })
        .collect();
    let said = |index: usize| (failures[index].message.as_str(), failures[index].kind.as_str());
    assert_eq!(said(0), ("slow down", "http_429"));
    assert_eq!(failures[0].hint.as_deref(), Some("buy more"));
    assert_eq!(said(1), ("no such model", "permanent"));
    let key = ResourceKey::new("host:https/example.org:443").unwrap();
    assert_eq!(failures[0].resource, Some(key));
    let stats = engine.stats().await.unwrap();
    assert_eq!((stats.failed, stats.retry_attempts, stats.by_class.len()), (1, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_the_callers_own() {
    let engine = support::engine().start().await.unwrap();
    let mut call = Box::pin(fetch(&engine, "a").run(|_| async {
        assert!(std::hint::black_box(false), "the body panics");
        io::Result::Ok(())
    }));
    let panic = std::future::poll_fn(|cx| {
        let polled = AssertUnwindSafe(|| call.as_mut().poll(cx));
        match std::panic::catch_unwind(polled) {
            Ok(Poll::Ready(ended)) => panic!("{ended:?}"),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(panic),
        }
    })
    .await;
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the body panics"));
    drop(call);
    until(&engine, |runs| runs[0].paused.is_some()).await;
    assert_eq!(count(&records(&engine).await, caller_gone), 1);
    let again = fetch(&engine, "a").run(|_| async { io::Result::Ok(()) }).await;
    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_with_its_engine() {
    let (engine, calls) = (support::engine().start().await.unwrap(), Calls::default());
    let mut call = Box::pin(attempts(fetch(&engine, "a"), &calls, 9));
    go_until(&mut call, &engine, is_waiting).await;
    engine.shutdown(Duration::ZERO).await.unwrap();
    assert!(matches!(call.await.unwrap_err(), RecoveryError::Unavailable));
    let late = attempts(fetch(&engine, "b"), &calls, 1).await;
    assert!(matches!(late, Err(RecoveryError::Unavailable)), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_the_attempt_under_way_end_within_its_grace() {
    let (engine, calls) = (support::engine().start().await.unwrap(), Calls::default());
    let work = |_| async {
        tokio::time::sleep(SECOND * 5).await;
        io::Result::Ok(calls.count())
    };
    let mut call = Box::pin(fetch(&engine, "a").run(work));
    go_until(&mut call, &engine, is_making).await;
    let (ended, shut) = tokio::join!(call, engine.shutdown(SECOND * 10));
    assert_eq!(ended.unwrap(), 1);
    shut.unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_calls_at_once_do_not_get_into_each_others_way() {
    let engine = support::engine().start().await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200_u32 {
        let call = fetch(&engine, &n.to_string());
        tasks.spawn(async move { (n, attempts(call, &Calls::default(), 1 + n % 4).await) });
    }
    for (n, ended) in tasks.join_all().await {
        assert_eq!(ended.unwrap(), (1 + n % 4, 1 + n % 4));
    }
    let runs = engine.runs().await.unwrap();
    assert_eq!(runs.iter().filter(|run| run.status == RunStatus::Success).count(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_ended_is_forgotten() {
    struct Noticed(mpsc::Sender<()>);
    impl Drop for Noticed {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let engine = support::engine().start().await.unwrap();
    let (tell, told) = mpsc::channel();
    // The delay function lives as long as anybody remembers the call.
    for good_from in [1, 2, 9] {
        let noticed = Noticed(tell.clone());
        let delay = move |_| {
            let _ = &noticed;
            SECOND
        };
        let policy = RetryPolicy::custom("noticed", delay).max_retries(2);
        let call = recover("fetch").policy(policy).key("a").engine(&engine);
        let _ = attempts(call, &Calls::default(), good_from).await;
        // By now the engine has had to let go of it, too.
        engine.runs().await.unwrap();
        assert_eq!(told.try_iter().count(), 1);
    }
}
