//! What handles and attempts say to the driver.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::checkpoint::{Listing, Lost};
use resurge_journal::state::{Run, Tuning};
use resurge_journal::{AttemptNo, RunId, Seq, State, StepIndex, Timestamp};
use resurge_steps::Progress;
use tokio::sync::oneshot;

use super::answer::Answer;
use super::ending::Ended;
use super::latency::Latency;
use crate::core::{Command, Core, Outcome, Refusal, StartRequest, Wanted};

/// Where an answer goes. Dropped without one when the journal fails.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// A look at the state: what it gives is told once everything that it saw is durable.
pub(crate) type Look = Box<dyn FnOnce(&Sight<'_>) -> Box<dyn Answer> + Send>;

/// A look at runs that may have left memory: the one that was asked for comes first.
pub(crate) type Find = Box<dyn FnOnce(&[Arc<Run>], &Sight<'_>) -> Box<dyn Answer> + Send>;

/// All runs at one moment.
pub(crate) struct Census {
    /// Those in memory.
    pub(crate) runs: Vec<Arc<Run>>,
    /// Those that have left it, if there are any.
    pub(crate) rest: Option<Listing>,
    pub(crate) tuning: Tuning,
    pub(crate) progress: HashMap<(RunId, StepIndex), Progress>,
}

/// What a look can see.
pub(crate) struct Sight<'a> {
    pub(crate) state: &'a State,
    pub(crate) now: Timestamp,
    pub(crate) progress: &'a dyn Fn(RunId, StepIndex) -> Option<Progress>,
    /// Whether the limit on bandwidth is for the attempt of a step.
    pub(crate) is_transfer: &'a dyn Fn(RunId, StepIndex) -> bool,
    /// How long flushes have taken so far.
    pub(crate) flushes: &'a Latency,
    /// What would decide, to be asked what it would decide.
    pub(crate) core: &'a Core,
}

/// What handles and attempts say to the driver.
pub(crate) enum Message {
    Start {
        request: Box<StartRequest>,
        reply: Reply<Result<RunId, Refusal>>,
    },
    /// Anything that is answered with the record up to which it is done, or refused.
    Do {
        command: Box<Command>,
        reply: Reply<Result<Seq, Refusal>>,
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
    /// A look at a run wherever it is.
    Find {
        wanted: Wanted,
        find: Find,
    },
    /// A look at all runs; `trouble` is what was met by whoever has read an earlier one.
    Census {
        trouble: Option<Lost>,
        reply: Reply<Census>,
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

impl Message {
    /// What must be in memory before this is taken, or can be read at least.
    pub(super) fn wants(&self) -> Option<Wanted> {
        match self {
            Self::Start { request, .. } => request.key.clone().map(Wanted::Newest),
            Self::Do { command, .. } | Self::Tell { command } => command.wants(),
            Self::Finished { run, .. } => Some(Wanted::Late(*run)),
            Self::Find { wanted, .. } => Some(wanted.clone()),
            Self::Outcome { run, .. } => Some(Wanted::Run(*run)),
            Self::Detach { .. } | Self::Look(_) | Self::Census { .. } | Self::Shutdown { .. } => {
                None
            }
        }
    }
}
