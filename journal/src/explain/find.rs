//! What a run waits for, read from the state.

use crate::dump::of_failure;
use crate::event::{BreakerMode, Verdict};
use crate::explain::action::actions;
use crate::explain::delay::{self, Decider};
use crate::explain::text::gate_note;
use crate::explain::{Cause, Explanation, GateView, ProbeView, StepExplanation, Wait};
use crate::failure::{Condition, Failure};
use crate::id::{ResourceKey, RunId, StepIndex, StepKey};
use crate::manifest::StepSpec;
use crate::state::{Breaker, Gate, Hold, Run, RunPhase, State, Step, StepPhase};
use crate::time::Timestamp;

/// Why a run stands where it stands at a moment, and what a person can do then.
///
/// Needs no engine: the records say it all, but for whether an engine runs. None if there is no
/// such run.
///
/// Looks at the whole queue of every breaker that holds a step of the run. Whoever explains many
/// runs takes [`explain_unplaced`].
pub fn explain(state: &State, run: RunId, now: Timestamp) -> Option<Explanation> {
    let look = Look { state, run: state.run(run)?, now, tells_places: true };
    Some(look.explanation())
}

/// The same without the place of a step in the queue of its breaker.
///
/// [`Cause::Breaker`] has no `position` then; what this costs does not grow with the queue. The
/// state need not hold the run, as it is with one that has left memory. Nor need it hold whoever
/// has the key of the run: see [`Explanation::with_holder`].
pub fn explain_unplaced(state: &State, run: &Run, now: Timestamp) -> Explanation {
    Look { state, run, now, tells_places: false }.explanation()
}

/// A run at a moment.
struct Look<'a> {
    state: &'a State,
    run: &'a Run,
    now: Timestamp,
    /// Whether to look for the place of a step in a queue.
    tells_places: bool,
}

impl Look<'_> {
    fn explanation(&self) -> Explanation {
        let Self { state, run, now, .. } = *self;
        let steps: Vec<StepExplanation> = run
            .steps()
            .filter(|(_, _, step)| step.output().is_none())
            .map(|(index, spec, step)| self.step(index, spec, step))
            .collect();
        let (cause, step) = self.run(&steps);
        Explanation {
            run: run.id,
            key: run.started.key.clone(),
            workflow: run.started.manifest.workflow.clone(),
            version: run.started.manifest.version,
            status: run.status(),
            now,
            deadline_at: run.deadline_at.filter(|_| !run.phase.is_final()),
            cause,
            step,
            actions: actions(state, run, &steps),
            steps,
        }
    }

    /// What the run as a whole waits for, and the step that waits for it.
    fn run(&self, steps: &[StepExplanation]) -> (Cause, Option<StepKey>) {
        match &self.run.phase {
            RunPhase::Active => {
                let most = steps.iter().min_by_key(|step| urgency(&step.cause));
                most.map_or((Cause::Done, None), |step| {
                    (step.cause.clone(), Some(step.step.clone()))
                })
            }
            RunPhase::Parked { .. } | RunPhase::Paused { .. } => (self.halt(), None),
            RunPhase::Succeeded => (Cause::Done, None),
            RunPhase::Failed { step } => (self.given_up(Some(step)), Some(step.clone())),
            RunPhase::Exhausted { reason, step } => {
                let mut cause = self.given_up(step.as_ref());
                if let Cause::GivenUp { exhausted_by, .. } = &mut cause {
                    *exhausted_by = Some(*reason);
                }
                (cause, step.clone())
            }
            RunPhase::Cancelled { actor, reason } => {
                (Cause::Cancelled { by: actor.clone(), reason: reason.clone() }, None)
            }
        }
    }

    /// What halts the whole run, if something does.
    fn halt(&self) -> Cause {
        match &self.run.phase {
            RunPhase::Parked { reason } => Cause::Parked { reason: reason.clone() },
            RunPhase::Paused { actor, reason, at, freezes_timers } => Cause::Paused {
                by: actor.clone(),
                reason: reason.clone(),
                since: *at,
                frozen: *freezes_timers,
            },
            _ => Cause::Done,
        }
    }

    fn given_up(&self, key: Option<&StepKey>) -> Cause {
        let step = key.and_then(|key| self.run.step_by_key(key)).map(|(_, step)| step);
        match step.map(|step| (step, &step.phase)) {
            Some((step, StepPhase::Failed { verdict })) => self.failed(step, *verdict),
            _ => Cause::GivenUp { verdict: None, exhausted_by: None, by_request: false },
        }
    }

    fn failed(&self, step: &Step, verdict: Verdict) -> Cause {
        let would_go_on = step.last_failure.as_ref().is_some_and(Failure::is_retryable);
        // No attempt ended a step that does not wait for breakers: the next one may well succeed.
        let was_refused = verdict == Verdict::NotRetryable
            && step.last_failure.as_ref().is_some_and(|failure| failure.kind == "circuit_open");
        Cause::GivenUp {
            verdict: Some(verdict).filter(|_| !was_refused),
            exhausted_by: step.exhausted_by.filter(|_| verdict == Verdict::Exhausted),
            by_request: self.run.recovery_cancelled
                && verdict == Verdict::NotRetryable
                && would_go_on,
        }
    }

    fn step(&self, index: StepIndex, spec: &StepSpec, step: &Step) -> StepExplanation {
        let cause = self.cause(index, spec, step);
        let failure = step.last_failure.as_ref();
        let parts = cause.wait().and_then(|wait| wait.parts.map(|parts| (parts, wait.retry)));
        StepExplanation {
            step: spec.key.clone(),
            kind: spec.kind.clone(),
            failure: failure.map(of_failure),
            hint: failure.and_then(|failure| failure.hint.clone()),
            arithmetic: parts
                .map(|(parts, retry)| delay::words(&parts, &spec.retry, retry))
                .unwrap_or_default(),
            notes: self.notes(&cause, step),
            cause,
        }
    }

    /// The one thing that a step waits for.
    fn cause(&self, index: StepIndex, spec: &StepSpec, step: &Step) -> Cause {
        let is_halted = matches!(self.run.phase, RunPhase::Paused { .. } | RunPhase::Parked { .. });
        match &step.phase {
            StepPhase::Blocked => Cause::Blocked { by: self.missing(spec) },
            StepPhase::Running { attempt, started_at, forced, timeout_ms, .. } => Cause::Running {
                attempt: *attempt,
                since: *started_at,
                timeout: timeout_ms.map(std::time::Duration::from_millis),
                forced: *forced,
            },
            StepPhase::Failed { verdict } => self.failed(step, *verdict),
            StepPhase::Stopped => Cause::Stopped,
            StepPhase::Succeeded { .. } => Cause::Done,
            _ if is_halted => self.halt(),
            StepPhase::Ready => {
                Cause::Ready { eased: self.state.ease().filter(|ease| ease.until > self.now) }
            }
            StepPhase::Waiting { due_at } => self.waiting(spec, step, *due_at),
            StepPhase::Held { on: Hold::Breakers { keys, .. }, force_at } => {
                self.held(index, keys, *force_at)
            }
            StepPhase::Held { on: Hold::Condition(condition), force_at } => match condition {
                Condition::DiskSpace { path, bytes } => {
                    Cause::DiskSpace { path: path.clone(), bytes: *bytes, force_at: *force_at }
                }
            },
        }
    }

    /// Needs of a step that have not succeeded, each once.
    fn missing(&self, spec: &StepSpec) -> Vec<StepKey> {
        let mut missing = Vec::new();
        for need in spec.needs() {
            let is_done = self.run.step(need).is_some_and(|step| step.output().is_some());
            let known = self.run.started.manifest.step(need).map(|need| need.key.clone());
            if let Some(key) = known.filter(|key| !is_done && !missing.contains(key)) {
                missing.push(key);
            }
        }
        missing
    }

    fn waiting(&self, spec: &StepSpec, step: &Step, due_at: Timestamp) -> Cause {
        let wait = Wait {
            due_at,
            remaining: due_at.since(self.now),
            retry: step.charged.max(1),
            retries_max: self.state.tuning().max_retries.unwrap_or(spec.retry.max_retries),
            resource: step.last_failure.as_ref().and_then(|failure| failure.resource.clone()),
            parts: step.last_parts,
        };
        match step.last_parts.as_ref().map_or(Decider::Policy, delay::decider) {
            Decider::Policy => Cause::Backoff(wait),
            Decider::Server => Cause::ServerDelay(wait),
            Decider::Budget => Cause::Budget(wait),
        }
    }

    /// The breaker that keeps a step the longest, as far as one can tell.
    fn held(&self, index: StepIndex, keys: &[ResourceKey], force_at: Option<Timestamp>) -> Cause {
        let gates = keys.iter().filter_map(|key| {
            let gate = self.gate(self.state.breaker(key)?);
            Some((key, gate))
        });
        let Some((key, gate)) = gates.max_by_key(|(_, gate)| tightness(gate)) else {
            return Cause::Unknown;
        };
        let position = self.tells_places.then(|| self.position(key, index)).flatten();
        Cause::Breaker { key: key.clone(), gate, position, force_at }
    }

    /// The place of a step among all that wait behind a breaker, and how many these are.
    fn position(&self, key: &ResourceKey, index: StepIndex) -> Option<(usize, usize)> {
        let queue: Vec<(RunId, StepIndex)> = self.state.held_by(key).collect();
        let place = queue.iter().position(|place| *place == (self.run.id, index))?;
        Some((place + 1, queue.len()))
    }

    /// Where a breaker stands now.
    fn gate(&self, breaker: &Breaker) -> GateView {
        let mode = breaker.mode_at(self.now);
        match (&breaker.gate, mode, &breaker.mode) {
            (_, BreakerMode::Isolated, Some(set)) => GateView::Isolated {
                by: set.actor.clone(),
                reason: set.reason.clone(),
                until: set.until,
            },
            (_, BreakerMode::Disabled | BreakerMode::Shadow, _) => GateView::LetsPass { mode },
            (Gate::Open { until, cause, .. }, _, _) => GateView::Open {
                until: *until,
                remaining: until.since(self.now),
                cause: *cause,
                trips: breaker.trips,
            },
            (Gate::HalfOpen { probe, passed, needed, .. }, _, _) => {
                let probe = probe.and_then(|probe| {
                    let run = self.state.run(probe.run)?;
                    let step = run.started.manifest.step(probe.step)?.key.clone();
                    Some(ProbeView { run: probe.run, step, lease_until: probe.lease_until })
                });
                GateView::HalfOpen { probe, passed: *passed, needed: *needed }
            }
            (Gate::Closed, _, _) => {
                GateView::Closed { next_wave_at: breaker.wave.map(|wave| wave.next_at) }
            }
        }
    }

    /// What else stands in the way, or is worth knowing.
    fn notes(&self, cause: &Cause, step: &Step) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(wait) = cause.wait()
            && let Some(key) = &wait.resource
            && let Some(breaker) = self.state.breaker(key)
        {
            notes.extend(gate_note(key, &self.gate(breaker), wait.due_at));
        }
        let halted = matches!(cause, Cause::Paused { .. } | Cause::Parked { .. });
        if let StepPhase::Waiting { due_at } = step.phase
            && halted
        {
            notes.push(format!("its next attempt was due at {due_at}"));
        }
        if step.hurried && matches!(cause, Cause::Ready { .. } | Cause::Breaker { .. }) {
            notes.push("somebody asked for its next attempt".to_owned());
        }
        if step.crashes > 0 {
            let times = step.crashes;
            notes.push(format!(
                "the process died in its last {times} attempts that saved nothing new"
            ));
        }
        notes
    }
}

/// Which cause speaks for the run: what happens now, then what happens soonest.
fn urgency(cause: &Cause) -> (u8, Timestamp) {
    let none = Timestamp::default();
    match cause {
        Cause::Running { since, .. } => (0, *since),
        Cause::Ready { .. } => (1, none),
        Cause::Backoff(wait) | Cause::ServerDelay(wait) | Cause::Budget(wait) => (2, wait.due_at),
        Cause::Breaker { force_at, .. } => {
            (3, force_at.unwrap_or(Timestamp::from_millis(i64::MAX)))
        }
        Cause::DiskSpace { .. } | Cause::Unknown => (4, none),
        Cause::GivenUp { .. } => (5, none),
        _ => (6, none),
    }
}

/// Which of several breakers keeps a step the longest.
fn tightness(gate: &GateView) -> (u8, Timestamp) {
    let none = Timestamp::default();
    match gate {
        GateView::Isolated { until, .. } => (3, until.unwrap_or(Timestamp::from_millis(i64::MAX))),
        GateView::Open { until, .. } => (2, *until),
        GateView::HalfOpen { .. } => (1, none),
        GateView::Closed { .. } | GateView::LetsPass { .. } => (0, none),
    }
}
