//! The functional core: what to record, and what should be running. No I/O, no clock, no luck.

mod command;
#[expect(clippy::module_inception, reason = "the core of the core")]
mod core;
mod decide;
mod plan;
mod registry;
#[cfg(test)]
mod sim_tests;

pub(crate) use command::{Ambient, Command, Outcome, Refusal, StartRequest};
pub(crate) use core::{Broken, Core};
pub(crate) use plan::{Plan, Running, Spawn, Stop, reconcile};
pub(crate) use registry::Registry;
