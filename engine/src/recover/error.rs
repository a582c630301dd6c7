//! How a recovered call fails.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use resurge_journal::failure::{Class, Failure};
use resurge_journal::{InvalidName, ResourceKey, RunId};

use crate::policy::PolicyProblem;

/// What a recovered call gives: the value of one attempt, or why there is none.
pub type Recovered<T, E> = Result<T, RecoveryError<E>>;

/// Why a recovered call gave up.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecoveryError<E> {
    /// Every attempt failed; the last one with this error.
    Exhausted {
        /// Attempts that were made.
        attempts: u32,
        /// The last attempt's error.
        source: E,
    },
    /// Every attempt failed; the last one ran out of time, so that it left no error.
    TimedOut {
        /// Attempts that were made.
        attempts: u32,
        /// How long one attempt may take.
        limit: Duration,
    },
    /// Another attempt would fail in the same way.
    Failed {
        /// The attempt's error.
        source: E,
        /// What kind of trouble it was.
        class: Class,
    },
    /// The circuit breaker lets nothing through.
    CircuitOpen {
        /// What the breaker protects.
        key: ResourceKey,
        /// Time until it lets a probe through; zero while one is under way.
        remaining: Duration,
    },
    /// The deadline of the whole call leaves no time for another attempt.
    Deadline {
        /// Attempts that were made.
        attempts: u32,
        /// The last attempt's error, if there was an attempt and it left one.
        source: Option<E>,
    },
    /// Somebody called it off.
    Cancelled,
    /// The disk of the journal is full, and nothing new begins until it is not.
    NoRoom,
    /// The engine is gone, so that nothing can be recorded.
    Unavailable,
    /// The engine has another run under this key that has not ended, as a rule the same call.
    Busy {
        /// The run that holds the key.
        run: RunId,
    },
    /// Somebody has paused this call; it goes on once it is resumed and made again.
    Paused {
        /// The run of the call.
        run: RunId,
    },
    /// Somebody marked this call as done, so that nothing was left to do and there is no value.
    Skipped,
    /// The engine ended it, and no attempt of this process left an error; the journal knows why.
    Recorded {
        /// The last failure that the journal holds.
        failure: Option<Box<Failure>>,
    },
    /// The settings contradict themselves; no attempt was made.
    Settings {
        /// All that is wrong with them.
        problems: Vec<SettingsProblem>,
    },
}

/// What is wrong with the settings of a recovered call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsProblem {
    /// The retry policy contradicts itself.
    #[error(transparent)]
    Policy(#[from] PolicyProblem),
    /// The resource cannot be the key of a breaker.
    #[error("name the resource with 3 to 200 characters, such as `host:https/example.org:443`")]
    Resource(#[source] InvalidName),
    /// A breaker that opens before anything failed.
    #[error("let the breaker open after at least 1 failure, or do without it")]
    Threshold,
    /// No attempt can be made in no time.
    #[error("give an attempt more than no time, or no timeout")]
    Timeout,
    /// A blocking call on the only thread that its engine has.
    #[error("make the function async, or call it on another thread: it would block its engine")]
    BlocksEngine,
}

impl<E> RecoveryError<E> {
    /// The error of the last attempt, if it left one.
    pub fn into_source(self) -> Option<E> {
        match self {
            Self::Exhausted { source, .. } | Self::Failed { source, .. } => Some(source),
            Self::Deadline { source, .. } => source,
            _ => None,
        }
    }

    /// The error of the last attempt, if it left one.
    pub const fn last_error(&self) -> Option<&E> {
        match self {
            Self::Exhausted { source, .. } | Self::Failed { source, .. } => Some(source),
            Self::Deadline { source, .. } => source.as_ref(),
            _ => None,
        }
    }
}

impl<E> fmt::Display for RecoveryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted { attempts, .. } => {
                write!(f, "gave up after {}; mend the cause and call again", times(*attempts))
            }
            Self::TimedOut { attempts, limit } => write!(
                f,
                "gave up after {}, the last one longer than {limit:?}; allow more time or call again",
                times(*attempts)
            ),
            Self::Failed { class, .. } => write!(
                f,
                "not tried again, since a failure of class {} would come back; mend the cause first",
                class.name()
            ),
            Self::CircuitOpen { key, remaining } if remaining.is_zero() => {
                write!(f, "circuit breaker of {key} waits for a probe; call again shortly")
            }
            Self::CircuitOpen { key, remaining } => {
                write!(f, "circuit breaker of {key} is open; call again in {remaining:.1?}")
            }
            Self::Deadline { attempts, .. } => {
                write!(f, "out of time after {}; allow more or call again", times(*attempts))
            }
            Self::Cancelled => f.write_str("called off; call again if it is still wanted"),
            Self::NoRoom => {
                f.write_str("the disk of the journal is full; free some space and call again")
            }
            Self::Unavailable => f.write_str("the engine is gone; open it and call again"),
            Self::Busy { run } => write!(
                f,
                "run {run} has the same key and has not ended; wait for it, or use another key"
            ),
            Self::Paused { run } => {
                write!(f, "the call is paused as run {run}; resume that run and call again")
            }
            Self::Skipped => f.write_str("marked as done by somebody, so that it has no value"),
            Self::Recorded { failure: Some(failure) } => {
                write!(f, "ended by the engine: {}; look at its journal", failure.message)
            }
            Self::Recorded { failure: None } => {
                f.write_str("ended by the engine; look at its journal")
            }
            Self::Settings { problems } => {
                f.write_str("correct the recovery settings")?;
                problems.iter().try_for_each(|problem| write!(f, "; {problem}"))
            }
        }
    }
}

fn times(attempts: u32) -> String {
    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}

impl<E: Error + 'static> Error for RecoveryError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.last_error().map(|error| error as _)
    }
}
