//! Recovery by an engine: the count, the due time and the breaker live in its journal.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use resurge_journal::event::ExhaustReason;
use resurge_journal::failure::{Class, Failure};
use resurge_journal::{ResourceKey, RunKey};
use resurge_steps::StepError;

use super::breaker::BreakerSettings;
use super::error::{Recovered, RecoveryError, SettingsProblem};
use super::judge::Rules;
use super::local::OnOpen;
use super::session::{Attempt, Ended};
use crate::handle::{Call, CallRefused, CallSpec, Calling, Engine, Ticket, Word};
use crate::policy::Breaker;
use crate::shell::Ended as RunEnded;

/// Makes the attempts of a call as the engine says.
#[derive(Debug)]
pub(super) struct JournaledDriver {
    engine: Engine,
    stage: Stage,
    timeout: Option<Duration>,
    problems: Vec<SettingsProblem>,
    /// An attempt that the engine has begun and the caller has not.
    peeked: Option<Ticket>,
    /// The attempt under way.
    ticket: Option<Ticket>,
    /// Attempts that were made.
    made: u32,
    attempt_ends: Option<Instant>,
    /// When the whole call must be over.
    ends: Option<Instant>,
}

#[derive(Debug)]
enum Stage {
    New(Box<CallSpec>),
    Calling(Calling),
    Under(Call),
    Over,
}

/// What the last attempt left in the hands of its caller.
enum Left<T, E> {
    Value(T),
    Error(E),
    Nothing,
    /// Not even an attempt was made.
    Unmade,
}

impl JournaledDriver {
    pub(super) fn new(
        engine: Engine,
        spec: CallSpec,
        timeout: Option<Duration>,
        problems: Vec<SettingsProblem>,
    ) -> Self {
        let stage = Stage::New(Box::new(spec));
        let (peeked, ticket, attempt_ends, ends) = (None, None, None, None);
        Self { engine, stage, timeout, problems, peeked, ticket, made: 0, attempt_ends, ends }
    }

    /// Whether this thread may be held while the engine works.
    pub(super) fn can_block<E>(&self) -> Result<(), RecoveryError<E>> {
        if self.engine.would_be_blocked() {
            return Err(RecoveryError::Settings { problems: vec![SettingsProblem::BlocksEngine] });
        }
        Ok(())
    }

    /// Waits until the engine has begun an attempt.
    ///
    /// # Cancel safety
    /// Safe: ask again.
    pub(super) async fn admit<E>(
        &mut self,
        clock: fn() -> Instant,
    ) -> Result<Attempt, RecoveryError<E>> {
        if !self.problems.is_empty() {
            return Err(RecoveryError::Settings { problems: self.problems.clone() });
        }
        if let Some(unsettled) = self.ticket.take() {
            unsettled.finish(Err(StepError::new(
                Class::Interrupted,
                "unsettled",
                "the caller asked for another attempt before this one was settled",
            )));
        }
        let ticket = match self.peeked.take() {
            Some(ticket) => ticket,
            None => match self.call().await?.next().await {
                Word::Go(ticket) => ticket,
                Word::Ended(ended) => {
                    let ended = self.concluded(Left::<(), E>::Unmade, *ended, clock());
                    return Err(ended.err().unwrap_or(RecoveryError::Skipped));
                }
                Word::Gone => return Err(RecoveryError::Unavailable),
            },
        };
        Ok(self.begin(ticket, clock()))
    }

    /// The call, once it is durable.
    async fn call<E>(&mut self) -> Result<&mut Call, RecoveryError<E>> {
        if let Stage::New(spec) = &self.stage {
            self.stage = Stage::Calling(self.engine.call(CallSpec::clone(spec)));
        }
        if let Stage::Calling(calling) = &mut self.stage {
            let begun = calling.begun().await;
            self.stage = Stage::Over;
            self.stage = Stage::Under(begun.map_err(refused)?);
        }
        match &mut self.stage {
            Stage::Under(call) => Ok(call),
            _ => Err(RecoveryError::Unavailable),
        }
    }

    fn begin(&mut self, ticket: Ticket, now: Instant) -> Attempt {
        let own = self.timeout.and_then(|timeout| now.checked_add(timeout));
        self.ends = ticket.left.and_then(|left| now.checked_add(left));
        self.attempt_ends = own.into_iter().chain(self.ends).min();
        self.made = ticket.attempt.get();
        let attempt = Attempt {
            number: ticket.number,
            max_attempts: ticket.max_attempts,
            deadline: self.attempt_ends,
        };
        self.ticket = Some(ticket);
        attempt
    }

    /// Whether the attempt under way should have ended.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.attempt_ends.is_some_and(|ends| now > ends)
    }

    /// Tells the engine how an attempt ended, and waits for what it says.
    pub(super) async fn settle<T, E, K>(
        &mut self,
        ended: Ended<T, E>,
        rules: &impl Rules<E, K>,
        clock: fn() -> Instant,
    ) -> ControlFlow<Recovered<T, E>> {
        let (left, report) = match ended {
            Ended::With(Ok(value)) => (Left::Value(value), Ok(())),
            Ended::With(Err(error)) => {
                let report = rules.report(&error);
                (Left::Error(error), Err(report))
            }
            Ended::TimedOut => (Left::Nothing, Err(self.timed_out())),
        };
        if let Some(ticket) = self.ticket.take() {
            ticket.finish(report);
        }
        loop {
            let Stage::Under(call) = &mut self.stage else {
                return ControlFlow::Break(Err(RecoveryError::Unavailable));
            };
            match call.next().await {
                // The journal knows the attempt as cut off, but what it gave is here.
                Word::Go(ticket) if matches!(left, Left::Value(_)) => ticket.finish(Ok(())),
                Word::Go(ticket) => {
                    self.peeked = Some(ticket);
                    return ControlFlow::Continue(());
                }
                Word::Ended(ended) => {
                    return ControlFlow::Break(self.concluded(left, *ended, clock()));
                }
                Word::Gone => return ControlFlow::Break(Err(RecoveryError::Unavailable)),
            }
        }
    }

    /// An attempt that exceeded its own limit, or that of the whole call.
    fn timed_out(&self) -> StepError {
        let message = match self.timeout {
            Some(limit) => format!("the attempt took longer than {limit:?}"),
            None => "the attempt took longer than the whole call may".to_owned(),
        };
        StepError::new(Class::Timeout, "attempt", message)
            .hint("the other side is slow to answer; allow more time if it always is")
    }

    /// What the end of the run means for the caller.
    fn concluded<T, E>(&self, left: Left<T, E>, ended: RunEnded, now: Instant) -> Recovered<T, E> {
        let (ended, attempts, failure) = match ended {
            RunEnded::Succeeded(_) => {
                return if let Left::Value(value) = left {
                    Ok(value)
                } else {
                    Err(RecoveryError::Skipped)
                };
            }
            RunEnded::Cancelled { .. } => return Err(RecoveryError::Cancelled),
            RunEnded::Failed { attempts, failure, .. } => (None, attempts, failure),
            RunEnded::Exhausted { reason, attempts, failure, .. } => {
                (Some(reason), attempts, failure)
            }
        };
        // The deadline of a run counts no attempts.
        let attempts = attempts.get().max(self.made);
        let limit = self.timeout.unwrap_or_default();
        let is_late = matches!(ended, Some(ExhaustReason::Deadline | ExhaustReason::Elapsed));
        let ran_out = self.ends.is_some_and(|ends| ends <= now);
        Err(match (left, ended) {
            (Left::Error(error), _) if is_late => {
                RecoveryError::Deadline { attempts, source: Some(error) }
            }
            _ if is_late => RecoveryError::Deadline { attempts, source: None },
            // What the deadline of the whole call cut short did not exceed its own limit.
            (Left::Nothing, Some(_)) if ran_out => {
                RecoveryError::Deadline { attempts, source: None }
            }
            (Left::Error(source), Some(_)) => RecoveryError::Exhausted { attempts, source },
            (left, None) => failed(left, attempts, limit, failure),
            (Left::Nothing, Some(_)) => RecoveryError::TimedOut { attempts, limit },
            (_, Some(_)) => RecoveryError::Recorded { failure: failure.map(Box::new) },
        })
    }
}

/// No retry could mend it, or a breaker stood in the way.
fn failed<T, E>(
    left: Left<T, E>,
    attempts: u32,
    limit: Duration,
    failure: Option<Failure>,
) -> RecoveryError<E> {
    let open = failure.as_ref().filter(|failure| failure.kind == CIRCUIT_OPEN);
    if let Some((key, remaining)) =
        open.and_then(|open| open.resource.clone().zip(open.advice.server_delay()))
    {
        return RecoveryError::CircuitOpen { key, remaining };
    }
    match left {
        Left::Error(source) => {
            let class = failure.map_or(Class::Unknown, |failure| failure.class);
            RecoveryError::Failed { source, class }
        }
        Left::Nothing => RecoveryError::TimedOut { attempts, limit },
        _ => RecoveryError::Recorded { failure: failure.map(Box::new) },
    }
}

fn refused<E>(refused: CallRefused) -> RecoveryError<E> {
    match refused {
        CallRefused::Busy(run) => RecoveryError::Busy { run },
        CallRefused::Paused(run) => RecoveryError::Paused { run },
        CallRefused::NoRoom => RecoveryError::NoRoom,
        CallRefused::Unavailable => RecoveryError::Unavailable,
    }
}

/// The breaker of a call as the engine knows it.
pub(super) fn breaker(
    key: ResourceKey,
    settings: BreakerSettings,
    timeout: Option<Duration>,
    on_open: OnOpen,
) -> Breaker {
    let BreakerSettings { threshold, rest } = settings;
    // Attempts show nothing until they end, so that a probe may take as long as any of them.
    let lease = rest.max(PROBE_LEASE_MIN).max(timeout.unwrap_or_default());
    let breaker = Breaker::keyed(key)
        .threshold(threshold.get())
        .failure_rate(0, 1, Duration::ZERO)
        .fixed(rest.max(REST_MIN))
        .probe_lease(lease);
    match on_open {
        OnOpen::Fail => breaker.fail_fast(),
        OnOpen::Wait => breaker,
    }
}

/// The key of the run of a call: its name and its key, as far as they fit.
///
/// What does not fit is told apart by a digest, which must stay the same from release to release.
pub(super) fn run_key(name: &str, key: &str) -> Option<RunKey> {
    let whole = format!("{name}:{key}");
    if let Ok(key) = RunKey::new(whole.clone()) {
        return Some(key);
    }
    let mut cut: String = String::new();
    for c in whole.chars().filter(|c| !c.is_control()) {
        if cut.len() + c.len_utf8() > KEY_BYTES_KEPT {
            break;
        }
        cut.push(c);
    }
    RunKey::new(format!("{cut}#{:032x}", digest(&whole))).ok()
}

/// FNV-1a of 128 bits.
fn digest(text: &str) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(OFFSET, |digest, byte| (digest ^ u128::from(byte)).wrapping_mul(PRIME))
}

/// Kind of the failure of a step that a breaker refuses.
const CIRCUIT_OPEN: &str = "circuit_open";
/// With the mark and the digest a run key is full.
const KEY_BYTES_KEPT: usize = 200 - 33;
/// The journal knows no breaks of no length.
const REST_MIN: Duration = Duration::from_millis(1);
/// A probe may show no sign of life for at least this long.
const PROBE_LEASE_MIN: Duration = Duration::from_secs(60);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn keys_that_do_not_fit_stay_apart_and_stay_the_same() {
        let long = "ä".repeat(300);
        let one = run_key("fetch", &format!("{long}1")).unwrap();
        let two = run_key("fetch", &format!("{long}2")).unwrap();
        assert_ne!(one, two);
        assert_eq!(run_key("fetch", &format!("{long}1")).unwrap(), one);
        assert_ne!(run_key("fetch", "a\nb"), run_key("fetch", "ab"));
        assert_eq!(run_key("fetch", "url").unwrap().as_str(), "fetch:url");
        // The published value for "a": keys in journals depend on it.
        assert_eq!(digest("a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
