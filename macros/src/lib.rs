//! The attribute `recoverable` of Resurge; use it as `resurge::recoverable`.
//!
//! | file | what it does |
//! |---|---|
//! | `options` | the grammar of the attribute |
//! | `value`, `duration` | literals |
//! | `shape` | which functions can be recovered |
//! | `rewrite` | all of it, or all that is wrong |
//! | `expand` | the new body |

mod duration;
mod expand;
mod options;
mod problems;
mod rewrite;
mod shape;
mod value;

use proc_macro::TokenStream;

/// Tries a function again when it fails, with growing delays and a circuit breaker.
///
/// The function returns `Recovered<T, E>`, which is `Result<T, RecoveryError<E>>`; its body is a
/// block of type `Result<T, E>`, in which `?` and `return` work as ever. Functions and methods,
/// sync and async, with generics and borrowed arguments; in an `async_trait` too. Where several
/// attributes rewrite the body, put this one first.
///
/// ```
/// use resurge::{Recovered, recoverable};
///
/// #[recoverable(max_retries = 3, initial_delay = "10ms", timeout = "30s")]
/// async fn length(path: &str) -> Recovered<usize, std::io::Error> {
///     let text = std::fs::read_to_string(path)?;
///     Ok(text.len())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// assert!(length("Cargo.toml").await? > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// | parameter | default | meaning |
/// |---|---|---|
/// | `max_retries = 3` | 3 ¹ | retries after the first attempt; 0 means one attempt |
/// | `initial_delay = "1s"` | 1 s ¹ | delay before the first retry |
/// | `backoff_factor = 2.0` | 2 ¹ | growth of the delay from retry to retry |
/// | `max_delay = "60s"` | 60 s ¹, or the first delay if that is longer | longest delay |
/// | `strategy = EXPR` | none ¹ | a `RetryPolicy` in place of the three delay options |
/// | `timeout = "30s"` | none ¹ | most time for one attempt |
/// | `deadline = "5m"` | none | most time for the whole call, its waits included |
/// | `circuit_breaker_threshold = 5` | 5 ¹ | failures in a row that open the breaker |
/// | `circuit_breaker_timeout = "300s"` | 300 s ¹ | how long it stays open before a probe |
/// | `circuit_breaker(threshold = 5, timeout = "300s")` | | the same in one |
/// | `circuit_breaker = false` | on ¹ | no breaker |
/// | `resource = EXPR` | `fn:` and the function's path | what the breaker protects; calls that name the same share it |
/// | `on_open = "fail"` | `"fail"` ¹ | `"wait"` waits until the breaker closes, at no cost in attempts |
/// | `classify = EXPR` | by type ² | `fn(&E)` to a `Class`, `StepError` or `Judgement` |
/// | `key = EXPR` | none | tells calls of one function apart: the same key draws the same jitter, and with an engine is the same call |
/// | `engine = EXPR`, `persistence = EXPR` | none ¹ | a `&Engine` that keeps the state of the call |
/// | `clone(a, b)` | none | arguments that the body consumes, cloned for each attempt |
/// | `attempt = NAME` | none | a name for the `Attempt`: its number, most attempts, deadline |
/// | `crate = PATH` | `::resurge` | where Resurge is found |
///
/// ¹ The recovery decorator that Resurge follows. ² `E` is a `std::error::Error`, a `StepError`, or
/// `Box<dyn Error + Send + Sync>`.
///
/// Durations are texts such as `"500ms"`, `"1.5s"`, `"5m"` and `"1h"`, numbers of seconds, or
/// expressions of type `Duration`. Expressions are evaluated once a call, before the first attempt,
/// and see the arguments.
///
/// # Blocking functions
/// They wait on their thread, with or without a runtime. Nobody can end a blocking attempt from
/// outside: look at the `deadline()` of the `attempt`. One that overran has timed out, whatever it
/// gave.
///
/// # Breaker
/// Failures that the resource is to blame for open it: network, timeout, server, and throttling
/// without a delay; for a function (`fn:`) those that no rule knows, too. A complete refusal, such
/// as a 403 or 404, proves the resource alive.
///
/// # Engine
/// With `engine` the call is a run of the workflow `call`: its attempts, delays, failures and
/// breaker are events in the journal, and people can pause, hurry or cancel it. With a `key` too it
/// goes on after a restart when it is made again: with its count, its due time, and the policy and
/// deadline that it began with. Without one it is cancelled when its caller is gone. A call that has
/// ended begins anew. Attempts that were dropped cost no retry.
///
/// Some rules are those of the engine: a delay that a server asks for costs no retry, nor does a
/// failed probe, and recovery ends after 24 hours unless the `strategy` says otherwise. A blocking
/// function must not be called on the only thread of its engine.
///
/// # Durability
/// None without an engine: attempts are counted in memory, and breakers live as long as the
/// process. With an engine each attempt is durable before it begins, and success before the caller
/// sees it; a process that dies between the two makes the attempt again.
///
/// # Cancel safety
/// A future that is dropped drops its attempt; the breaker forgets that attempt.
#[proc_macro_attribute]
pub fn recoverable(options: TokenStream, item: TokenStream) -> TokenStream {
    rewrite::rewrite(options.into(), &item.into()).into()
}
