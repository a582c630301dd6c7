//! The contract between a step and the engine.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::StepContext;
use crate::error::StepError;
use crate::needs::Needs;

/// A value that can stand in the journal as JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in the journal",
    note = "inputs and outputs of steps need `Serialize + DeserializeOwned + Send + Sync + 'static`"
)]
pub trait Payload: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Payload for T {}

/// One unit of work: fails, is retried and resumed as a whole.
///
/// Runs at least once. A step that was killed after its work and before its success became
/// durable runs again, so it must be able to find its own work done.
///
/// ```
/// use resurge_steps::{Step, StepContext, StepError};
///
/// struct Shout;
///
/// impl Step for Shout {
///     const KIND: &'static str = "shout";
///     type Input = String;
///     type Output = String;
///
///     async fn run(&self, _cx: StepContext, input: String) -> Result<String, StepError> {
///         Ok(input.to_uppercase())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a step",
    note = "implement `Step` for it, or wrap an async closure with `step_fn`"
)]
pub trait Step: Send + Sync + 'static {
    /// Durable name of the behaviour; changing it parks the runs that are under way.
    const KIND: &'static str;
    /// What the step takes.
    type Input: Payload;
    /// What the step gives.
    type Output: Payload;

    /// Makes one attempt.
    ///
    /// # Errors
    /// A [`StepError`] whose class decides whether another attempt follows.
    ///
    /// # Cancel safety
    /// The future is dropped when it does not end within the grace period after
    /// [`StepContext::stopped`] resolved, as it does for a timeout, a cancellation or a shutdown.
    fn run(
        &self,
        cx: StepContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, StepError>> + Send;

    /// What an attempt needs to be up, such as the host that it downloads from.
    ///
    /// The engine keeps attempts back while others find it down. By default a step needs nothing.
    /// Must neither block nor depend on anything but the input.
    fn needs(&self, input: &Self::Input) -> Needs {
        let _ = input;
        Needs::nothing()
    }

    /// Whether what an earlier attempt gave is still there, such as a file on disk.
    ///
    /// Asked before every attempt that builds on the output. `Some(reason)` makes the step, and
    /// everything after it, run again. By default an output holds for ever.
    fn lost(&self, output: &Self::Output) -> impl Future<Output = Option<String>> + Send {
        let _ = output;
        std::future::ready(None)
    }
}
