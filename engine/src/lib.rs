//! Resurge: a durable workflow engine that lives inside your process.
//!
//! Multi-step operations are step graphs. Every attempt, failure classification and delay is an
//! event in a journal, which is replayed on restart, so that work goes on exactly where it
//! stopped.

mod core;
mod handle;
mod policy;
mod settings;
mod shell;
mod workflow;

pub use handle::{
    ControlError, Engine, EngineBuilder, EventStream, EventsError, OpenError, RunError, RunHandle,
    RunView, StartError, StartRun, StepView, Unavailable,
};
pub use policy::{PolicyProblem, RetryPolicy};
pub use settings::Settings;
pub use shell::{Clock, SystemClock};
pub use workflow::{
    BuildError, BuildProblem, Complete, Inputs, StepBuilder, StepFn, StepHandle, Supplies, Unwired,
    Wired, Workflow, WorkflowBuilder,
};

pub use resurge_journal as journal;
pub use resurge_journal::failure::{Class, Failure, Group};
pub use resurge_journal::policy::Jitter;
pub use resurge_journal::state::{RunStatus, StepPhaseKind as StepStatus};
pub use resurge_journal::{RunId, RunKey, Seq, StepKey, Timestamp};
pub use resurge_steps as steps;
pub use resurge_steps::{Advice, Payload, Progress, Step, StepContext, StepError, StopReason};

/// The example of the README compiles.
#[cfg(all(doctest, feature = "sled"))]
#[doc = include_str!("../../README.md")]
struct Readme;
