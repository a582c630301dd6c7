//! A step for tests of decisions: it needs something and is never really run.

use async_trait::async_trait;
use resurge_journal::Json;
use resurge_steps::{ErasedStep, Needs, StepContext, StepError};

/// A step that needs something; one without an answer panics when it is asked.
pub(super) struct Stub(pub(super) Option<Needs>);

#[async_trait]
impl ErasedStep for Stub {
    fn kind(&self) -> &'static str {
        "stub"
    }

    fn needs(&self, _input: &Json) -> Needs {
        self.0.clone().expect("the author of the step made a mistake")
    }

    fn accepts(&self, _output: &Json) -> Result<(), serde_json::Error> {
        Ok(())
    }

    async fn run(&self, _cx: StepContext, _input: Json) -> Result<Json, StepError> {
        Ok(Json::null())
    }

    async fn lost(&self, _output: &Json) -> Option<String> {
        None
    }
}
