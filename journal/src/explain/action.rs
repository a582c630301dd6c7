//! What a person can do now.

use std::fmt;

use crate::event::Verdict;
use crate::explain::text::Bytes;
use crate::explain::{Cause, Explanation, GateView, StepExplanation};
use crate::failure::Failure;
use crate::id::{ResourceKey, RunId, StepKey};
use crate::manifest::StepSpec;
use crate::state::{Run, RunPhase, RunStatus, State, Step, StepPhase};

/// Something that a person can do now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Do what the failure suggests.
    Heed {
        /// The step that failed.
        step: StepKey,
        /// What to do.
        hint: String,
    },
    /// Make room on a drive.
    FreeSpace {
        /// A folder or file on that drive.
        path: String,
        /// Bytes that must be free.
        bytes: u64,
    },
    /// Let a breaker that somebody holds open work by itself again.
    EndIsolation {
        /// Whose.
        key: ResourceKey,
    },
    /// Let a paused run go on.
    Resume,
    /// Register a workflow that fits the run.
    Register,
    /// Try now instead of later.
    RetryNow {
        /// The steps that are tried.
        steps: Vec<StepKey>,
        /// Whether the run has ended and goes on.
        reopens: bool,
    },
    /// Try now whatever class and breaker say.
    ForceRetry {
        /// The steps that are tried.
        steps: Vec<StepKey>,
        /// Whether the run has ended and goes on.
        reopens: bool,
    },
    /// Do the work of a step by hand.
    Skip {
        /// The step.
        step: StepKey,
    },
    /// Halt the run.
    Pause,
    /// Make no more retries.
    CancelRecovery {
        /// The steps that are given up.
        steps: Vec<StepKey>,
    },
    /// Call the run off.
    Cancel,
    /// Start another run, since this one cannot go on.
    StartAgain {
        /// An open run that holds the key.
        holder: Option<RunId>,
    },
}

impl Action {
    /// Name of the action in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Heed { .. } => "heed",
            Self::FreeSpace { .. } => "free_space",
            Self::EndIsolation { .. } => "end_isolation",
            Self::Resume => "resume",
            Self::Register => "register",
            Self::RetryNow { .. } => "retry_now",
            Self::ForceRetry { .. } => "force_retry",
            Self::Skip { .. } => "skip",
            Self::Pause => "pause",
            Self::CancelRecovery { .. } => "cancel_recovery",
            Self::Cancel => "cancel",
            Self::StartAgain { .. } => "start_again",
        }
    }

    /// Whether it sees to what is wrong, wherever the run stands.
    const fn is_for_the_cause(&self) -> bool {
        matches!(self, Self::Heed { .. } | Self::FreeSpace { .. } | Self::EndIsolation { .. })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heed { step, hint } => write!(f, "see to step `{step}`: {hint}"),
            Self::FreeSpace { path, bytes } => write!(
                f,
                "free space: make {} free at {path}; the step goes on by itself then",
                Bytes(*bytes)
            ),
            Self::EndIsolation { key } => write!(
                f,
                "end the isolation of {key}: its breaker lets steps through again, in waves"
            ),
            Self::Resume => f.write_str("resume: the run goes on where it stands"),
            Self::Register => {
                f.write_str("register a workflow that fits: the run goes on by itself then")
            }
            Self::RetryNow { steps, reopens: false } => write!(
                f,
                "retry now: tries {} at once; behind a breaker it becomes the next probe; the \
                 retries that are left stay the same",
                List(steps)
            ),
            Self::RetryNow { steps, reopens: true } => {
                write!(f, "retry now: the run goes on{}, with all retries", With(steps))
            }
            Self::ForceRetry { steps, .. } => write!(
                f,
                "force retry: tries {} at once, whatever class and breaker say, and gives all \
                 retries back; what was wrong may be wrong still",
                List(steps)
            ),
            Self::Skip { step } => write!(
                f,
                "skip step `{step}`: you give its output, and the steps after it go on with that"
            ),
            Self::Pause => f.write_str("pause: nothing starts until it is resumed"),
            Self::CancelRecovery { steps } if steps.is_empty() => {
                f.write_str("cancel recovery: the attempt under way is the last one")
            }
            Self::CancelRecovery { steps } => write!(
                f,
                "cancel recovery: gives {} up now, so that the run fails; it can be retried later",
                List(steps)
            ),
            Self::Cancel => f.write_str("cancel: calls the run off for good"),
            Self::StartAgain { holder: None } => {
                f.write_str("start it again: this run cannot go on")
            }
            Self::StartAgain { holder: Some(run) } => write!(
                f,
                "see run {run}: it has the key now, and this run cannot go on before it has ended"
            ),
        }
    }
}

impl Explanation {
    /// What it is once it is known that another open run holds the key of this one.
    ///
    /// For whoever explains runs by a state that may hold one of the two without the other: a run
    /// that has failed or was exhausted cannot go on then. Others are left as they are.
    #[must_use]
    pub fn with_holder(mut self, holder: RunId) -> Self {
        let can_go_on = matches!(self.status, RunStatus::Failed | RunStatus::Exhausted);
        if can_go_on && holder != self.run {
            self.actions.retain(Action::is_for_the_cause);
            self.actions.push(Action::StartAgain { holder: Some(holder) });
        }
        self
    }
}

/// Steps in a sentence.
struct List<'a>(&'a [StepKey]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("its steps"),
            [only] => write!(f, "step `{only}`"),
            [first, rest @ ..] => {
                write!(f, "steps `{first}`")?;
                rest.iter().try_for_each(|step| write!(f, ", `{step}`"))
            }
        }
    }
}

/// Steps behind a verb, if there are any.
struct With<'a>(&'a [StepKey]);

impl fmt::Display for With<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " with {}", List(self.0)) }
    }
}

/// What a person can do for a run, the mildest first.
pub(super) fn actions(state: &State, run: &Run, steps: &[StepExplanation]) -> Vec<Action> {
    let mut actions = heed(run, steps);
    match &run.phase {
        RunPhase::Active => active(run, steps, &mut actions),
        RunPhase::Paused { .. } => actions.extend([Action::Resume, Action::Cancel]),
        // What it waits for is in its reason: the caller, who makes the same call again.
        RunPhase::Parked { .. } if is_call(run) => actions.push(Action::Cancel),
        RunPhase::Parked { .. } => actions.extend([Action::Register, Action::Cancel]),
        RunPhase::Failed { .. } | RunPhase::Exhausted { .. } => ended(state, run, &mut actions),
        RunPhase::Cancelled { .. } => actions.push(Action::StartAgain { holder: None }),
        RunPhase::Succeeded => {}
    }
    actions
}

/// Whether the attempts of a run are made by whoever called a recovered function.
fn is_call(run: &Run) -> bool {
    let manifest = &run.started.manifest;
    let is_made = |step: &StepSpec| step.kind == CALL;
    manifest.workflow.as_str() == CALL && manifest.steps.iter().all(is_made)
}

/// Name of the workflow and the kind of every call.
const CALL: &str = "call";

/// What failures and causes name themselves.
fn heed(run: &Run, steps: &[StepExplanation]) -> Vec<Action> {
    let mut actions: Vec<Action> = Vec::new();
    let wants_help = !matches!(run.phase, RunPhase::Succeeded | RunPhase::Cancelled { .. });
    for step in steps.iter().filter(|_| wants_help) {
        let action = match (&step.cause, &step.hint) {
            (Cause::DiskSpace { path, bytes, .. }, _) => {
                Action::FreeSpace { path: path.clone(), bytes: *bytes }
            }
            (Cause::Breaker { key, gate: GateView::Isolated { .. }, .. }, _) => {
                Action::EndIsolation { key: key.clone() }
            }
            (_, Some(hint)) => Action::Heed { step: step.step.clone(), hint: hint.clone() },
            _ => continue,
        };
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
    actions
}

fn active(run: &Run, steps: &[StepExplanation], actions: &mut Vec<Action>) {
    let keys = |wanted: fn(&Step) -> bool| keys(run, wanted);
    // A step that somebody's hand holds back does not pass by being in a hurry.
    let is_isolated =
        |cause: &Cause| matches!(cause, Cause::Breaker { gate: GateView::Isolated { .. }, .. });
    let stuck = |key: &StepKey| steps.iter().any(|s| &s.step == key && is_isolated(&s.cause));
    let waiting =
        keys(|step| matches!(step.phase, StepPhase::Waiting { .. } | StepPhase::Held { .. }));
    let hurried: Vec<StepKey> = waiting.iter().filter(|key| !stuck(key)).cloned().collect();
    if !hurried.is_empty() {
        actions.push(Action::RetryNow { steps: hurried, reopens: false });
    }
    if !waiting.is_empty() {
        actions.push(Action::ForceRetry { steps: waiting.clone(), reopens: false });
        actions.extend(waiting.into_iter().map(|step| Action::Skip { step }));
    }
    actions.push(Action::Pause);
    let gives_up = keys(|step| match step.phase {
        StepPhase::Waiting { .. } | StepPhase::Held { .. } => true,
        StepPhase::Ready => step.last_failure.is_some(),
        _ => false,
    });
    let is_last = !keys(|step| step.running().is_some() && step.last_failure.is_some()).is_empty();
    if !run.recovery_cancelled && (is_last || !gives_up.is_empty()) {
        actions.push(Action::CancelRecovery { steps: gives_up });
    }
    actions.push(Action::Cancel);
}

/// A run that has failed or was exhausted can go on, unless another holds its key.
fn ended(state: &State, run: &Run, actions: &mut Vec<Action>) {
    let holder = run.started.key.as_ref().and_then(|key| state.run_by_key(key));
    if let Some(holder) = holder.filter(|holder| holder.id != run.id && !holder.phase.is_final()) {
        actions.push(Action::StartAgain { holder: Some(holder.id) });
        return;
    }
    let failed = keys(run, |step| matches!(step.phase, StepPhase::Failed { .. }));
    if keys(run, is_vetoed).is_empty() {
        actions.push(Action::RetryNow { steps: failed.clone(), reopens: true });
    }
    actions.push(Action::ForceRetry { steps: failed.clone(), reopens: true });
    actions.extend(failed.into_iter().map(|step| Action::Skip { step }));
}

/// Whether its last failure says that another attempt would fail in the same way.
fn is_vetoed(step: &Step) -> bool {
    matches!(step.phase, StepPhase::Failed { verdict } if verdict != Verdict::Exhausted)
        && !step.last_failure.as_ref().is_none_or(Failure::is_retryable)
}

fn keys(run: &Run, wanted: impl Fn(&Step) -> bool) -> Vec<StepKey> {
    let steps = run.steps().filter(|(_, _, step)| wanted(step));
    steps.map(|(_, spec, _)| spec.key.clone()).collect()
}
