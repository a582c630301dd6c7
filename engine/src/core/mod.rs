//! The functional core: what to record, and what should be running. No I/O, no clock, no luck.

mod command;
#[expect(clippy::module_inception, reason = "the core of the core")]
mod core;
mod decide;
#[cfg(test)]
mod decide_tests;
mod plan;
mod registry;
mod rehearsal;
#[cfg(test)]
mod sim_checks;
#[cfg(test)]
mod sim_tests;
#[cfg(test)]
mod stub;
mod wants;

pub(crate) use command::{Ambient, Command, Outcome, Refusal, Seen, StartRequest};
pub use command::{BreakerControl, Control};
pub(crate) use core::{Broken, Core};
pub(crate) use decide::{Asked, CALL, run_id};
pub(crate) use plan::{Plan, Running, Spawn, Stop, Watch, plan_of, reconcile};
pub(crate) use registry::Registry;
pub(crate) use rehearsal::Rehearsed;
pub(crate) use wants::Wanted;
