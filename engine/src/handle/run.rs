//! One run as users hold it.

use std::marker::PhantomData;

use resurge_journal::RunId;
use resurge_steps::Payload;

use super::control_error::ControlError;
use super::engine::Engine;
use super::error::RunError;
use super::view::RunView;
use crate::shell::{Ended, Message};

/// One run. Cheap to clone; dropping it changes nothing about the run.
#[derive(Debug)]
pub struct RunHandle<O> {
    engine: Engine,
    run: RunId,
    output: PhantomData<fn() -> O>,
}

impl<O: Payload> RunHandle<O> {
    pub(super) const fn new(engine: Engine, run: RunId) -> Self {
        Self { engine, run, output: PhantomData }
    }

    /// Identity of the run.
    pub const fn id(&self) -> RunId {
        self.run
    }

    /// Waits for the end of the run and gives its output.
    ///
    /// # Errors
    /// [`RunError`] if the run did not succeed, or if the engine stopped before its end.
    ///
    /// # Cancel safety
    /// Safe: the run goes on without anybody waiting.
    pub async fn outcome(&self) -> Result<O, RunError> {
        let run = self.run;
        match self.engine.ask(|reply| Message::Outcome { run, reply }).await? {
            None => Err(RunError::UnknownRun { run }),
            Some(Ended::Succeeded(output)) => output.read().map_err(RunError::Output),
            Some(Ended::Failed { step, attempts, failure }) => {
                Err(RunError::failed(step, attempts, failure))
            }
            Some(Ended::Exhausted { reason, step, attempts, failure }) => {
                Err(RunError::Exhausted { reason, step, attempts, failure })
            }
            Some(Ended::Cancelled { actor, reason }) => Err(RunError::Cancelled { actor, reason }),
        }
    }

    /// The run as it stands.
    ///
    /// # Errors
    /// [`ControlError`] if there is no such run or the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn view(&self) -> Result<RunView, ControlError> {
        let run = self.run;
        let view = self.engine.view_of(run).await?;
        view.ok_or(ControlError::UnknownRun { run })
    }

    pub(super) const fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl<O> Clone for RunHandle<O> {
    fn clone(&self) -> Self {
        Self { engine: self.engine.clone(), run: self.run, output: PhantomData }
    }
}
