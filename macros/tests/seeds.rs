//! The examples of the documentation that Resurge follows, one by one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use resurge::recover::recover;
use resurge::{Class, Jitter, Recovered, RecoveryError, RetryPolicy, StepError, recoverable};
use tokio::sync::mpsc;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn refused() -> std::io::Error {
    std::io::ErrorKind::ConnectionRefused.into()
}

/// The delays between attempts that began at these times.
fn delays(began: &[Instant]) -> Vec<f64> {
    began.iter().zip(began.iter().skip(1)).map(|(a, b)| (*b - *a).as_secs_f64()).collect()
}

/// Whether each delay is the planned one less what the jitter of the default policy may take.
fn are_about(delays: &[f64], planned: &[f64]) -> bool {
    let is_about =
        |(delay, planned): (&f64, &f64)| *delay > planned * 0.9 - 0.002 && *delay < planned + 0.002;
    delays.len() == planned.len() && delays.iter().zip(planned).all(is_about)
}

// Simple retry.
#[recoverable(max_retries = 3, initial_delay = 1.0)]
async fn fetch_data(url: &str, began: &mut Vec<Instant>) -> Recovered<String, std::io::Error> {
    began.push(Instant::now());
    if began.len() < 4 { Err(refused()) } else { Ok(format!("data of {url}")) }
}

#[tokio::test(start_paused = true)]
async fn simple_retry() {
    let mut began = Vec::new();
    assert_eq!(fetch_data("u", &mut began).await.unwrap(), "data of u");
    assert!(are_about(&delays(&began), &[1.0, 2.0, 4.0]), "{:?}", delays(&began));
}

// Custom strategy.
fn strategy() -> RetryPolicy {
    RetryPolicy::exponential(Duration::from_millis(500))
        .factor(3.0)
        .max_delay(SECOND * 30)
        .jitter(Jitter::Full)
}

// More attempts than the breaker stands by default, which stops retries after its threshold.
#[recoverable(strategy = strategy(), max_retries = 6, circuit_breaker = false)]
async fn api_call(endpoint: &str, began: &mut Vec<Instant>) -> Recovered<(), std::io::Error> {
    assert!(!endpoint.is_empty());
    began.push(Instant::now());
    Err(refused())
}

#[tokio::test(start_paused = true)]
async fn custom_strategy() {
    let mut began = Vec::new();
    let error = api_call("/prompt", &mut began).await.unwrap_err();
    assert!(matches!(error, RecoveryError::Exhausted { attempts: 7, .. }));
    for (delay, most) in delays(&began).into_iter().zip([0.5, 1.5, 4.5, 13.5, 30.0, 30.0]) {
        assert!(delay <= most + 0.002, "{delay} > {most}");
    }
}

// A strategy of one's own.
fn fibonacci_delay(retry: NonZeroU32) -> Duration {
    let (delay, _) = (1..retry.get()).fold((SECOND, SECOND), |(a, b), _| (b, a + b));
    delay
}

#[recoverable(
    strategy = RetryPolicy::custom("Fibonacci", fibonacci_delay).jitter(Jitter::None),
    max_retries = 5,
    circuit_breaker = false
)]
async fn fibonacci(began: &mut Vec<Instant>) -> Recovered<(), std::io::Error> {
    began.push(Instant::now());
    Err(refused())
}

#[tokio::test(start_paused = true)]
async fn custom_function() {
    let mut began = Vec::new();
    assert!(fibonacci(&mut began).await.is_err());
    let planned = [1, 1, 2, 3, 5].map(|seconds| SECOND * seconds);
    let waited = delays(&began);
    for (delay, planned) in waited.iter().zip(planned) {
        assert!((delay - planned.as_secs_f64()).abs() < 0.002, "{waited:?}");
    }
    assert_eq!(waited.len(), 5);
}

// Circuit breaker.
#[recoverable(
    circuit_breaker_threshold = 5,   // opens after 5 failures
    circuit_breaker_timeout = 300.0, // a probe may pass after 5 minutes
    max_retries = 0
)]
async fn protected_operation(asked: &AtomicU32, up: bool) -> Recovered<u32, std::io::Error> {
    let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
    if up { Ok(number) } else { Err(refused()) }
}

#[tokio::test(start_paused = true)]
async fn circuit_breaker() {
    let asked = AtomicU32::new(0);
    for _ in 0..5 {
        let error = protected_operation(&asked, false).await.unwrap_err();
        assert!(matches!(error, RecoveryError::Exhausted { attempts: 1, .. }));
    }
    tokio::time::advance(SECOND * 100).await;
    let error = protected_operation(&asked, true).await.unwrap_err();
    let RecoveryError::CircuitOpen { key, remaining } = error else { panic!("{error:?}") };
    assert_eq!(key.as_str(), "fn:seeds::protected_operation");
    assert_eq!(remaining, SECOND * 200);
    assert_eq!(asked.load(Ordering::SeqCst), 5);
    tokio::time::advance(SECOND * 200).await;
    assert_eq!(protected_operation(&asked, true).await.unwrap(), 6);
    assert_eq!(protected_operation(&asked, true).await.unwrap(), 7);
}

// Progress tracking.
#[derive(Default)]
struct ProgressTracker {
    updates: Vec<(usize, usize)>,
}

#[recoverable(max_retries = 3)]
async fn download_with_progress(
    url: &str,
    file: &mut Vec<u8>,
    tracker: &mut ProgressTracker,
) -> Recovered<(), std::io::Error> {
    let total = url.len();
    // What an attempt wrote is there for the next one.
    while file.len() < total {
        let chunk = url.as_bytes().iter().skip(file.len()).take(4);
        file.extend(chunk);
        tracker.updates.push((file.len(), total));
        if file.len() == 8 && tracker.updates.len() == 2 {
            return Err(refused());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn progress_tracking() {
    let (mut file, mut tracker) = (Vec::new(), ProgressTracker::default());
    download_with_progress("http://models", &mut file, &mut tracker).await.unwrap();
    assert_eq!(file, b"http://models");
    assert_eq!(tracker.updates, [(4, 13), (8, 13), (12, 13), (13, 13)]);
}

// A task object: the attribute on a method.
struct RecoverableTask {
    runs: u32,
}

impl RecoverableTask {
    #[recoverable(max_retries = 3)]
    async fn run(&mut self, good: u32) -> Recovered<u32, std::io::Error> {
        self.runs += 1;
        if self.runs < good { Err(refused()) } else { Ok(self.runs) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_object() {
    assert_eq!(RecoverableTask { runs: 0 }.run(4).await.unwrap(), 4);
}

// Notifications.
async fn process_data(data: u32, asked: &AtomicU32) -> Result<u32, std::io::Error> {
    tokio::task::yield_now().await;
    if asked.fetch_add(1, Ordering::SeqCst) < 2 { Err(refused()) } else { Ok(data * 2) }
}

#[recoverable(max_retries = 3)]
async fn operation_with_notifications(
    data: u32,
    asked: &AtomicU32,
    socket: mpsc::Sender<String>,
) -> Recovered<u32, Box<dyn std::error::Error + Send + Sync>> {
    match process_data(data, asked).await {
        Ok(result) => {
            socket.send(format!("success {result}")).await?;
            Ok(result)
        }
        Err(error) => {
            socket.send(format!("retry {error}")).await?;
            Err(error.into())
        }
    }
}

#[tokio::test(start_paused = true)]
async fn notifications_on_failure() {
    let (socket, mut told) = mpsc::channel(8);
    let asked = AtomicU32::new(0);
    assert_eq!(operation_with_notifications(21, &asked, socket).await.unwrap(), 42);
    let mut messages = Vec::new();
    while let Some(message) = told.recv().await {
        messages.push(message);
    }
    assert_eq!(messages, ["retry connection refused", "retry connection refused", "success 42"]);
}

// Error handling.
#[recoverable(max_retries = 1, circuit_breaker_threshold = 2, circuit_breaker_timeout = "300s")]
async fn recoverable_operation() -> Recovered<(), std::io::Error> {
    Err(refused())
}

async fn handled() -> String {
    match recoverable_operation().await {
        Ok(()) => "done".to_owned(),
        Err(RecoveryError::Exhausted { attempts, source }) => {
            format!("failed after {attempts} attempts: {source}")
        }
        Err(RecoveryError::CircuitOpen { remaining, .. }) => {
            format!("circuit breaker open, retry in {}s", remaining.as_secs())
        }
        Err(other) => other.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn error_handling() {
    assert_eq!(handled().await, "failed after 2 attempts: connection refused");
    tokio::time::advance(SECOND * 60).await;
    assert_eq!(handled().await, "circuit breaker open, retry in 240s");
}

// Error classification.
#[tokio::test(start_paused = true)]
async fn error_classification() {
    let attempts = |name: &'static str, error: fn() -> StepError| async move {
        let asked = AtomicU32::new(0);
        let call = recover(name).without_circuit_breaker().run(|_| async {
            asked.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(error())
        });
        assert!(call.await.is_err());
        asked.into_inner()
    };
    assert_eq!(attempts("network", || refused().into()).await, 4);
    let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied).into();
    assert_eq!(attempts("permission", denied).await, 1);
    let malformed = || StepError::new(Class::Validation, "format", "no such field");
    assert_eq!(attempts("validation", malformed).await, 1);
    let full = || std::io::Error::from(std::io::ErrorKind::StorageFull).into();
    assert_eq!(attempts("resource", full).await, 4);
    let late = || std::io::Error::from(std::io::ErrorKind::TimedOut).into();
    assert_eq!(attempts("timeout", late).await, 4);
}

#[tokio::test(start_paused = true)]
async fn every_strategy_there_is() {
    let none = |policy: RetryPolicy| policy.jitter(Jitter::None).max_retries(4);
    for (policy, planned) in [
        (none(RetryPolicy::exponential(SECOND)), [1.0, 2.0, 4.0, 8.0]),
        (none(RetryPolicy::linear(SECOND)), [1.0, 2.0, 3.0, 4.0]),
        (none(RetryPolicy::fixed(SECOND)), [1.0; 4]),
    ] {
        let mut began = Vec::new();
        let call = recover("strategies").without_circuit_breaker().policy(policy);
        let ended = call
            .run(|_| {
                began.push(Instant::now());
                std::future::ready(Err::<(), _>(refused()))
            })
            .await;
        assert!(ended.is_err());
        assert!(are_about(&delays(&began), &planned), "{:?}", delays(&began));
    }
}
