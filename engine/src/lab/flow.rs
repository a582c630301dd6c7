//! The workflow of an operation: one step that is never run, but says what it needs.

use resurge_journal::{Json, ResourceKey};
use resurge_steps::{Needs, Step, StepContext, StepError};

use super::policy::Policy;
use crate::core::{Command, StartRequest};
use crate::workflow::{BuildError, Definition, Workflow};

/// A step whose attempts are only thought of.
#[derive(Debug)]
struct Imagined;

impl Step for Imagined {
    const KIND: &'static str = "imagined";
    type Input = String;
    type Output = ();

    async fn run(&self, _cx: StepContext, _input: String) -> Result<(), StepError> {
        Ok(())
    }

    fn needs(&self, input: &String) -> Needs {
        ResourceKey::new(input).map_or_else(|_| Needs::nothing(), Needs::every)
    }
}

/// The workflow of an operation under a policy.
pub(super) fn workflow(policy: &Policy) -> Result<Workflow<String, ()>, BuildError> {
    let mut flow = Workflow::builder::<String>("imagined");
    let needs = flow.input();
    let step = flow
        .step("transfer", Imagined)
        .takes(needs)
        .retry(policy.retry.clone())
        .breaker(policy.breaker.clone())
        .add();
    flow.build(step)
}

/// Asks for a run that stands for an operation.
pub(super) fn request(definition: &Definition, needs: &ResourceKey) -> Command {
    Command::Start(Box::new(StartRequest {
        manifest: definition.manifest.clone(),
        input: Json::of(needs.as_str()).unwrap_or_else(|_| Json::null()),
        key: None,
        deadline: None,
        restart_ended: false,
        caller: None,
    }))
}
