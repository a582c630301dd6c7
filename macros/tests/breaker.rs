//! Breakers and limits of recovered calls, with and without the attribute.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use resurge::recover::{OnOpen, Recover, SettingsProblem, recover};
use resurge::{
    Class, PolicyProblem, Recovered, RecoveryError, RetryPolicy, StepError, recoverable,
};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
const REST: Duration = Duration::from_secs(300);

fn server_error() -> StepError {
    StepError::new(Class::Server, "http_503", "service unavailable")
}

fn call(resource: &str) -> Recover {
    recover("call").resource(resource).policy(RetryPolicy::none()).circuit_breaker(5, REST)
}

async fn fail(resource: &str, error: fn() -> StepError) -> RecoveryError<StepError> {
    call(resource).run(|_| async { Err::<(), _>(error()) }).await.unwrap_err()
}

async fn open(resource: &str) {
    for _ in 0..5 {
        assert!(matches!(fail(resource, server_error).await, RecoveryError::Exhausted { .. }));
    }
    assert!(matches!(fail(resource, server_error).await, RecoveryError::CircuitOpen { .. }));
}

#[tokio::test(start_paused = true)]
async fn functions_share_the_breaker_of_a_host() {
    #[recoverable(resource = format_args!("host:https/{host}:443"), max_retries = 0)]
    async fn one(host: &str) -> Recovered<(), StepError> {
        Err(server_error())
    }
    #[recoverable(resource = format!("host:https/{host}:443"))]
    fn other(host: &str) -> Recovered<(), StepError> {
        Ok(())
    }
    for _ in 0..5 {
        assert!(one("a.example").await.is_err());
    }
    let error = other("a.example").unwrap_err();
    let RecoveryError::CircuitOpen { key, .. } = &error else { panic!("{error:?}") };
    assert_eq!(key.as_str(), "host:https/a.example:443");
    assert!(other("b.example").is_ok());
}

#[tokio::test(start_paused = true)]
async fn refusals_prove_a_host_alive() {
    let missing = || StepError::new(Class::NotFound, "http_404", "no such file");
    for _ in 0..3 {
        for _ in 0..4 {
            fail("host:refusals", server_error).await;
        }
        assert!(matches!(fail("host:refusals", missing).await, RecoveryError::Failed { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_errors_count_for_the_function_only() {
    let unknown = || StepError::new(Class::Unknown, "unknown", "?");
    for _ in 0..9 {
        assert!(matches!(fail("host:unknown", unknown).await, RecoveryError::Exhausted { .. }));
    }
    for _ in 0..5 {
        assert!(matches!(fail("unknown", unknown).await, RecoveryError::Exhausted { .. }));
    }
    assert!(matches!(fail("unknown", unknown).await, RecoveryError::CircuitOpen { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_ends_the_retries() {
    let asked = AtomicU32::new(0);
    let ended = call("fn:own-retries")
        .policy(RetryPolicy::fixed(SECOND).max_retries(10))
        .circuit_breaker(3, REST)
        .run(|_| async {
            asked.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(server_error())
        })
        .await;
    assert!(
        matches!(&ended, Err(RecoveryError::CircuitOpen { remaining, .. }) if *remaining == REST)
    );
    assert_eq!(asked.into_inner(), 3);
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_and_the_others_fail_fast() {
    open("host:probe").await;
    tokio::time::advance(REST).await;
    let (gate, asked) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU32::new(0)));
    let (begun, has_begun) = oneshot::channel();
    let probe = tokio::spawn({
        let (gate, asked) = (gate.clone(), asked.clone());
        async move {
            let mut begun = Some(begun);
            let work = |_| {
                asked.fetch_add(1, Ordering::SeqCst);
                begun.take().unwrap().send(()).unwrap();
                let gate = gate.clone();
                async move { gate.acquire().await.map(drop) }
            };
            call("host:probe").run(work).await
        }
    });
    has_begun.await.unwrap();
    for _ in 0..50 {
        let error = fail("host:probe", server_error).await;
        assert!(
            matches!(&error, RecoveryError::CircuitOpen { remaining, .. } if remaining.is_zero())
        );
    }
    gate.add_permits(1);
    probe.await.unwrap().unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    call("host:probe").run(|_| async { Ok::<_, StepError>(()) }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_probe_one_by_one_at_no_cost() {
    open("host:wait").await;
    let (flying, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (began, up) = (Instant::now(), Instant::now() + REST * 3 + SECOND);
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (flying, most) = (flying.clone(), most.clone());
            tokio::spawn(async move {
                // Not a single retry: only free probes can outlive the outage.
                call("host:wait")
                    .on_open(OnOpen::Wait)
                    .run(|attempt| {
                        let (flying, most) = (flying.clone(), most.clone());
                        async move {
                            assert_eq!(attempt.number(), 1);
                            let now = flying.fetch_add(1, Ordering::SeqCst) + 1;
                            let is_up = Instant::now() >= up;
                            if !is_up {
                                most.fetch_max(now, Ordering::SeqCst);
                            }
                            tokio::time::sleep(SECOND).await;
                            flying.fetch_sub(1, Ordering::SeqCst);
                            if is_up { Ok(()) } else { Err(server_error()) }
                        }
                    })
                    .await
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert!(began.elapsed() < REST * 5, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_makes_room_for_those_who_wait() {
    open("host:dropped").await;
    let (begun, has_begun) = oneshot::channel();
    let probe = tokio::spawn(async move {
        let mut begun = Some(begun);
        let hang = |_| {
            begun.take().unwrap().send(()).unwrap();
            std::future::pending::<Result<(), StepError>>()
        };
        call("host:dropped").on_open(OnOpen::Wait).run(hang).await
    });
    has_begun.await.unwrap();
    let waiting = tokio::spawn(async {
        let work = |_| async { Ok::<_, StepError>(()) };
        call("host:dropped").on_open(OnOpen::Wait).run(work).await
    });
    tokio::task::yield_now().await;
    let aborted = Instant::now();
    probe.abort();
    waiting.await.unwrap().unwrap();
    assert!(aborted.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_waiting_and_retrying() {
    open("host:deadline").await;
    let began = Instant::now();
    let call_in_time = |resource| call(resource).on_open(OnOpen::Wait).deadline(SECOND * 10);
    let ended = call_in_time("host:deadline").run(|_| async { Err::<(), _>(server_error()) }).await;
    assert!(matches!(ended, Err(RecoveryError::Deadline { attempts: 0, source: None })));
    assert_eq!(began.elapsed().as_secs(), 10);

    let ended = call_in_time("host:up")
        .policy(RetryPolicy::fixed(SECOND * 4).max_retries(9))
        .run(|_| async { Err::<(), _>(server_error()) })
        .await;
    let Err(RecoveryError::Deadline { attempts: 3, source: Some(_) }) = ended else {
        panic!("{ended:?}")
    };
    let ended =
        call_in_time("host:hangs").run(|_| std::future::pending::<Result<(), StepError>>()).await;
    assert!(matches!(ended, Err(RecoveryError::Deadline { attempts: 1, source: None })));
}

#[recoverable(max_retries = 1, timeout = "2s", initial_delay = "1s")]
async fn hangs(asked: &AtomicU32) -> Recovered<(), std::io::Error> {
    asked.fetch_add(1, Ordering::SeqCst);
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_dropped() {
    let (asked, began) = (AtomicU32::new(0), Instant::now());
    let error = hangs(&asked).await.unwrap_err();
    assert!(
        matches!(error, RecoveryError::TimedOut { attempts: 2, limit } if limit == SECOND * 2),
        "{error:?}"
    );
    assert_eq!(asked.into_inner(), 2);
    assert!((4.9..5.1).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
}

#[recoverable(max_retries = 0, timeout = "1ms", attempt = attempt)]
fn overruns() -> Recovered<u32, std::io::Error> {
    let deadline = attempt.deadline().expect("there is a timeout");
    while std::time::Instant::now() <= deadline {
        std::thread::yield_now();
    }
    Ok(1)
}

#[test]
fn a_blocking_attempt_that_overran_has_timed_out() {
    let error = overruns().unwrap_err();
    assert!(matches!(error, RecoveryError::TimedOut { attempts: 1, .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "gave up after 1 attempt, the last one longer than 1ms; allow more time or call again"
    );
}

#[test]
fn threads_wait_for_a_breaker_without_a_runtime() {
    let call = || {
        recover("threads")
            .resource("fn:threads")
            .policy(RetryPolicy::none())
            .circuit_breaker(1, Duration::from_millis(20))
    };
    assert!(call().run_sync(|_| Err::<(), _>(server_error())).is_err());
    let (flying, asked) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let ended = call().on_open(OnOpen::Wait).run_sync(|_| {
                    let now = flying.fetch_add(1, Ordering::SeqCst);
                    let number = asked.fetch_add(1, Ordering::SeqCst);
                    // Until the first success there is one probe, and nobody else.
                    assert!(number > 2 || now == 0, "{number} {now}");
                    std::thread::yield_now();
                    flying.fetch_sub(1, Ordering::SeqCst);
                    if number < 2 { Err(server_error()) } else { Ok(()) }
                });
                ended.unwrap();
            });
        }
    });
    assert_eq!(asked.into_inner(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_servers_delay_is_a_floor() {
    let began = Instant::now();
    let asked = AtomicU32::new(0);
    let ended = recover("throttled")
        .run(|_| async {
            if asked.fetch_add(1, Ordering::SeqCst) > 0 {
                return Ok(());
            }
            let slow = StepError::new(Class::Throttled, "http_429", "slow down");
            Err(slow.retry_after(SECOND * 30))
        })
        .await;
    ended.unwrap();
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_draws_the_same_jitter() {
    let waited = |key: &'static str| async move {
        let began = Instant::now();
        let call = recover("jitter").key(key).without_circuit_breaker();
        assert!(call.run(|_| async { Err::<(), _>(server_error()) }).await.is_err());
        began.elapsed()
    };
    assert_eq!(waited("a").await, waited("a").await);
    assert_ne!(waited("a").await, waited("b").await);
}

#[test]
fn settings_that_contradict_themselves_are_all_reported_before_any_attempt() {
    let policy = RetryPolicy::exponential(SECOND).factor(0.5).max_delay(Duration::ZERO);
    let ended = recover("settings")
        .policy(policy)
        .timeout(Duration::ZERO)
        .resource("host:")
        .circuit_breaker(0, REST)
        .run_sync(|_| -> Result<(), StepError> { panic!("no attempt is made") });
    let Err(RecoveryError::Settings { problems }) = ended else { panic!("{ended:?}") };
    assert_eq!(problems.len(), 5, "{problems:?}");
    assert!(problems.contains(&SettingsProblem::Policy(PolicyProblem::Factor)));
}

#[test]
fn an_error_leads_to_its_cause() {
    use std::error::Error;
    let ended = recover("cause")
        .policy(RetryPolicy::none())
        .run_sync(|_| Err::<(), _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
    let error = ended.unwrap_err();
    assert_eq!(error.to_string(), "gave up after 1 attempt; mend the cause and call again");
    assert_eq!(error.source().unwrap().to_string(), "connection reset");
    // Inside a step it is judged by that cause.
    assert_eq!(StepError::from(error).class(), Class::Network);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_probe_gives_its_place_back() {
    open("host:panics").await;
    tokio::time::advance(REST).await;
    let panicked = tokio::spawn(call("host:panics").run(|_| async {
        std::panic::resume_unwind(Box::new("a defect"));
        #[expect(unreachable_code, reason = "says the type")]
        Ok::<(), StepError>(())
    }));
    assert!(panicked.await.unwrap_err().is_panic());
    call("host:panics").run(|_| async { Ok::<_, StepError>(()) }).await.unwrap();
}
