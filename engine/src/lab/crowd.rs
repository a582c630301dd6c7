//! Open runs and one decision at a time, for measuring what a decision costs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::event::Event;
use resurge_journal::failure::{Class, Failure};
use resurge_journal::policy::Jitter;
use resurge_journal::{AttemptNo, Record, ResourceKey, RunId, State, StepIndex, Timestamp};
use resurge_steps::Progress;

use super::flow::{request, workflow};
use super::luck::Luck;
use super::policy::Policy;
use super::scenario::host;
use super::simulation::LabError;
use crate::core::{Ambient, Command, Core, Outcome, Registry, Seen};
use crate::policy::{Breaker, RetryPolicy};
use crate::settings::Settings;
use crate::workflow::Definition;

/// Open runs and one decision at a time, for measuring what a decision costs.
///
/// ```
/// use resurge::lab::Crowd;
///
/// let mut crowd = Crowd::waiting(100, 4)?;
/// assert_eq!(crowd.open_runs(), 100);
/// assert_eq!(crowd.begin()?.len(), 1); // an attempt starts
/// assert_eq!(crowd.fail()?.len(), 1); // it fails, and is to be tried again
/// # Ok::<(), resurge::lab::LabError>(())
/// ```
pub struct Crowd {
    core: Core,
    definition: Arc<Definition>,
    luck: Luck,
    now: Timestamp,
    /// Attempts under way, and what they need.
    flying: Vec<(RunId, AttemptNo, ResourceKey)>,
    /// Whether attempts fail after they moved something, so that breakers stay closed.
    moves_bytes: bool,
}

impl Crowd {
    /// Runs at so many hosts, each of which waits for its next retry.
    ///
    /// All attempts fail at once; no breaker opens.
    ///
    /// # Errors
    /// [`LabError::Defect`] if the engine contradicts itself.
    pub fn waiting(runs: u32, hosts: u32) -> Result<Self, LabError> {
        let breaker = Breaker::per_host().threshold(u32::MAX).failure_rate(0, 1, APART);
        let mut crowd = Self::new(breaker, APART * runs, usize::MAX, false)?;
        for number in 0..runs {
            crowd.now = crowd.now.after(APART);
            crowd.start(number % hosts.max(1))?;
            crowd.fail()?;
        }
        Ok(crowd)
    }

    /// Runs that wait behind one open breaker, and one at another host that waits for its retry.
    ///
    /// # Errors
    /// [`LabError::Defect`] if the engine contradicts itself.
    pub fn parked(runs: u32) -> Result<Self, LabError> {
        let breaker = Breaker::per_host().threshold(1).fixed(AGES);
        let mut crowd = Self::new(breaker, APART, usize::MAX, false)?;
        crowd.start(0)?;
        crowd.fail()?;
        for _ in 1..runs {
            crowd.start(0)?;
        }
        crowd.moves_bytes = true;
        // The first of them waits behind the breaker when its delay is over.
        crowd.begin()?;
        crowd.start(1)?;
        crowd.fail()?;
        Ok(crowd)
    }

    /// Runs that are ready while one attempt is under way, whose failure opens their breaker.
    ///
    /// The next [`fail`](Self::fail) parks them all. They need one of so many known hosts.
    ///
    /// # Errors
    /// [`LabError::Defect`] if the engine contradicts itself.
    pub fn ready(runs: u32, hosts: u32) -> Result<Self, LabError> {
        let breaker = Breaker::per_host().threshold(1).fixed(AGES);
        let mut crowd = Self::new(breaker, AGES, 1, true)?;
        for number in 1..hosts {
            crowd.start(number)?;
            crowd.fail()?;
        }
        crowd.now = crowd.now.after(APART);
        crowd.moves_bytes = false;
        for _ in 0..=runs {
            crowd.start(0)?;
        }
        Ok(crowd)
    }

    fn new(
        breaker: Breaker,
        delay: Duration,
        in_flight_max: usize,
        moves_bytes: bool,
    ) -> Result<Self, LabError> {
        let retry =
            RetryPolicy::fixed(delay).max_retries(u32::MAX).no_max_elapsed().jitter(Jitter::None);
        let settings = Settings { attempts_in_flight_max: in_flight_max, ..Settings::default() };
        let definition =
            workflow(&Policy { retry, breaker, settings: settings.clone() })?.definition;
        let mut registry = Registry::default();
        registry.insert(&definition);
        let core = Core::new(State::new(), Arc::new(registry), settings);
        let now = Timestamp::from_millis(1_700_000_000_000);
        let (luck, flying) = (Luck::new(1), Vec::new());
        let mut crowd = Self { core, definition, luck, now, flying, moves_bytes };
        crowd.decide(Command::Recover { boot: None, pid: 1 })?;
        Ok(crowd)
    }

    /// Runs that have not ended.
    pub fn open_runs(&self) -> usize {
        self.core.state().open_runs().count()
    }

    /// Attempts under way.
    pub const fn under_way(&self) -> usize {
        self.flying.len()
    }

    /// The next moment at which something is due, and what the engine decides then.
    ///
    /// # Errors
    /// [`LabError::Defect`] if the engine contradicts itself.
    pub fn begin(&mut self) -> Result<Vec<Record>, LabError> {
        if let Some(due) = self.core.wake_at() {
            self.now = due;
        }
        self.decide(Command::Wake)
    }

    /// The attempt that began last fails, and what the engine decides then.
    ///
    /// # Errors
    /// [`LabError::Defect`] if the engine contradicts itself.
    pub fn fail(&mut self) -> Result<Vec<Record>, LabError> {
        let Some((run, attempt, needs)) = self.flying.pop() else { return Ok(Vec::new()) };
        let mut failure = Failure::new(Class::Network, "connect", "the host is down");
        failure.resource = Some(needs);
        let done = u64::from(self.moves_bytes);
        let seen = Seen { progress: Progress { done, ..Progress::default() }, ..Seen::default() };
        let outcome = Outcome::Failed { failure: Box::new(failure), seen };
        self.decide(Command::Finished { run, step: StepIndex::new(0), attempt, outcome })
    }

    fn start(&mut self, number: u32) -> Result<(), LabError> {
        let Some(needs) = host(number) else { return Ok(()) };
        self.decide(request(&self.definition, &needs)).map(drop)
    }

    fn decide(&mut self, command: Command) -> Result<Vec<Record>, LabError> {
        let ambient = Ambient { now: self.now, entropy: self.luck.wide() };
        let decision = self.core.handle(command, ambient);
        let decision = decision.map_err(|broken| LabError::Defect(Box::new(broken)))?;
        let records = decision.unwrap_or_default();
        for record in &records {
            if let (Event::AttemptStarted(event), Some(run)) = (&record.event, record.run)
                && let Some(admitted) = event.admission.first()
            {
                self.flying.push((run, event.attempt, admitted.key.clone()));
            }
        }
        Ok(records)
    }
}

impl fmt::Debug for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crowd")
            .field("open_runs", &self.open_runs())
            .field("under_way", &self.under_way())
            .finish_non_exhaustive()
    }
}

/// Failures further apart than this are no outage of the line.
const APART: Duration = Duration::from_secs(31);
/// A break that does not end while somebody looks.
const AGES: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
