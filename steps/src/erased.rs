//! A step without its types, as the engine runs it.

use std::sync::Arc;

use async_trait::async_trait;
use resurge_journal::Json;

use crate::context::StepContext;
use crate::error::StepError;
use crate::needs::Needs;
use crate::step::Step;

/// A step without its types: JSON in, JSON out.
#[async_trait]
pub trait ErasedStep: Send + Sync {
    /// Durable name of the behaviour.
    fn kind(&self) -> &'static str;

    /// What an attempt with this input needs to be up; an input that cannot be read needs nothing.
    fn needs(&self, input: &Json) -> Needs;

    /// Whether this could stand as the output of the step.
    ///
    /// # Errors
    /// It does not describe the type of the output.
    fn accepts(&self, output: &Json) -> Result<(), serde_json::Error>;

    /// Makes one attempt.
    async fn run(&self, cx: StepContext, input: Json) -> Result<Json, StepError>;

    /// Why an output no longer holds, if it does not.
    async fn lost(&self, output: &Json) -> Option<String>;
}

const _: fn(&dyn ErasedStep) = |_| {};

/// Takes the types off a step.
pub fn erase<S: Step>(step: S) -> Arc<dyn ErasedStep> {
    Arc::new(Erased(step))
}

struct Erased<S>(S);

#[async_trait]
impl<S: Step> ErasedStep for Erased<S> {
    fn kind(&self) -> &'static str {
        S::KIND
    }

    fn needs(&self, input: &Json) -> Needs {
        input.read().map_or_else(|_| Needs::nothing(), |input| self.0.needs(&input))
    }

    fn accepts(&self, output: &Json) -> Result<(), serde_json::Error> {
        output.read::<S::Output>().map(drop)
    }

    async fn run(&self, cx: StepContext, input: Json) -> Result<Json, StepError> {
        let input = input.read().map_err(|e| StepError::from(e).during("read the step's input"))?;
        let output = self.0.run(cx, input).await?;
        Json::of(&output).map_err(|e| StepError::from(e).during("write the step's output"))
    }

    async fn lost(&self, output: &Json) -> Option<String> {
        match output.read() {
            Ok(output) => self.0.lost(&output).await,
            Err(error) => Some(format!("the recorded output cannot be read any more: {error}")),
        }
    }
}
