//! Recovery of single calls: retries, timeouts and a circuit breaker around a function.
//!
//! | to | see |
//! |---|---|
//! | recover a function | [`recoverable`](crate::recoverable) |
//! | recover a closure | [`recover`], [`Recover`] |
//! | drive the loop yourself | [`Session`], [`Attempt`], [`Ended`] |
//! | read the failure | [`RecoveryError`], [`Recovered`] |
//! | judge errors | [`Classify`], [`Judgement`], [`Rules`] |
//!
//! Without an engine nothing of a call is journaled. With one ([`Recover::engine`]) its count, due
//! time and breaker survive a restart, but only its caller can make it again: what has to go on by
//! itself is a [`Workflow`](crate::Workflow).

mod breaker;
mod builder;
mod error;
#[doc(hidden)]
pub mod expansion;
mod gates;
mod journaled;
mod judge;
mod local;
mod session;

pub use builder::{Recover, recover};
pub use error::{Recovered, RecoveryError, SettingsProblem};
pub use judge::{By, ByType, Classify, Judged, Judgement, Rules, Typed};
pub use local::OnOpen;
pub use session::{Attempt, Ended, Session};
