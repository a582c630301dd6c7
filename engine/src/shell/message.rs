//! What handles and attempts say to the driver.

use std::time::Duration;

use resurge_journal::event::ExhaustReason;
use resurge_journal::failure::Failure;
use resurge_journal::{AttemptNo, Json, RunId, State, StepIndex, StepKey, Timestamp};
use resurge_steps::Progress;
use tokio::sync::oneshot;

use crate::core::{Command, Outcome, Refusal, StartRequest};

/// Where an answer goes. Dropped without one when the journal fails.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// A look at the state: what it gives is told once everything that it saw is durable.
pub(crate) type Look = Box<dyn FnOnce(&Sight<'_>) -> Box<dyn FnOnce() + Send> + Send>;

/// What a look can see.
pub(crate) struct Sight<'a> {
    pub(crate) state: &'a State,
    pub(crate) now: Timestamp,
    pub(crate) progress: &'a dyn Fn(RunId, StepIndex) -> Option<Progress>,
}

/// What handles and attempts say to the driver.
pub(crate) enum Message {
    Start {
        request: Box<StartRequest>,
        reply: Reply<Result<RunId, Refusal>>,
    },
    /// Anything that is answered with done or refused.
    Do {
        command: Box<Command>,
        reply: Reply<Result<(), Refusal>>,
    },
    Finished {
        run: RunId,
        step: StepIndex,
        attempt: AttemptNo,
        outcome: Outcome,
    },
    /// Something that nobody waits for an answer to.
    Tell {
        command: Box<Command>,
    },
    /// The caller that makes the attempts of a run is gone.
    Detach {
        run: RunId,
    },
    Look(Look),
    Outcome {
        run: RunId,
        reply: Reply<Option<Ended>>,
    },
    Shutdown {
        grace: Duration,
        reply: Reply<()>,
    },
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    Succeeded(Json),
    Failed {
        step: StepKey,
        attempts: AttemptNo,
        failure: Option<Failure>,
    },
    Exhausted {
        reason: ExhaustReason,
        step: Option<StepKey>,
        attempts: AttemptNo,
        failure: Option<Failure>,
    },
    Cancelled {
        actor: String,
        reason: String,
    },
}
