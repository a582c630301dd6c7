//! One recovered call under way: admit, attempt, settle, and again.

use std::future::Future;
use std::ops::ControlFlow;
use std::time::Instant;

use super::error::{Recovered, RecoveryError};
use super::journaled::JournaledDriver;
use super::judge::Rules;
use super::local::LocalDriver;
use crate::shell::{block_on, real_now, steady_now, within};

/// One recovered call under way, driven by hand.
///
/// What [`Recover::run`](super::Recover::run) and the attribute
/// [`recoverable`](crate::recoverable) do inside: ask for leave with [`admit`](Self::admit), make
/// the attempt within its [`limit`](Attempt::limit), hand the result to [`settle`](Self::settle),
/// until that says that the call is over. A session that is dropped calls its attempt off; the
/// breaker then forgets the attempt.
///
/// ```
/// use std::ops::ControlFlow;
/// use resurge::recover::{Recovered, recover};
///
/// async fn read(path: &str) -> Recovered<String, std::io::Error> {
///     let mut session = recover("read").begin();
///     loop {
///         let attempt = session.admit().await?;
///         let result = attempt.limit(async { std::fs::read_to_string(path) }).await;
///         if let ControlFlow::Break(end) = session.settle(result).await {
///             return end;
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Session<C> {
    rules: C,
    driver: Driver,
}

/// Who keeps count and decides.
#[derive(Debug)]
enum Driver {
    /// In the caller's task, in memory.
    Local(Box<LocalDriver>),
    /// By an engine, in its journal.
    Journaled(Box<JournaledDriver>),
}

/// Leave for one attempt, and what the attempt should know.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Attempt {
    pub(super) number: u32,
    pub(super) max_attempts: u32,
    pub(super) deadline: Option<Instant>,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Ended<T, E> {
    /// It gave a value or an error.
    With(Result<T, E>),
    /// It was still running at its deadline.
    TimedOut,
}

impl Attempt {
    /// Counts the attempts of this call from 1.
    ///
    /// A probe for an open breaker that the call waits for is free: the number stays.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Most attempts of this call: the retries, and the first attempt.
    pub const fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// When the attempt must have ended, if there is a limit.
    ///
    /// Blocking work has to look at it from time to time: nobody can end it from outside.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Runs the attempt until it ends or its time is over.
    ///
    /// # Cancel safety
    /// As that of `work`, which is dropped at the deadline.
    pub async fn limit<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> Ended<T, E> {
        let Some(deadline) = self.deadline else { return Ended::With(work.await) };
        let left = deadline.saturating_duration_since(steady_now());
        within(left, work).await.map_or(Ended::TimedOut, Ended::With)
    }
}

impl<C> Session<C> {
    pub(super) fn local(rules: C, driver: LocalDriver) -> Self {
        Self { rules, driver: Driver::Local(Box::new(driver)) }
    }

    pub(super) fn journaled(rules: C, driver: JournaledDriver) -> Self {
        Self { rules, driver: Driver::Journaled(Box::new(driver)) }
    }

    /// Waits until the next attempt may be made.
    ///
    /// # Errors
    /// [`RecoveryError::CircuitOpen`], unless the call waits for the breaker;
    /// [`RecoveryError::Deadline`] if time runs out before; [`RecoveryError::Settings`]; with an
    /// engine also [`RecoveryError::Busy`], [`RecoveryError::Paused`],
    /// [`RecoveryError::NoRoom`], [`RecoveryError::Cancelled`] and [`RecoveryError::Unavailable`].
    ///
    /// # Cancel safety
    /// Nothing is lost: call it again.
    pub async fn admit<E>(&mut self) -> Result<Attempt, RecoveryError<E>> {
        match &mut self.driver {
            Driver::Local(local) => local.admit().await,
            Driver::Journaled(journaled) => journaled.admit(steady_now).await,
        }
    }

    /// Like [`admit`](Self::admit), but waits on this thread and needs no runtime.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn admit_blocking<E>(&mut self) -> Result<Attempt, RecoveryError<E>> {
        match &mut self.driver {
            Driver::Local(local) => local.admit_blocking(),
            Driver::Journaled(journaled) => {
                journaled.can_block()?;
                block_on(journaled.admit(real_now))
            }
        }
    }

    /// Takes the result of an attempt; breaks with the result of the call if it is over.
    ///
    /// With an engine this waits until the next attempt may be made.
    ///
    /// # Durability
    /// With an engine, what it says is durable.
    ///
    /// # Cancel safety
    /// A call that is dropped here counts as called off.
    pub async fn settle<T, E, K>(&mut self, ended: Ended<T, E>) -> ControlFlow<Recovered<T, E>>
    where
        C: Rules<E, K>,
    {
        match &mut self.driver {
            Driver::Local(local) => local.settle(ended, &self.rules, steady_now()),
            Driver::Journaled(journaled) => journaled.settle(ended, &self.rules, steady_now).await,
        }
    }

    /// Like [`settle`](Self::settle), for an attempt that ran on this thread.
    ///
    /// An attempt that overran its deadline has timed out, whatever it gave.
    pub fn settle_blocking<T, E, K>(&mut self, result: Result<T, E>) -> ControlFlow<Recovered<T, E>>
    where
        C: Rules<E, K>,
    {
        let now = real_now();
        match &mut self.driver {
            Driver::Local(local) => {
                let ended =
                    if local.is_overdue(now) { Ended::TimedOut } else { Ended::With(result) };
                local.settle(ended, &self.rules, now)
            }
            Driver::Journaled(journaled) => {
                let ended =
                    if journaled.is_overdue(now) { Ended::TimedOut } else { Ended::With(result) };
                block_on(journaled.settle(ended, &self.rules, real_now))
            }
        }
    }
}
