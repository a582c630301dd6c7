//! The facts that the journal holds.

mod attempt;
mod breaker;
mod control;
mod engine;
mod kinds;
mod older;
mod run;
mod verdict;

pub use attempt::{
    Admission, AttemptFailed, AttemptInterrupted, AttemptStarted, AttemptSucceeded, Budget,
    CheckpointSaved, Ease, Health, InterruptCause, LateResultIgnored, OutputsInvalidated, Sign,
};
pub use breaker::{
    BreakerClosed, BreakerHalfOpened, BreakerMode, BreakerModeSet, BreakerOpened, BreakerWouldOpen,
    CloseCause, HalfOpenCause, OpenCause, ProbePassed, ReleaseCause, StepParked, StepRefused,
    StepReleased, WaveMark,
};
pub use control::{
    ForceRetry, LintFound, RecoveryCancelled, RetryNow, RunPaused, RunResumed, SettingsChanged,
    StepSkipped,
};
pub use engine::{
    EngineClosed, EngineOpened, JournalCreated, JournalRecovered, JournalTrimmed, RecoveryMethod,
    TailCut, TrimReason,
};
pub use kinds::Event;
pub(crate) use kinds::{BodyDecoder, BodyEncoder};
#[cfg(test)]
pub(crate) use older::OLDER;
pub use run::{
    ExhaustReason, RunCancelled, RunExhausted, RunFailed, RunParked, RunStarted, RunSucceeded,
    RunUnparked,
};
pub use verdict::{DelayParts, Verdict, VerdictKind};
