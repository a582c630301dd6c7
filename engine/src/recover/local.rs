//! Recovery in the caller's task: the count and the due time live and die with the call.

use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use resurge_journal::{AttemptNo, RunId, StepKey};
use uuid::Uuid;

use super::breaker::Outcome;
use super::error::{Recovered, RecoveryError, SettingsProblem};
use super::gates::{Gate, Held};
use super::judge::{Judgement, Rules};
use super::session::{Attempt, Ended};
use crate::policy::{Occasion, RetryPolicy, delay_parts, draw, total};
use crate::shell::{block_for, real_now, sleep, steady_now};

/// Longest delay that a server can ask for.
const SERVER_DELAY_MAX: Duration = Duration::from_secs(15 * 60);

/// What a call does while the breaker is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOpen {
    /// It fails at once with [`RecoveryError::CircuitOpen`].
    #[default]
    Fail,
    /// It waits, which costs no attempt, and a failed probe costs none either.
    ///
    /// While the outage lasts, only a deadline ends such a call.
    Wait,
}

/// All that a call goes by.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) policy: RetryPolicy,
    pub(super) timeout: Option<Duration>,
    /// Most time for the whole call.
    pub(super) within: Option<Duration>,
    pub(super) gate: Option<Arc<Gate>>,
    pub(super) on_open: OnOpen,
    /// What the jitter of this call is drawn from.
    pub(super) luck: u128,
    pub(super) problems: Vec<SettingsProblem>,
}

#[derive(Debug)]
pub(super) struct LocalDriver {
    plan: Plan,
    /// Attempts that were made.
    made: u32,
    /// Attempts that count against the retries.
    charged: u32,
    /// Before which the next attempt must not begin.
    due: Option<Instant>,
    /// When the whole call must be over.
    ends: Option<Instant>,
    /// The deadline of the attempt under way.
    attempt_ends: Option<Instant>,
    held: Option<Held>,
    /// The delay before the attempt under way.
    last_delay: Option<Duration>,
}

impl LocalDriver {
    pub(super) const fn new(plan: Plan) -> Self {
        Self {
            plan,
            made: 0,
            charged: 0,
            due: None,
            ends: None,
            attempt_ends: None,
            held: None,
            last_delay: None,
        }
    }

    pub(super) async fn admit<E>(&mut self) -> Result<Attempt, RecoveryError<E>> {
        self.begin(steady_now())?;
        if let Some(due) = self.due {
            sleep(due.saturating_duration_since(steady_now())).await;
        }
        self.held = match &self.plan.gate {
            None => None,
            Some(gate) if self.plan.on_open == OnOpen::Fail => Some(admit(gate, steady_now())?),
            Some(gate) => Some(gate.admitted(self.ends).await.ok_or_else(|| self.late())?),
        };
        Ok(self.attempt(steady_now()))
    }

    pub(super) fn admit_blocking<E>(&mut self) -> Result<Attempt, RecoveryError<E>> {
        self.begin(real_now())?;
        if let Some(due) = self.due {
            block_for(due.saturating_duration_since(real_now()));
        }
        self.held = match &self.plan.gate {
            None => None,
            Some(gate) if self.plan.on_open == OnOpen::Fail => Some(admit(gate, real_now())?),
            Some(gate) => Some(gate.admitted_blocking(self.ends).ok_or_else(|| self.late())?),
        };
        Ok(self.attempt(real_now()))
    }

    /// Whether the attempt under way should have ended.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.attempt_ends.is_some_and(|ends| now > ends)
    }

    /// Decides what follows from the end of an attempt.
    pub(super) fn settle<T, E, K>(
        &mut self,
        ended: Ended<T, E>,
        rules: &impl Rules<E, K>,
        now: Instant,
    ) -> ControlFlow<Recovered<T, E>> {
        let (source, judgement) = match ended {
            Ended::With(Ok(value)) => {
                self.report(Outcome::Alive, now);
                return ControlFlow::Break(Ok(value));
            }
            Ended::With(Err(error)) => {
                let judgement = rules.judge(&error);
                (Some(error), judgement)
            }
            Ended::TimedOut => (None, Judgement::TIMED_OUT),
        };
        match self.next(source, judgement, now) {
            Some(error) => ControlFlow::Break(Err(error)),
            None => ControlFlow::Continue(()),
        }
    }

    /// Books a failure and plans the next attempt; says why if there is none.
    ///
    /// An attempt that ran out of time has no `source`.
    fn next<E>(
        &mut self,
        source: Option<E>,
        judgement: Judgement,
        now: Instant,
    ) -> Option<RecoveryError<E>> {
        let is_free = self.book(judgement, now);
        let attempts = self.made;
        let is_last = self.charged > self.plan.policy.spec.max_retries;
        let delay = if is_free { Duration::ZERO } else { self.delay(judgement) };
        self.last_delay = Some(delay);
        self.due = now.checked_add(delay);
        let is_late = |ends| self.due.is_none_or(|due| due >= ends);
        match source {
            Some(source) if !judgement.is_retryable() => {
                return Some(RecoveryError::Failed { source, class: judgement.class() });
            }
            Some(source) if is_last => return Some(RecoveryError::Exhausted { attempts, source }),
            // What the deadline of the whole call cut short did not exceed its own limit.
            None if is_last && self.ends.is_none_or(|ends| now < ends) => {
                let limit = self.plan.timeout.unwrap_or_default();
                return Some(RecoveryError::TimedOut { attempts, limit });
            }
            source if self.ends.is_some_and(is_late) => {
                return Some(RecoveryError::Deadline { attempts, source });
            }
            _ => {}
        }
        tracing::debug!(class = judgement.class().name(), attempts, ?delay, "attempt failed");
        let gate = self.plan.gate.as_ref().filter(|_| self.plan.on_open == OnOpen::Fail)?;
        let remaining = gate.blocked(now)?;
        Some(RecoveryError::CircuitOpen { key: gate.key().clone(), remaining })
    }

    /// Counts a failed attempt; returns whether it was free of charge.
    fn book(&mut self, judgement: Judgement, now: Instant) -> bool {
        let of_function = self.plan.gate.as_ref().is_none_or(|gate| gate.key().kind() == "fn");
        let outcome = judgement.outcome(of_function);
        let was_probe = self.held.as_ref().is_some_and(Held::is_probe);
        self.report(outcome, now);
        // A probe that found the outage going on, which this call is ready to sit out.
        let is_free = was_probe && outcome == Outcome::Failure && self.plan.on_open == OnOpen::Wait;
        self.charged = self.charged.saturating_add(u32::from(!is_free));
        is_free
    }

    fn report(&mut self, outcome: Outcome, now: Instant) {
        if let Some(held) = self.held.take() {
            held.settle(outcome, now);
        }
    }

    /// The one place that asks the arithmetic of the policy.
    fn delay(&self, judgement: Judgement) -> Duration {
        let retry = NonZeroU32::new(self.charged).unwrap_or(NonZeroU32::MIN);
        let run = RunId::new(Uuid::from_u128(self.plan.luck));
        let step = StepKey::new("recover").expect("a slug");
        let draw = draw(run, &step, AttemptNo::new(self.made));
        let RetryPolicy { spec, custom } = &self.plan.policy;
        let occasion = Occasion {
            retry,
            draw,
            previous: self.last_delay,
            stretch: 1,
            server: judgement.after(),
            server_max: SERVER_DELAY_MAX,
            at_once: false,
            budget: Duration::ZERO,
        };
        total(&delay_parts(spec, custom.as_ref(), &occasion))
    }

    /// What comes before any attempt: the settings are sound, and the time of the call runs.
    fn begin<E>(&mut self, now: Instant) -> Result<(), RecoveryError<E>> {
        if !self.plan.problems.is_empty() {
            return Err(RecoveryError::Settings { problems: self.plan.problems.clone() });
        }
        // An attempt that was not settled was called off.
        self.held = None;
        self.ends = self.ends.or_else(|| now.checked_add(self.plan.within?));
        Ok(())
    }

    fn attempt(&mut self, now: Instant) -> Attempt {
        self.made = self.made.saturating_add(1);
        let own = self.plan.timeout.and_then(|timeout| now.checked_add(timeout));
        let deadline = own.into_iter().chain(self.ends).min();
        self.attempt_ends = deadline;
        let max_attempts = self.plan.policy.spec.max_retries.saturating_add(1);
        Attempt { number: self.charged.saturating_add(1), max_attempts, deadline }
    }

    /// Time ran out while the call waited for the breaker.
    const fn late<E>(&self) -> RecoveryError<E> {
        RecoveryError::Deadline { attempts: self.made, source: None }
    }
}

fn admit<E>(gate: &Arc<Gate>, now: Instant) -> Result<Held, RecoveryError<E>> {
    gate.admit(now).map_err(|refusal| RecoveryError::CircuitOpen {
        key: gate.key().clone(),
        remaining: refusal.remaining,
    })
}
