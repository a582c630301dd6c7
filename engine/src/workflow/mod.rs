//! Step graphs: how they are wired, and what comes out of it.

mod builder;
mod definition;
mod handle;
mod problem;
mod step_builder;
mod step_fn;

pub use builder::WorkflowBuilder;
pub(crate) use definition::Definition;
pub use definition::Workflow;
pub use handle::{Inputs, StepHandle, Supplies};
pub use problem::{BuildError, BuildProblem};
pub use step_builder::{Complete, StepBuilder, Unwired, Wired};
pub use step_fn::StepFn;
