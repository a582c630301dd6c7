//! Every shape of function can be recovered, and stays what it was.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use resurge::{Class, Recovered, RecoveryError, StepError, recoverable};

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the connection broke")]
    Broken(#[from] std::io::Error),
    #[error("not a number")]
    NotANumber(#[from] std::num::ParseIntError),
}

fn reset() -> std::io::Error {
    std::io::ErrorKind::ConnectionReset.into()
}

/// Fails until it was asked this often.
fn flaky(asked: &AtomicU32, good: u32) -> Result<u32, std::io::Error> {
    let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
    if number < good { Err(reset()) } else { Ok(number) }
}

#[recoverable]
async fn with_defaults(asked: &AtomicU32) -> Recovered<u32, FetchError> {
    Ok(flaky(asked, 3)?)
}

#[tokio::test(start_paused = true)]
async fn an_async_function_with_the_defaults() {
    let (asked, began) = (AtomicU32::new(0), tokio::time::Instant::now());
    assert_eq!(with_defaults(&asked).await.unwrap(), 3);
    // 1 s and 2 s, each less a tenth at most.
    let took = began.elapsed().as_secs_f64();
    assert!((2.7..=3.01).contains(&took), "{took}");
}

#[recoverable(initial_delay = 0.5, backoff_factor = 1)]
async fn borrowed<'a>(url: &'a str, asked: &AtomicU32) -> Recovered<&'a str, FetchError> {
    flaky(asked, 2)?;
    tokio::task::yield_now().await;
    if url.is_empty() {
        return Ok("nothing");
    }
    Ok(url)
}

#[tokio::test(start_paused = true)]
async fn a_future_that_borrows_can_be_spawned() {
    let task = tokio::spawn(async {
        let (url, asked) = (String::from("x"), AtomicU32::new(0));
        borrowed(&url, &asked).await.map(str::to_owned).unwrap()
    });
    assert_eq!(task.await.unwrap(), "x");
}

struct Client {
    asked: u32,
}

impl Client {
    /// Changes the client in each attempt.
    #[recoverable(max_retries = 2, initial_delay = "5ms")]
    pub async fn count(&mut self, good: u32) -> Recovered<u32, std::io::Error> {
        self.asked += 1;
        tokio::task::yield_now().await;
        if self.asked < good { Err(reset()) } else { Ok(self.asked) }
    }

    #[recoverable(max_retries = 2, initial_delay = "1ms", circuit_breaker = false)]
    fn count_blocking(&mut self, good: u32) -> Recovered<u32, std::io::Error> {
        self.asked += 1;
        if self.asked < good { Err(reset()) } else { Ok(self.asked) }
    }

    #[recoverable(initial_delay = "1ms")]
    fn shared(&self, cell: &Cell<u32>) -> Recovered<u32, std::io::Error> {
        cell.set(cell.get() + 1);
        if cell.get() < 2 { Err(reset()) } else { Ok(self.asked) }
    }

    #[recoverable(initial_delay = "1ms")]
    async fn owned(self: Arc<Self>) -> Recovered<u32, std::io::Error> {
        Ok(self.asked)
    }
}

#[tokio::test(start_paused = true)]
async fn methods_on_self() {
    let mut client = Client { asked: 0 };
    assert_eq!(client.count(3).await.unwrap(), 3);
    client.asked = 0;
    let error = client.count(10).await.unwrap_err();
    assert!(matches!(error, RecoveryError::Exhausted { attempts: 3, .. }));
    assert_eq!(client.asked, 3);
    client.asked = 0;
    assert_eq!(client.count_blocking(2).unwrap(), 2);
    assert_eq!(client.shared(&Cell::new(0)).unwrap(), 2);
    assert_eq!(Arc::new(client).owned().await.unwrap(), 2);
}

#[recoverable(initial_delay = "1ms", key = name)]
async fn generic<T, const N: usize>(
    name: impl Display,
    mut work: impl FnMut() -> Result<T, FetchError>,
) -> Recovered<[T; N], FetchError>
where
    T: Copy + Default,
{
    let mut all = [T::default(); N];
    for place in &mut all {
        *place = work()?;
    }
    let _ = &name;
    Ok(all)
}

#[tokio::test(start_paused = true)]
async fn generics_and_impl_arguments() {
    let mut calls = 0_u8;
    let work = || {
        calls += 1;
        if calls == 2 { Err(reset().into()) } else { Ok(calls) }
    };
    assert_eq!(generic::<_, 2>("two", work).await.unwrap(), [3, 4]);
}

#[recoverable(max_retries = 0)]
fn nested(text: &str) -> Recovered<u32, FetchError> {
    // Each `?` and `return` belongs to its own closure or helper.
    fn first(text: &str) -> Option<&str> {
        let word = text.split(' ').next()?;
        if word.is_empty() {
            return None;
        }
        Some(word)
    }
    let parse = |text: &str| -> Result<u32, std::num::ParseIntError> {
        if text == "?" {
            return Ok(0);
        }
        let number: u32 = text.parse()?;
        Ok(number + 1)
    };
    let short = text.split(' ').nth(1).and_then(|word| Some(word.strip_prefix('+')?.len()));
    let Some(word) = first(text) else { return Ok(0) };
    Ok(parse(word)? + u32::try_from(short.unwrap_or(0)).unwrap_or(0))
}

#[test]
fn closures_keep_their_question_marks() {
    assert_eq!(nested("41").unwrap(), 42);
    assert_eq!(nested("41 +++").unwrap(), 44);
    assert_eq!(nested("").unwrap(), 0);
    let error = nested("x").unwrap_err();
    // An error that the body's own type wraps is judged by its cause.
    assert!(matches!(error.into_source(), Some(FetchError::NotANumber(_))));
}

#[recoverable(initial_delay = "1ms", clone(parts, seen))]
async fn consumes(
    mut parts: Vec<u32>,
    seen: Arc<AtomicU32>,
    asked: &AtomicU32,
) -> Recovered<Vec<u32>, std::io::Error> {
    parts.push(flaky(asked, 3).inspect_err(|_| {
        seen.fetch_add(1, Ordering::SeqCst);
    })?);
    drop(seen);
    Ok(parts)
}

#[recoverable(initial_delay = "1ms", clone(parts))]
fn consumes_blocking(parts: Vec<u32>, asked: &AtomicU32) -> Recovered<Vec<u32>, std::io::Error> {
    let mut parts = parts;
    parts.push(flaky(asked, 2)?);
    Ok(parts)
}

#[tokio::test(start_paused = true)]
async fn what_the_body_consumes_is_cloned_for_each_attempt() {
    let seen = Arc::new(AtomicU32::new(0));
    let parts = consumes(vec![1], seen.clone(), &AtomicU32::new(0)).await;
    assert_eq!(parts.unwrap(), [1, 3]);
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_eq!(consumes_blocking(vec![1], &AtomicU32::new(0)).unwrap(), [1, 2]);
}

#[async_trait]
trait Source: Sync {
    async fn read(&self, asked: &AtomicU32, name: String) -> Recovered<String, FetchError>;

    #[recoverable(initial_delay = "1ms", clone(name))]
    async fn given(&mut self, asked: &AtomicU32, mut name: String) -> Recovered<String, FetchError>
    where
        Self: Send,
    {
        name.push('!');
        flaky(asked, 2)?;
        Ok(consume(name))
    }
}

fn consume(name: String) -> String {
    name
}

#[async_trait]
impl Source for Client {
    #[recoverable(initial_delay = "1ms")]
    async fn read(&self, asked: &AtomicU32, name: String) -> Recovered<String, FetchError> {
        let number = flaky(asked, 2)?;
        if self.asked == 7 {
            return Ok(format!("{name} {number}"));
        }
        Ok(name.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn methods_of_async_traits() {
    let mut client = Client { asked: 7 };
    let read = client.read(&AtomicU32::new(0), "x".to_owned()).await;
    assert_eq!(read.unwrap(), "x 2");
    let given = client.given(&AtomicU32::new(0), "y".to_owned()).await;
    assert_eq!(given.unwrap(), "y!");
    let task = tokio::spawn(async move {
        let source: Box<dyn Source + Send> = Box::new(client);
        source.read(&AtomicU32::new(0), String::new()).await.is_ok()
    });
    assert!(task.await.unwrap());
}

type Reply<T> = Result<T, RecoveryError<StepError>>;

#[recoverable(initial_delay = Duration::from_millis(1), attempt = attempt)]
async fn aliased(numbers: &mut Vec<u32>) -> Reply<u32> {
    numbers.push(attempt.number());
    if attempt.number() == attempt.max_attempts() {
        return Ok(attempt.number());
    }
    Err(StepError::new(Class::Network, "reset", "the connection broke"))
}

#[tokio::test(start_paused = true)]
async fn aliases_and_step_errors_and_the_attempt() {
    let mut numbers = Vec::new();
    assert_eq!(aliased(&mut numbers).await.unwrap(), 4);
    assert_eq!(numbers, [1, 2, 3, 4]);
}

mod elsewhere {
    pub(crate) use ::resurge as renamed;
}

#[recoverable(crate = elsewhere::renamed, max_retries = 0)]
fn by_another_path() -> Recovered<(), Box<dyn std::error::Error + Send + Sync>> {
    let _: u32 = "x".parse()?;
    Ok(())
}

#[test]
fn the_crate_may_have_another_name() {
    assert!(matches!(by_another_path(), Err(RecoveryError::Exhausted { attempts: 1, .. })));
}

#[derive(Debug, PartialEq)]
struct Odd(u32);

#[recoverable(initial_delay = "1ms", classify = |odd| if odd.0 > 2 { Class::Validation } else { Class::Server })]
fn judged(asked: &AtomicU32) -> Recovered<u32, Odd> {
    Err(Odd(asked.fetch_add(1, Ordering::SeqCst) + 1))
}

#[test]
fn the_application_may_judge_its_errors() {
    let error = judged(&AtomicU32::new(0)).unwrap_err();
    assert!(
        matches!(error, RecoveryError::Failed { source: Odd(3), class: Class::Validation }),
        "{error:?}"
    );
}

macro_rules! retried {
    ($name:ident, $retries:expr, $delay:literal) => {
        #[recoverable(max_retries = $retries, initial_delay = $delay)]
        fn $name(asked: &AtomicU32) -> Recovered<u32, std::io::Error> {
            flaky(asked, u32::MAX)
        }
    };
}

retried!(by_macro, 1 + 1, "1ms");

#[test]
fn a_macro_may_write_it() {
    assert!(matches!(
        by_macro(&AtomicU32::new(0)),
        Err(RecoveryError::Exhausted { attempts: 3, .. })
    ));
}
