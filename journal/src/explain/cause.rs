//! The causes.

use std::time::Duration;

use crate::event::{BreakerMode, DelayParts, Ease, ExhaustReason, OpenCause, Verdict};
use crate::explain::Action;
use crate::id::{AttemptNo, ResourceKey, RunId, RunKey, StepKey, WorkflowName};
use crate::state::RunStatus;
use crate::time::Timestamp;

/// Why a run stands where it stands at one moment.
///
/// [`Display`](std::fmt::Display) tells it in lines for people, which may change at any time;
/// [`to_json`](Self::to_json) is stable.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The run.
    pub run: RunId,
    /// The caller's name for it.
    pub key: Option<RunKey>,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// The version of its workflow.
    pub version: u32,
    /// Its status as people see it.
    pub status: RunStatus,
    /// The moment that is spoken of.
    pub now: Timestamp,
    /// When it is given up, if it has a deadline that still counts.
    pub deadline_at: Option<Timestamp>,
    /// The one thing that it waits for.
    pub cause: Cause,
    /// The step that waits for it, if it is not the run as a whole.
    pub step: Option<StepKey>,
    /// Every step that is not done.
    pub steps: Vec<StepExplanation>,
    /// What a person can do now, the mildest first.
    pub actions: Vec<Action>,
}

/// Why a step stands where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct StepExplanation {
    /// The step.
    pub step: StepKey,
    /// Its behaviour.
    pub kind: String,
    /// The one thing that it waits for.
    pub cause: Cause,
    /// What happened last, if it failed: class, kind and message.
    pub failure: Option<String>,
    /// What a person can do about that.
    pub hint: Option<String>,
    /// How the delay before the next attempt came about, line by line.
    pub arithmetic: Vec<String>,
    /// What else stands in the way, or is worth knowing.
    pub notes: Vec<String>,
}

/// The one thing that a step or a run waits for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// Other steps have to succeed first.
    Blocked {
        /// Those of them that have not.
        by: Vec<StepKey>,
    },
    /// It starts as soon as an engine has room for it.
    Ready {
        /// A while in which less is done at the same time.
        eased: Option<Ease>,
    },
    /// An attempt is under way.
    Running {
        /// Which.
        attempt: AttemptNo,
        /// Since when.
        since: Timestamp,
        /// Its longest duration.
        timeout: Option<Duration>,
        /// Whether it passes in spite of breakers.
        forced: bool,
    },
    /// The delay of the policy before the next attempt.
    Backoff(Wait),
    /// The server asked for a longer delay.
    ServerDelay(Wait),
    /// The retries of all that need a resource come faster than its budget pays for.
    Budget(Wait),
    /// A breaker does not let it pass.
    Breaker {
        /// Whose.
        key: ResourceKey,
        /// Where the breaker stands.
        gate: GateView,
        /// Its place in the queue, from 1, and the length of the queue.
        ///
        /// None if it has no place there, or if nobody looked for it.
        position: Option<(usize, usize)>,
        /// When a last attempt is made all the same.
        force_at: Option<Timestamp>,
    },
    /// Space on a drive.
    DiskSpace {
        /// A folder or file on that drive.
        path: String,
        /// Bytes that must be free.
        bytes: u64,
        /// When a last attempt is made all the same.
        force_at: Option<Timestamp>,
    },
    /// Something that this release does not know.
    Unknown,
    /// Somebody halted the run.
    Paused {
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// Since when.
        since: Timestamp,
        /// Whether its timers stand still.
        frozen: bool,
    },
    /// No registered workflow fits the run.
    Parked {
        /// What does not fit.
        reason: String,
    },
    /// It failed for good.
    GivenUp {
        /// What the last attempt came to, if it was an attempt that ended it.
        verdict: Option<Verdict>,
        /// What ran out.
        exhausted_by: Option<ExhaustReason>,
        /// Whether somebody did not want any more retries, although one would have been made.
        by_request: bool,
    },
    /// Its run was called off.
    Cancelled {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The run ended before the step did.
    Stopped,
    /// All is done, or the engine only has to write that down.
    Done,
}

/// A wait for a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// When it ends.
    pub due_at: Timestamp,
    /// How long that is from now; zero if it is overdue.
    pub remaining: Duration,
    /// The retry that follows, from 1.
    pub retry: u32,
    /// Retries that the policy allows in a row.
    pub retries_max: u32,
    /// What the last failure spoke of.
    pub resource: Option<ResourceKey>,
    /// How the delay came about.
    pub parts: Option<DelayParts>,
}

/// Where a breaker stands at one moment.
#[derive(Debug, Clone, PartialEq)]
pub enum GateView {
    /// Nothing passes until the break is over.
    Open {
        /// When that is.
        until: Timestamp,
        /// How long that is from now; zero if it is over.
        remaining: Duration,
        /// Why it opened.
        cause: OpenCause,
        /// Trips in a row.
        trips: u32,
    },
    /// One probe at a time passes.
    HalfOpen {
        /// The probe under way.
        probe: Option<ProbeView>,
        /// Probes that passed.
        passed: u32,
        /// Probes that must pass.
        needed: u32,
    },
    /// Somebody holds it open.
    Isolated {
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// When that ends by itself.
        until: Option<Timestamp>,
    },
    /// It lets steps pass again, in waves.
    Closed {
        /// When the next wave is due.
        next_wave_at: Option<Timestamp>,
    },
    /// Somebody set it to let everything pass.
    LetsPass {
        /// Its mode.
        mode: BreakerMode,
    },
}

/// A probe under way.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeView {
    /// Its run.
    pub run: RunId,
    /// Its step.
    pub step: StepKey,
    /// When it counts as failed without a sign of life.
    pub lease_until: Timestamp,
}

impl Cause {
    /// Name of the cause in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Blocked { .. } => "blocked",
            Self::Ready { .. } => "ready",
            Self::Running { .. } => "running",
            Self::Backoff(_) => "backoff",
            Self::ServerDelay(_) => "server_delay",
            Self::Budget(_) => "budget",
            Self::Breaker { .. } => "breaker",
            Self::DiskSpace { .. } => "disk_space",
            Self::Unknown => "unknown",
            Self::Paused { .. } => "paused",
            Self::Parked { .. } => "parked",
            Self::GivenUp { .. } => "given_up",
            Self::Cancelled { .. } => "cancelled",
            Self::Stopped => "stopped",
            Self::Done => "done",
        }
    }

    /// The wait, if it waits for a time.
    pub const fn wait(&self) -> Option<&Wait> {
        match self {
            Self::Backoff(wait) | Self::ServerDelay(wait) | Self::Budget(wait) => Some(wait),
            _ => None,
        }
    }
}
