//! Policies as data, so that a run can pin those it was started with.

mod breaker;
mod retry;

pub use breaker::{BreakerSpec, OnOpen};
pub use retry::{ClassRule, Curve, Jitter, RetrySpec};
