//! What the records of a journal add up to.

mod apply;
mod breaker;
mod residence;
mod run;
mod stats;
mod step;
#[cfg(test)]
pub(crate) mod tests;
mod transitions;
mod trimmed;
mod tuning;
mod world;

pub use apply::IllegalTransition;
pub use breaker::{Breaker, Gate, Probe, Sample, SetMode, Wave};
pub use residence::Rest;
pub(crate) use residence::{Global, Left};
pub use run::{Run, RunPhase, RunStatus};
pub use stats::{ClassStats, ResourceStats, Stats};
pub use step::{Hold, Step, StepPhase};
pub use transitions::{RUN_MOVES, RunMove, RunPhaseKind, STEP_MOVES, StepMove, StepPhaseKind};
pub use trimmed::Standing;
pub(crate) use trimmed::{Trimmed, is_gone};
pub use tuning::Tuning;
pub use world::State;
