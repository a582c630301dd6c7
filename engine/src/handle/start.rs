//! Starting a run.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use resurge_journal::{Json, RunKey};
use resurge_steps::Payload;

use super::engine::Engine;
use super::error::StartError;
use super::run::RunHandle;
use crate::core::{Refusal, StartRequest};
use crate::shell::Message;
use crate::workflow::Workflow;

/// A run about to be started; await it to start it.
///
/// # Defaults
/// No key, no deadline; a run under the same key stands for the new one, finished or not.
#[must_use = "a run starts when this is awaited"]
#[derive(Debug)]
pub struct StartRun<I, O> {
    engine: Engine,
    flow: Workflow<I, O>,
    input: I,
    key: Option<String>,
    deadline: Option<Duration>,
    restart_ended: bool,
}

impl<I: Payload, O: Payload> StartRun<I, O> {
    pub(super) const fn new(engine: Engine, flow: Workflow<I, O>, input: I) -> Self {
        Self { engine, flow, input, key: None, deadline: None, restart_ended: false }
    }

    /// Names the run: starting the same key again resumes or returns the run that holds it.
    ///
    /// 1 to 200 bytes without control characters.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Gives the run up when this much time has passed, whatever its state.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Starts anew if the run that holds the key has ended, however it ended.
    ///
    /// A run that has not ended is resumed all the same.
    pub const fn restart_ended(mut self) -> Self {
        self.restart_ended = true;
        self
    }

    async fn send(self) -> Result<RunHandle<O>, StartError> {
        let manifest = self.flow.manifest();
        if self.engine.inner.registry.find(manifest).is_err() {
            let workflow = manifest.workflow.clone();
            return Err(StartError::NotRegistered { workflow, version: manifest.version });
        }
        let key = self.key.map(RunKey::new).transpose()?;
        let input = Json::of(&self.input).map_err(StartError::Input)?;
        let (bytes, bytes_max) = (input.len(), self.engine.inner.settings.payload_bytes_max);
        if bytes > bytes_max {
            return Err(StartError::InputTooLarge { bytes, bytes_max });
        }
        let manifest = manifest.clone();
        let (deadline, restart_ended) = (self.deadline, self.restart_ended);
        let request = StartRequest { manifest, input, key, deadline, restart_ended, caller: None };
        let request = Box::new(request);
        let run = match self.engine.ask(|reply| Message::Start { request, reply }).await? {
            Ok(run) | Err(Refusal::Existing(run)) => run,
            Err(Refusal::KeyTaken { run }) => return Err(StartError::KeyTaken { run }),
            Err(Refusal::NoRoom) => return Err(StartError::NoRoom),
            Err(_) => return Err(StartError::ShuttingDown),
        };
        Ok(RunHandle::new(self.engine, run))
    }
}

impl<I: Payload, O: Payload> IntoFuture for StartRun<I, O> {
    type Output = Result<RunHandle<O>, StartError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    /// Starts the run.
    ///
    /// # Durability
    /// The run is durable when this resolves.
    ///
    /// # Cancel safety
    /// When the future is dropped the run may or may not be started; with a key, ask again.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
