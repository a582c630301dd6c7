//! What people can ask of runs, breakers and settings.

use std::time::Duration;

use resurge_journal::event::BreakerMode;
use resurge_journal::state::RunStatus;
use resurge_journal::{Json, ResourceKey, RunId, Seq, StepKey};
use resurge_steps::Payload;
use serde::Serialize;

use super::control_error::{BreakerError, ControlError, SettingError};
use super::engine::Engine;
use super::error::Unavailable;
use super::run::RunHandle;
use super::view::RunView;
use crate::core::{Asked, BreakerControl, Command, Control, Refusal};

/// Which runs a request is for, when it is for many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunFilter {
    /// Runs with one of these statuses; empty stands for any.
    pub statuses: Vec<RunStatus>,
    /// Runs of this workflow.
    pub workflow: Option<String>,
    /// Runs behind the breaker of this resource.
    pub held_by: Option<ResourceKey>,
}

impl RunFilter {
    /// Every run that has not ended.
    pub fn open() -> Self {
        use RunStatus as S;
        Self::with_status([S::Pending, S::InProgress, S::Recovering, S::Paused])
    }

    /// Runs with one of these statuses.
    pub fn with_status(statuses: impl IntoIterator<Item = RunStatus>) -> Self {
        Self { statuses: statuses.into_iter().collect(), ..Self::default() }
    }

    /// Only runs of this workflow.
    #[must_use]
    pub fn of_workflow(mut self, workflow: impl Into<String>) -> Self {
        self.workflow = Some(workflow.into());
        self
    }

    /// Only runs behind the breaker of this resource.
    #[must_use]
    pub fn behind(mut self, key: ResourceKey) -> Self {
        self.held_by = Some(key);
        self
    }

    fn fits(&self, view: &RunView) -> bool {
        let is_held = |key| view.steps.iter().any(|step| step.held_by.contains(key));
        (self.statuses.is_empty() || self.statuses.contains(&view.status))
            && self.workflow.as_deref().is_none_or(|name| view.workflow.as_str() == name)
            && self.held_by.as_ref().is_none_or(is_held)
    }
}

impl Engine {
    /// Asks something of a run; see [`Control`] for what.
    ///
    /// Asking twice is as good as once. Gives the record up to which it is done: a view as of that
    /// record shows the effect.
    ///
    /// # Errors
    /// [`ControlError`] if there is no such run, or if it makes no sense as the run stands.
    ///
    /// # Durability
    /// Durable when it returns.
    ///
    /// # Cancel safety
    /// When the future is dropped it may or may not be done.
    pub async fn control(
        &self,
        run: RunId,
        control: Control,
        actor: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<Seq, ControlError> {
        self.control_as(run, control, asked(actor, reason), None).await
    }

    /// Asks something of a run if it still stands as somebody saw it.
    ///
    /// `expected` is the [`version`](RunView::version) of the view that they saw. Unlike
    /// [`control`](Self::control), asking twice is not as good as once: what is asked moves the run,
    /// so that whoever repeats it because the answer was lost is told that the run has moved, though
    /// it was by themselves. Look at the run then, and at who has moved it.
    ///
    /// # Errors
    /// [`ControlError::Moved`] if the run has moved since, otherwise as [`control`](Self::control).
    ///
    /// # Durability
    /// Durable when it returns.
    ///
    /// # Cancel safety
    /// When the future is dropped it may or may not be done.
    pub async fn control_if(
        &self,
        run: RunId,
        expected: Seq,
        control: Control,
        actor: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<Seq, ControlError> {
        self.control_as(run, control, asked(actor, reason), Some(expected)).await
    }

    async fn control_as(
        &self,
        run: RunId,
        control: Control,
        asked: Asked,
        expected: Option<Seq>,
    ) -> Result<Seq, ControlError> {
        let command = Command::Control { run, control, asked, expected };
        self.order(command).await?.map_err(|refusal| ControlError::new(run, refusal))
    }

    /// Asks the same of every run that a filter names; tells what became of each.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs; those asked before it stopped are done.
    ///
    /// # Durability
    /// Durable for each run that is told to be done.
    ///
    /// # Cancel safety
    /// When the future is dropped it may be done for some runs and not for others.
    pub async fn control_all(
        &self,
        filter: &RunFilter,
        control: &Control,
        actor: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<Vec<(RunId, Result<Seq, ControlError>)>, Unavailable> {
        let (actor, reason) = (actor.into(), reason.into());
        let mut runs: Vec<RunId> =
            self.map_runs(|view| filter.fits(&view).then_some(view.id)).await?;
        runs.sort();
        let mut done = Vec::new();
        for run in runs {
            match self.control(run, control.clone(), actor.as_str(), reason.as_str()).await {
                Err(ControlError::Unavailable(gone)) => return Err(gone),
                result => done.push((run, result)),
            }
        }
        Ok(done)
    }

    /// Calls a run off: its attempts stop, nothing of it begins any more.
    ///
    /// An attempt that does not end within [`Settings::stop_grace`](crate::Settings::stop_grace)
    /// is dropped. Calling off a run twice is as good as once.
    ///
    /// # Errors
    /// [`ControlError`] if there is no such run, or if it ended in another way.
    ///
    /// # Durability
    /// Durable when it returns.
    ///
    /// # Cancel safety
    /// When the future is dropped the run may or may not be called off.
    pub async fn cancel(
        &self,
        run: RunId,
        actor: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<Seq, ControlError> {
        self.control(run, Control::Cancel, actor, reason).await
    }

    /// Asks something of the breaker of a resource; see [`BreakerControl`].
    ///
    /// # Errors
    /// [`BreakerError`] if it makes no sense as the breaker stands.
    ///
    /// # Durability
    /// Durable when it returns.
    ///
    /// # Cancel safety
    /// When the future is dropped it may or may not be done.
    pub async fn control_breaker(
        &self,
        key: &ResourceKey,
        control: BreakerControl,
        actor: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<Seq, BreakerError> {
        let (key, asked) = (key.clone(), asked(actor, reason));
        let done = self.order(Command::Breaker { key: key.clone(), control, asked }).await?;
        done.map_err(|refusal| match refusal {
            Refusal::Draining => BreakerError::Unavailable(Unavailable::shutting_down()),
            _ => BreakerError::Closed { key },
        })
    }

    /// Holds everything back that needs a resource, for so long or until it is closed.
    ///
    /// # Errors
    /// [`BreakerError`] if the engine no longer runs.
    ///
    /// # Durability
    /// Durable when it returns, and kept over restarts.
    ///
    /// # Cancel safety
    /// When the future is dropped it may or may not be done.
    pub async fn isolate(
        &self,
        key: &ResourceKey,
        lasts: Option<Duration>,
        actor: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<Seq, BreakerError> {
        let control = BreakerControl::Mode { mode: BreakerMode::Isolated, lasts };
        self.control_breaker(key, control, actor, reason).await
    }

    /// Changes a setting for every decision from now on; `None` takes the change back.
    ///
    /// The names are those of [`Tuning`](resurge_journal::state::Tuning), such as `max_retries`. The change is recorded with the
    /// old and the new value, and kept over restarts.
    ///
    /// # Errors
    /// [`SettingError`] if there is no such setting, or if it cannot have this value.
    ///
    /// # Durability
    /// Durable when it returns.
    ///
    /// # Cancel safety
    /// When the future is dropped the setting may or may not be changed.
    pub async fn tune<T: Serialize>(
        &self,
        name: impl Into<String>,
        value: Option<T>,
        actor: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<Seq, SettingError> {
        let value = Json::of(&value).map_err(SettingError::Json)?;
        let command = Command::Tune { name: name.into(), value, asked: asked(actor, reason) };
        self.order(command).await?.map_err(|refusal| match refusal {
            Refusal::Setting { problem } => SettingError::Invalid { problem },
            _ => SettingError::Unavailable(Unavailable::shutting_down()),
        })
    }
}

/// Declares the controls of a run that carry nothing.
macro_rules! controls {
    ($($(#[$doc:meta])* $name:ident => $control:expr;)+) => {
        impl<O: Payload> RunHandle<O> {
            $(
                $(#[$doc])*
                ///
                /// Asking twice is as good as once.
                ///
                /// # Errors
                /// [`ControlError`] if it makes no sense as the run stands.
                ///
                /// # Durability
                /// Durable when it returns.
                ///
                /// # Cancel safety
                /// When the future is dropped it may or may not be done.
                pub async fn $name(
                    &self,
                    actor: impl Into<String>,
                    reason: impl Into<String>,
                ) -> Result<Seq, ControlError> {
                    self.engine().control(self.id(), $control, actor, reason).await
                }
            )+
        }
    };
}

controls! {
    /// Calls the run off; see [`Engine::cancel`].
    cancel => Control::Cancel;
    /// Halts the run until it is resumed; its delays and its deadline run on.
    ///
    /// Attempts under way are stopped. A step that must not be repeated fails when it is resumed,
    /// as after any other cut: skip it or force a retry.
    pause => Control::Pause { freezes_timers: false };
    /// Halts the run until it is resumed, and with it its delays and its deadline.
    pause_timers => Control::Pause { freezes_timers: true };
    /// Lets the run go on after a pause.
    resume => Control::Resume;
    /// Tries again now what waits, also in a run that ran out of retries.
    retry_now => Control::RetryNow;
    /// Tries again now, whatever class and breaker say, also in a run that failed.
    force_retry => Control::ForceRetry;
    /// Makes no more retries; an attempt under way may still succeed.
    cancel_recovery => Control::CancelRecovery;
}

impl<O: Payload> RunHandle<O> {
    /// Takes `output` for what a step gives, and goes on with the steps after it.
    ///
    /// # Errors
    /// [`ControlError`] if the step is done, has not begun, or cannot give such an output.
    ///
    /// # Durability
    /// Durable when it returns.
    ///
    /// # Cancel safety
    /// When the future is dropped it may or may not be done.
    pub async fn skip_step<T: Serialize>(
        &self,
        step: StepKey,
        output: &T,
        actor: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<Seq, ControlError> {
        let run = self.id();
        let output = Json::of(output)
            .map_err(|error| ControlError::Output { run, problem: error.to_string() })?;
        self.engine().control(run, Control::Skip { step, output }, actor, reason).await
    }
}

fn asked(actor: impl Into<String>, reason: impl Into<String>) -> Asked {
    Asked { actor: cut(actor.into()), reason: cut(reason.into()) }
}

/// Cuts what a caller wrote to what fits a record.
fn cut(text: String) -> String {
    if text.len() <= WORDS_BYTES_MAX {
        return text;
    }
    text.chars().take(WORDS_BYTES_MAX / 4).collect()
}

const WORDS_BYTES_MAX: usize = 1_024;
