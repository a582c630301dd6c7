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
//! A call is not a run: nothing of it is journaled, and only its caller can make it again. What
//! has to go on after a restart is a [`Workflow`](crate::Workflow).

mod breaker;
mod builder;
mod error;
#[doc(hidden)]
pub mod expansion;
mod gates;
mod judge;
mod local;
mod session;

pub use builder::{Recover, recover};
pub use error::{Recovered, RecoveryError, SettingsProblem};
pub use judge::{By, ByType, Classify, Judged, Judgement, Rules, Typed};
pub use local::OnOpen;
pub use session::{Attempt, Ended, Session};
