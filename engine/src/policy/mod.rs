//! Policies: what the builders take, and the arithmetic behind it.

mod backoff;
mod breaker;
mod effective;
mod lint;
mod retry;

pub(crate) use backoff::{CustomDelay, Occasion, delay_parts, draw, draw_for, total};
pub use breaker::{Breaker, BreakerProblem};
pub(crate) use effective::{
    bandwidth as effective_bandwidth, breaker as effective_breaker, retry as effective_retry,
};
pub(crate) use lint::lints;
pub use lint::{Lint, LintCode};
pub use retry::{PolicyProblem, RetryPolicy};
