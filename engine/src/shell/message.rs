//! What handles and attempts say to the driver.

use std::time::Duration;

use resurge_journal::event::ExhaustReason;
use resurge_journal::failure::Failure;
use resurge_journal::{AttemptNo, Json, RunId, RunKey, StepIndex, StepKey};
use tokio::sync::oneshot;

use crate::core::{Outcome, Refusal, StartRequest};
use crate::handle::RunView;

/// Where an answer goes. Dropped without one when the journal fails.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What handles and attempts say to the driver.
#[derive(Debug)]
pub(crate) enum Message {
    Start {
        request: Box<StartRequest>,
        reply: Reply<Result<RunId, Refusal>>,
    },
    Cancel {
        run: RunId,
        actor: String,
        reason: String,
        reply: Reply<Result<(), Refusal>>,
    },
    Checkpoint {
        run: RunId,
        step: StepIndex,
        attempt: AttemptNo,
        checkpoint: Json,
        reply: Reply<Result<(), Refusal>>,
    },
    Finished {
        run: RunId,
        step: StepIndex,
        attempt: AttemptNo,
        outcome: Outcome,
    },
    View {
        run: RunId,
        reply: Reply<Option<RunView>>,
    },
    ViewAll {
        reply: Reply<Vec<RunView>>,
    },
    Find {
        key: RunKey,
        reply: Reply<Option<RunView>>,
    },
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
