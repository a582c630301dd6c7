//! What a lane is made of.

use crate::event::InterruptCause;
use crate::failure::Condition;
use crate::id::{AttemptNo, ResourceKey};
use crate::time::Timestamp;

/// One attempt of a step, or one wait.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// What it is.
    pub kind: SegmentKind,
    /// When it began.
    ///
    /// Never before the end of the segment before it, even if the clock was set back.
    pub from: Timestamp,
    /// When it ended; none while it goes on.
    ///
    /// An attempt whose process died ends when the next engine recorded that.
    pub to: Option<Timestamp>,
    /// What there is to say in one line of at most [`Timeline::TEXT_CHARS_MAX`] characters.
    ///
    /// [`Timeline::TEXT_CHARS_MAX`]: super::Timeline::TEXT_CHARS_MAX
    pub text: String,
}

/// What a segment is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentKind {
    /// An attempt.
    Attempt {
        /// Its number.
        number: AttemptNo,
        /// Whether it passed in spite of breakers.
        forced: bool,
        /// What became of it.
        outcome: Outcome,
        /// How far it came, if it failed and its step counts.
        reach: Option<Reach>,
    },
    /// A delay before a retry; it lasts until the attempt begins, which may be after it is due.
    Delay {
        /// Who wants it to be that long.
        by: DelayBy,
        /// When the retry is due; moves with frozen timers once the run is resumed.
        due_at: Timestamp,
    },
    /// A wait for something else than a time.
    Hold {
        /// For what.
        on: HoldOn,
        /// When a last attempt is made all the same.
        force_at: Option<Timestamp>,
    },
    /// The run is paused, or no definition fits it, while this step could go on.
    Pause,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is under way.
    Running,
    /// It did its work.
    Succeeded,
    /// It failed.
    Failed,
    /// It ended without a result.
    Interrupted(InterruptCause),
    /// What it builds on is gone, so that other steps run first.
    InputsGone,
    /// Somebody did the work by hand meanwhile.
    Skipped,
    /// It went on to an end of its own when that no longer counted.
    Late,
    /// The journal does not tell.
    Lost,
}

impl Outcome {
    /// Name in JSON, such as `interrupted`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted(_) => "interrupted",
            Self::InputsGone => "inputs_gone",
            Self::Skipped => "skipped",
            Self::Late => "late",
            Self::Lost => "lost",
        }
    }
}

/// How far a failed attempt came, in the unit of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reach {
    /// By how much it came further than any before it.
    pub gained: u64,
    /// The furthest that any attempt of the step had come by then.
    pub reached: u64,
}

/// Who decided how long a delay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DelayBy {
    /// The retry policy of the step.
    Backoff,
    /// The server, which asked for more.
    Server,
    /// The retry budget of a resource.
    Budget,
}

impl DelayBy {
    /// Name in JSON: that of the cause in an explanation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backoff => "backoff",
            Self::Server => "server_delay",
            Self::Budget => "budget",
        }
    }
}

/// What a held step waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HoldOn {
    /// Until one of these breakers lets it pass.
    Breakers(Vec<ResourceKey>),
    /// Until something has changed.
    Condition(Condition),
}

impl HoldOn {
    /// Name in JSON: that of the cause in an explanation.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Breakers(_) => "breaker",
            Self::Condition(Condition::DiskSpace { .. }) => "disk_space",
        }
    }
}

impl SegmentKind {
    /// Name in JSON, such as `delay`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Attempt { .. } => "attempt",
            Self::Delay { .. } => "delay",
            Self::Hold { .. } => "hold",
            Self::Pause => "pause",
        }
    }
}

impl Segment {
    /// What became of the attempt, if this is one.
    pub const fn outcome(&self) -> Option<Outcome> {
        match self.kind {
            SegmentKind::Attempt { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// The number of the attempt, if this is one.
    pub const fn attempt(&self) -> Option<AttemptNo> {
        match self.kind {
            SegmentKind::Attempt { number, .. } => Some(number),
            _ => None,
        }
    }

    /// Whether it goes on.
    pub const fn is_open(&self) -> bool {
        self.to.is_none()
    }
}
