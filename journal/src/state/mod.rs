//! What the records of a journal add up to.

mod apply;
mod run;
mod step;
#[cfg(test)]
mod tests;
mod transitions;
mod world;

pub use apply::IllegalTransition;
pub use run::{Run, RunPhase, RunStatus};
pub use step::{Step, StepPhase};
pub use transitions::{RUN_MOVES, RunMove, RunPhaseKind, STEP_MOVES, StepMove, StepPhaseKind};
pub use world::State;
