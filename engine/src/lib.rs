//! Resurge: a durable workflow engine that lives inside your process.
//!
//! Multi-step operations are step graphs. Every attempt, failure classification and delay is an
//! event in a journal, which is replayed on restart, so that work goes on exactly where it
//! stopped.
//!
//! ```
//! use resurge::{Engine, StepContext, Workflow};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let mut flow = Workflow::builder::<u32>("answer");
//! let n = flow.input();
//! let doubled = flow.step_fn("double", n, |_: StepContext, n| async move { Ok(n * 2) }).add();
//! let flow = flow.build(doubled)?;
//!
//! let engine = Engine::in_memory().register(&flow).start().await?;
//! let run = engine.start(&flow, 21).key("deep-thought").await?;
//! assert_eq!(run.outcome().await?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | see |
//! |---|---|
//! | define a workflow | [`Workflow`], [`WorkflowBuilder`], [`Step`], [`StepContext`], [`RetryPolicy`] |
//! | run it | [`Engine`], [`EngineBuilder`], [`RunHandle`], [`RunView`], [`Settings`] |
//! | say what happens when it fails | [`RetryPolicy`], [`Breaker`], [`BreakerSpec`], [`steps::classify`] |
//! | steer it | [`Control`], [`Engine::control_all`], [`BreakerControl`], [`Engine::tune`], [`Engine::preview`] |
//! | watch it | [`Engine::events`], [`Engine::views`], [`Engine::history`], [`Engine::explain`], [`Engine::stats`], [`Engine::breakers`], [`Engine::journal`] |
//! | retry one function | [`recoverable`], [`recover`], [`RecoveryError`] |
//! | try a policy out | [`lab`] |
//! | use what is there | [`steps`] |
//!
//! A [`Workflow`] is a definition, a run one execution of it; a step makes attempts; an event
//! becomes a record when it has its place in the journal.
//!
//! Runs go on in any tokio runtime with a timer; the engine starts none, installs no signal
//! handler and no global logger.

mod core;
mod handle;
pub mod lab;
mod policy;
pub mod recover;
mod settings;
mod shell;
mod workflow;

pub use self::core::{BreakerControl, Control};
pub use handle::{
    BreakerError, BreakerState, BreakerView, ControlError, Effect, Engine, EngineBuilder,
    EventStream, EventsError, JournalView, OpenError, RunError, RunFilter, RunHandle, RunView,
    SeenRun, SettingError, Sighting, StartError, StartRun, StepView, Unavailable, UnderWay,
};
pub use policy::{Breaker, BreakerProblem, Lint, LintCode, PolicyProblem, RetryPolicy};
pub use recover::{Recovered, RecoveryError};
pub use settings::Settings;
pub use shell::{Clock, Latency, SystemClock};
pub use workflow::{
    BuildError, BuildProblem, Complete, Inputs, StepBuilder, StepFn, StepHandle, Supplies, Unwired,
    Wired, Workflow, WorkflowBuilder,
};

pub use resurge_journal as journal;
pub use resurge_journal::failure::{Class, Failure, Group};
pub use resurge_journal::policy::{BreakerSpec, Jitter};
pub use resurge_journal::state::{RunStatus, StepPhaseKind as StepStatus};
pub use resurge_journal::{Json, ResourceKey, RunId, RunKey, Seq, StepKey, Timestamp};
pub use resurge_macros::recoverable;
pub use resurge_steps as steps;
pub use resurge_steps::{Needs, Payload, Progress, Step, StepContext, StepError, StopReason};

/// The example of the README compiles.
#[cfg(all(doctest, feature = "sled"))]
#[doc = include_str!("../../README.md")]
struct Readme;
