//! What the journal says about one step of a run.

use serde::{Deserialize, Serialize};

use crate::event::{Admission, DelayParts, ExhaustReason, InterruptCause, Verdict};
use crate::failure::{Condition, Failure};
use crate::id::{AttemptNo, Epoch, ResourceKey, Seq};
use crate::json::Json;
use crate::state::transitions::StepPhaseKind;
use crate::time::Timestamp;

/// What the journal says about one step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Where the step stands.
    pub phase: StepPhase,
    /// The record that brought it there; effects wait until that record is durable.
    pub since: Seq,
    /// When that was.
    pub since_at: Timestamp,
    /// Attempts begun so far.
    pub attempts: AttemptNo,
    /// Failures in a row that count against the step.
    pub charged: u32,
    /// Failures of one rule in a row, whether they count or not.
    pub streak: u32,
    /// When the first attempt since the last progress began.
    pub trying_since: Option<Timestamp>,
    /// The delay before the next attempt as it was drawn, in milliseconds.
    pub last_delay_ms: Option<u64>,
    /// How that delay came about.
    pub last_parts: Option<DelayParts>,
    /// How long servers have made the step wait since its last progress, in milliseconds.
    pub server_waited_ms: u64,
    /// Times in a row that the process died in an attempt that saved nothing new.
    pub crashes: u32,
    /// How much of these crashes is put down to this step, in sixtieths of a crash.
    ///
    /// A crash is shared by all attempts under way that had saved nothing.
    pub blame: u32,
    /// Whether the next attempt passes whatever class and breaker say.
    pub forced: bool,
    /// Whether somebody asked for the next attempt.
    pub hurried: bool,
    /// The furthest that a failed attempt has come, in the step's own unit.
    pub reached: u64,
    /// Times in a row that the step found its inputs gone.
    pub lost_inputs: u32,
    /// The last failure; cleared by success.
    pub last_failure: Option<Failure>,
    /// What ran out, if the last failure left nothing.
    pub exhausted_by: Option<ExhaustReason>,
    /// What interrupted the last attempt, if it was interrupted.
    pub last_interrupt: Option<InterruptCause>,
    /// Where an attempt can go on.
    pub checkpoint: Option<Json>,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StepPhase {
    /// Something that it needs has not succeeded yet.
    Blocked,
    /// It could start.
    Ready,
    /// An attempt is under way.
    Running {
        /// Which attempt.
        attempt: AttemptNo,
        /// The engine that runs it.
        epoch: Epoch,
        /// When it began.
        started_at: Timestamp,
        /// The breakers that let it pass.
        admission: Vec<Admission>,
        /// Whether it passed in spite of breakers.
        forced: bool,
        /// Whether it has saved a checkpoint that says something new.
        has_saved: bool,
        /// Its longest duration, in milliseconds.
        timeout_ms: Option<u64>,
    },
    /// The next attempt is due later.
    Waiting {
        /// When the next attempt is due.
        due_at: Timestamp,
    },
    /// The next attempt waits for something else than a time.
    Held {
        /// For what.
        on: Hold,
        /// When a last attempt is made all the same.
        force_at: Option<Timestamp>,
    },
    /// An attempt did its work.
    Succeeded {
        /// What it gave.
        output: Json,
    },
    /// The last attempt failed for good.
    Failed {
        /// What the last attempt came to.
        verdict: Verdict,
    },
    /// The run ended before the step did.
    Stopped,
}

/// What a held step waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Hold {
    /// Until one of these breakers lets it pass.
    Breakers {
        /// The breakers.
        keys: Vec<ResourceKey>,
        /// Its place in the queue for probes: those with a smaller one come first.
        rank: Timestamp,
    },
    /// Until something has changed.
    Condition(#[serde(with = "as_advice")] Condition),
}

/// A condition as it stands in records: within the advice that names it.
mod as_advice {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::failure::{Advice, Condition};

    pub(super) fn serialize<S: Serializer>(on: &Condition, to: S) -> Result<S::Ok, S::Error> {
        Advice::WhenReady(on.clone()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Condition, D::Error> {
        match Advice::deserialize(from)? {
            Advice::WhenReady(on) => Ok(on),
            _ => Err(D::Error::custom("a step is held by a condition")),
        }
    }
}

impl Step {
    pub(crate) const fn new(phase: StepPhase, since: Seq, since_at: Timestamp) -> Self {
        Self {
            phase,
            since,
            since_at,
            attempts: AttemptNo::NONE,
            charged: 0,
            streak: 0,
            trying_since: None,
            last_delay_ms: None,
            last_parts: None,
            server_waited_ms: 0,
            crashes: 0,
            blame: 0,
            forced: false,
            hurried: false,
            reached: 0,
            lost_inputs: 0,
            last_failure: None,
            exhausted_by: None,
            last_interrupt: None,
            checkpoint: None,
        }
    }

    /// What the step gave, once it has succeeded.
    pub const fn output(&self) -> Option<&Json> {
        match &self.phase {
            StepPhase::Succeeded { output } => Some(output),
            _ => None,
        }
    }

    /// Whether so many crashes are put down to this step alone.
    pub const fn is_to_blame_for(&self, crashes: u32) -> bool {
        self.blame >= crashes.saturating_mul(Self::BLAME)
    }

    /// The blame for one crash.
    pub(crate) const BLAME: u32 = 60;

    /// Begins with all its retries and all its time, because somebody wants it to go on.
    pub(crate) const fn begin_anew(&mut self) {
        self.charged = 0;
        self.streak = 0;
        self.server_waited_ms = 0;
        self.crashes = 0;
        self.blame = 0;
        self.trying_since = None;
    }

    /// Begins with a clean slate, because its work is done.
    pub(crate) fn forget_failures(&mut self) {
        self.charged = 0;
        self.streak = 0;
        self.trying_since = None;
        self.last_delay_ms = None;
        self.last_parts = None;
        self.lost_inputs = 0;
        self.crashes = 0;
        self.blame = 0;
        self.last_failure = None;
        self.exhausted_by = None;
        self.checkpoint = None;
    }

    /// The breakers that let the attempt under way pass.
    pub fn admission(&self) -> &[Admission] {
        match &self.phase {
            StepPhase::Running { admission, .. } => admission,
            _ => &[],
        }
    }

    /// The rule of the last failure.
    pub fn last_rule(&self) -> Option<&str> {
        self.last_failure.as_ref().map(|failure| failure.rule.as_str())
    }

    /// The attempt that is under way.
    pub const fn running(&self) -> Option<AttemptNo> {
        match self.phase {
            StepPhase::Running { attempt, .. } => Some(attempt),
            _ => None,
        }
    }
}

impl StepPhase {
    /// The phase without what it carries.
    pub const fn kind(&self) -> StepPhaseKind {
        match self {
            Self::Blocked => StepPhaseKind::Blocked,
            Self::Ready => StepPhaseKind::Ready,
            Self::Running { .. } => StepPhaseKind::Running,
            Self::Waiting { .. } => StepPhaseKind::Waiting,
            Self::Held { .. } => StepPhaseKind::Held,
            Self::Succeeded { .. } => StepPhaseKind::Succeeded,
            Self::Failed { .. } => StepPhaseKind::Failed,
            Self::Stopped => StepPhaseKind::Stopped,
        }
    }
}
