//! The facts that the journal holds.

mod attempt;
mod engine;
mod kinds;
mod run;
mod verdict;

pub use attempt::{
    AttemptFailed, AttemptInterrupted, AttemptStarted, AttemptSucceeded, CheckpointSaved,
    InterruptCause, LateResultIgnored, OutputsInvalidated,
};
pub use engine::{EngineClosed, EngineOpened, JournalCreated};
pub use kinds::Event;
pub(crate) use kinds::{BodyDecoder, BodyEncoder};
pub use run::{
    ExhaustReason, RunCancelled, RunExhausted, RunFailed, RunParked, RunStarted, RunSucceeded,
    RunUnparked,
};
pub use verdict::{Verdict, VerdictKind};
