//! The legal moves of steps and runs, as data.
//!
//! The fold asks these tables before every move; the diagram in `docs/journal-format.md` and the
//! exhaustive test are made from them.

/// The phases of a step, without what they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepPhaseKind {
    /// Something that it needs has not succeeded yet.
    Blocked,
    /// It could start.
    Ready,
    /// An attempt is under way.
    Running,
    /// The next attempt is due later.
    Waiting,
    /// The next attempt waits for something else than a time.
    Held,
    /// An attempt did its work.
    Succeeded,
    /// The last attempt failed for good.
    Failed,
    /// The run ended before the step did.
    Stopped,
}

impl StepPhaseKind {
    /// Every phase.
    pub const ALL: [Self; 8] = [
        Self::Blocked,
        Self::Ready,
        Self::Running,
        Self::Waiting,
        Self::Held,
        Self::Succeeded,
        Self::Failed,
        Self::Stopped,
    ];

    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// What can happen to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepMove {
    /// Everything that it needs has succeeded.
    Unblock,
    /// An attempt begins.
    Start,
    /// The attempt saves where it stands.
    Checkpoint,
    /// The attempt does its work.
    Succeed,
    /// The attempt fails and another is due later.
    Retry,
    /// The attempt fails and another waits for something to change.
    Park,
    /// The attempt fails for good.
    Fail,
    /// The attempt ends without a result.
    Interrupt,
    /// What it gave, or something that it builds on, is gone.
    Invalidate,
    /// The run ends before the step does.
    Stop,
    /// Breakers stand in the way of the next attempt.
    Hold,
    /// What stood in the way is gone.
    Release,
    /// The engine makes no other attempt.
    Refuse,
    /// Somebody wants another attempt.
    Again,
    /// Somebody does not want another attempt.
    GiveUp,
    /// Somebody did the work by hand.
    Skip,
    /// The run goes on although it had ended.
    Reopen,
}

impl StepMove {
    /// Every move.
    pub const ALL: [Self; 17] = [
        Self::Unblock,
        Self::Start,
        Self::Checkpoint,
        Self::Succeed,
        Self::Retry,
        Self::Park,
        Self::Fail,
        Self::Interrupt,
        Self::Invalidate,
        Self::Stop,
        Self::Hold,
        Self::Release,
        Self::Refuse,
        Self::Again,
        Self::GiveUp,
        Self::Skip,
        Self::Reopen,
    ];

    /// Where this move leads from a phase; none if it is not legal there.
    pub fn from(self, from: StepPhaseKind) -> Option<StepPhaseKind> {
        STEP_MOVES.iter().find(|(f, m, _)| (*f, *m) == (from, self)).map(|(_, _, to)| *to)
    }
}

/// The legal moves of a step: from, move, to.
pub const STEP_MOVES: &[(StepPhaseKind, StepMove, StepPhaseKind)] = {
    use StepMove as M;
    use StepPhaseKind as P;
    &[
        (P::Blocked, M::Unblock, P::Ready),
        (P::Ready, M::Start, P::Running),
        (P::Waiting, M::Start, P::Running),
        (P::Held, M::Start, P::Running),
        (P::Running, M::Checkpoint, P::Running),
        (P::Running, M::Succeed, P::Succeeded),
        (P::Running, M::Retry, P::Waiting),
        (P::Running, M::Park, P::Held),
        (P::Running, M::Fail, P::Failed),
        (P::Running, M::Interrupt, P::Ready),
        (P::Blocked, M::Invalidate, P::Blocked),
        (P::Ready, M::Invalidate, P::Blocked),
        (P::Running, M::Invalidate, P::Blocked),
        (P::Waiting, M::Invalidate, P::Blocked),
        (P::Held, M::Invalidate, P::Blocked),
        (P::Succeeded, M::Invalidate, P::Blocked),
        (P::Blocked, M::Stop, P::Stopped),
        (P::Ready, M::Stop, P::Stopped),
        (P::Running, M::Stop, P::Stopped),
        (P::Waiting, M::Stop, P::Stopped),
        (P::Held, M::Stop, P::Stopped),
        (P::Ready, M::Hold, P::Held),
        (P::Waiting, M::Hold, P::Held),
        (P::Held, M::Release, P::Ready),
        (P::Ready, M::Refuse, P::Failed),
        (P::Waiting, M::Refuse, P::Failed),
        (P::Held, M::Refuse, P::Failed),
        (P::Ready, M::Again, P::Ready),
        (P::Waiting, M::Again, P::Ready),
        (P::Held, M::Again, P::Ready),
        (P::Failed, M::Again, P::Ready),
        (P::Ready, M::GiveUp, P::Failed),
        (P::Waiting, M::GiveUp, P::Failed),
        (P::Held, M::GiveUp, P::Failed),
        (P::Ready, M::Skip, P::Succeeded),
        (P::Running, M::Skip, P::Succeeded),
        (P::Waiting, M::Skip, P::Succeeded),
        (P::Held, M::Skip, P::Succeeded),
        (P::Failed, M::Skip, P::Succeeded),
        (P::Stopped, M::Reopen, P::Blocked),
    ]
};

/// The phases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunPhaseKind {
    /// Its steps are being worked on.
    Active,
    /// It waits for a definition that fits it.
    Parked,
    /// Somebody halted it.
    Paused,
    /// Every step succeeded.
    Succeeded,
    /// A step failed for good although retries were left.
    Failed,
    /// Retries or time were used up.
    Exhausted,
    /// Somebody called it off.
    Cancelled,
}

impl RunPhaseKind {
    /// Every phase.
    pub const ALL: [Self; 7] = [
        Self::Active,
        Self::Parked,
        Self::Paused,
        Self::Succeeded,
        Self::Failed,
        Self::Exhausted,
        Self::Cancelled,
    ];
}

/// What can happen to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunMove {
    /// The last step succeeds.
    Succeed,
    /// A step fails for good.
    Fail,
    /// Retries or time run out.
    Exhaust,
    /// Somebody calls it off.
    Cancel,
    /// No registered definition fits it.
    Park,
    /// A registered definition fits it again.
    Unpark,
    /// One of its steps moves on.
    Work,
    /// One of its attempts ends or saves where it stands.
    Report,
    /// Somebody halts it.
    Pause,
    /// Somebody lets it go on.
    Resume,
    /// Somebody wants another attempt after it has ended.
    Reopen,
}

impl RunMove {
    /// Every move.
    pub const ALL: [Self; 11] = [
        Self::Succeed,
        Self::Fail,
        Self::Exhaust,
        Self::Cancel,
        Self::Park,
        Self::Unpark,
        Self::Work,
        Self::Report,
        Self::Pause,
        Self::Resume,
        Self::Reopen,
    ];

    /// Where this move leads from a phase; none if it is not legal there.
    pub fn from(self, from: RunPhaseKind) -> Option<RunPhaseKind> {
        RUN_MOVES.iter().find(|(f, m, _)| (*f, *m) == (from, self)).map(|(_, _, to)| *to)
    }
}

/// The legal moves of a run: from, move, to.
pub const RUN_MOVES: &[(RunPhaseKind, RunMove, RunPhaseKind)] = {
    use RunMove as M;
    use RunPhaseKind as P;
    &[
        (P::Active, M::Work, P::Active),
        (P::Active, M::Report, P::Active),
        (P::Paused, M::Report, P::Paused),
        (P::Active, M::Succeed, P::Succeeded),
        (P::Active, M::Fail, P::Failed),
        (P::Active, M::Exhaust, P::Exhausted),
        (P::Active, M::Cancel, P::Cancelled),
        (P::Active, M::Park, P::Parked),
        (P::Parked, M::Park, P::Parked),
        (P::Parked, M::Unpark, P::Active),
        (P::Parked, M::Exhaust, P::Exhausted),
        (P::Parked, M::Cancel, P::Cancelled),
        (P::Active, M::Pause, P::Paused),
        (P::Paused, M::Resume, P::Active),
        (P::Paused, M::Exhaust, P::Exhausted),
        (P::Paused, M::Cancel, P::Cancelled),
        (P::Failed, M::Reopen, P::Active),
        (P::Exhausted, M::Reopen, P::Active),
    ]
};
