//! Retry policies: what the builder takes, and the arithmetic behind it.

mod backoff;
mod retry;

pub(crate) use backoff::{CustomDelay, delay_before_retry, draw};
pub use retry::{PolicyProblem, RetryPolicy};
