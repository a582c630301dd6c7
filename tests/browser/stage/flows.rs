//! Workflows whose steps do what a test says.

use std::time::Duration;

use resurge::{
    Breaker, BuildError, EngineBuilder, Jitter, ResourceKey, RetryPolicy, StepContext, StepError,
    StepHandle, Workflow, WorkflowBuilder,
};

use crate::script::Scripts;

/// Workflows whose steps do what a test says; the input is the name of the operation.
#[derive(Debug)]
pub(crate) struct Flows {
    /// Download, verify, install.
    pub(crate) chain: Workflow<String, String>,
    /// One step, two beside each other, one behind both.
    pub(crate) diamond: Workflow<String, String>,
    /// One step behind the breaker of a host.
    pub(crate) hosted: Workflow<String, String>,
    /// Ends at once, for crowds and storms.
    pub(crate) quick: Workflow<String, String>,
}

/// The host of `hosted`.
pub(crate) const HOST: &str = "host:https/models.test:443";

impl Flows {
    pub(crate) fn new(scripts: &Scripts) -> Result<Self, BuildError> {
        let (mut flow, name) = begin("install-model");
        let download = step(&mut flow, "download", name, scripts);
        let verify = step(&mut flow, "verify", download, scripts);
        let install = step(&mut flow, "install", verify, scripts);
        let chain = flow.build(install)?;

        let (mut flow, name) = begin("build-environment");
        let fetch = step(&mut flow, "fetch", name, scripts);
        let left = step(&mut flow, "left", fetch, scripts);
        let right = step(&mut flow, "right", fetch, scripts);
        let join = flow
            .step_fn("join", (left, right), |_: StepContext, (left, _): (String, String)| async {
                Ok(left)
            })
            .add();
        let diamond = flow.build(join)?;

        let (mut flow, name) = begin("ask-host");
        let key = ResourceKey::new(HOST).expect("a short name is a key");
        let scripts = scripts.clone();
        let ask = flow
            .step_fn("ask", name, move |cx, name: String| play(scripts.clone(), cx, name))
            .retry(policy())
            .breaker(Breaker::keyed(key))
            .add();
        let hosted = flow.build(ask)?;

        let (mut flow, name) = begin("quick");
        let only = flow
            .step_fn("only", name, |_: StepContext, name: String| async move { Ok(name) })
            .add();
        Ok(Self { chain, diamond, hosted, quick: flow.build(only)? })
    }

    pub(crate) fn register(&self, engine: EngineBuilder) -> EngineBuilder {
        let engine = engine.register(&self.chain).register(&self.diamond);
        engine.register(&self.hosted).register(&self.quick)
    }

    /// The workflow of a name.
    pub(crate) fn named(&self, name: &str) -> Option<&Workflow<String, String>> {
        let all = [&self.chain, &self.diamond, &self.hosted, &self.quick];
        all.into_iter().find(|flow| flow.name().as_str() == name)
    }
}

fn begin(name: &str) -> (WorkflowBuilder<String>, StepHandle<String>) {
    let flow = Workflow::builder::<String>(name);
    let input = flow.input();
    (flow, input)
}

fn step(
    flow: &mut WorkflowBuilder<String>,
    key: &'static str,
    input: StepHandle<String>,
    scripts: &Scripts,
) -> StepHandle<String> {
    let scripts = scripts.clone();
    flow.step_fn(key, input, move |cx, name: String| play(scripts.clone(), cx, name))
        .retry(policy())
        .add()
}

async fn play(scripts: Scripts, cx: StepContext, name: String) -> Result<String, StepError> {
    scripts.play(&name, &cx).await?;
    Ok(name)
}

/// Long enough to be looked at, and always the same.
fn policy() -> RetryPolicy {
    RetryPolicy::exponential(Duration::from_secs(30)).jitter(Jitter::None).max_retries(4)
}
