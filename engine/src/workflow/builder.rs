//! Collects the steps of a workflow and checks them as a whole.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use resurge_journal::event::RunStarted;
use resurge_journal::manifest::{InputSpec, Manifest, Source, StepSpec};
use resurge_journal::store::EncodeError;
use resurge_journal::{Json, Record, Seq, StepIndex, StepKey, Timestamp, WorkflowName};
use resurge_steps::{ErasedStep, Payload, Step, StepContext, StepError, erase};

use super::definition::{Definition, Workflow};
use super::handle::{Inputs, StepHandle, UntypedHandle};
use super::problem::{BuildError, BuildProblem};
use super::step_builder::{StepBuilder, Unwired, Wired};
use super::step_fn::StepFn;
use crate::policy::{Breaker, CustomDelay, RetryPolicy};
use crate::settings::{GRAPH_BYTES_MAX, STEPS_MAX};

/// Wires the steps of a workflow that takes an `I`.
///
/// Handles are given out only for steps that exist, so that a graph cannot have cycles.
#[derive(Debug)]
pub struct WorkflowBuilder<I> {
    /// Tells the handles of this builder from those of any other.
    brand: u64,
    name: String,
    version: u32,
    drafts: Vec<Draft>,
    input: PhantomData<fn(I)>,
}

/// A step that was added, not yet checked.
pub(super) struct Draft {
    pub(super) key: String,
    pub(super) step: Arc<dyn ErasedStep>,
    pub(super) input: Vec<UntypedHandle>,
    pub(super) spec: InputSpec,
    pub(super) after: Vec<UntypedHandle>,
    pub(super) retry: Option<RetryPolicy>,
    pub(super) timeout: Option<std::time::Duration>,
    pub(super) idle_timeout: Option<std::time::Duration>,
    pub(super) is_idempotent: bool,
    pub(super) breaker: Option<Breaker>,
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("key", &self.key).finish_non_exhaustive()
    }
}

impl<I: Payload> WorkflowBuilder<I> {
    pub(super) fn new(name: String) -> Self {
        static BRANDS: AtomicU64 = AtomicU64::new(0);
        let brand = BRANDS.fetch_add(1, Ordering::Relaxed);
        Self { brand, name, version: 1, drafts: Vec::new(), input: PhantomData }
    }

    /// Version of the workflow. Default 1; raise it when keys, kinds or wiring change.
    #[must_use]
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// The input of the run.
    pub const fn input(&self) -> StepHandle<I> {
        StepHandle::new(self.brand, Source::RunInput)
    }

    /// Begins a step; wire it with `takes` and finish it with `add`.
    ///
    /// The key is the durable identity of the step: `[a-z0-9-]`, at most 48 characters.
    pub fn step<S: Step>(
        &mut self,
        key: impl Into<String>,
        step: S,
    ) -> StepBuilder<'_, S, Unwired> {
        StepBuilder::unwired(&mut self.drafts, self.brand, key.into(), erase(step))
    }

    /// Begins a step that is an async closure over the values of some handles.
    ///
    /// The closure takes the context and one argument: the value of the handle, or a tuple.
    pub fn step_fn<H, O, F, Fut>(
        &mut self,
        key: impl Into<String>,
        takes: H,
        run: F,
    ) -> StepBuilder<'_, StepFn<F, H::Value, O>, Wired>
    where
        H: Inputs,
        H::Value: Payload,
        O: Payload,
        F: Fn(StepContext, H::Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, StepError>> + Send + 'static,
    {
        let step = erase(StepFn::new(run));
        StepBuilder::unwired(&mut self.drafts, self.brand, key.into(), step).wire(takes)
    }

    /// Checks the graph and finishes it; the handle's step gives the output of a run.
    ///
    /// # Errors
    /// [`BuildError`] with every problem at once.
    pub fn build<O: Payload>(self, result: StepHandle<O>) -> Result<Workflow<I, O>, BuildError> {
        let mut check = Check { brand: self.brand, ..Check::default() };
        let workflow = check.take(WorkflowName::new(&self.name));
        check.count(self.drafts.len());
        let result = check.result(UntypedHandle::from(result), self.drafts.len());
        let steps: Vec<Arc<dyn ErasedStep>> =
            self.drafts.iter().map(|draft| Arc::clone(&draft.step)).collect();
        let resources =
            self.drafts.iter().map(|draft| draft.breaker.clone().unwrap_or_default()).collect();
        let retried = (0_u16..)
            .zip(&self.drafts)
            .filter(|(_, draft)| draft.retry.is_some())
            .map(|(index, _)| StepIndex::new(index))
            .collect();
        let specs = self.drafts.into_iter().map(|draft| check.draft(draft)).collect::<Vec<_>>();
        let specs: Option<Vec<StepSpec>> = specs.into_iter().collect();
        if let (Some(workflow), Some(result), Some(specs)) = (workflow, result, specs) {
            let manifest =
                Manifest { workflow, version: self.version, steps: specs.into(), result };
            check.size(&manifest);
            if check.problems.is_empty() {
                let custom = check.custom;
                let definition = Definition { manifest, steps, custom, resources, retried };
                return Ok(Workflow::new(definition));
            }
        }
        Err(BuildError { workflow: self.name, problems: check.problems })
    }
}

/// Collects the problems of a graph while it is put together.
#[derive(Default)]
struct Check {
    brand: u64,
    keys: Vec<String>,
    custom: BTreeMap<String, CustomDelay>,
    problems: Vec<BuildProblem>,
}

impl Check {
    fn take<T, E: Into<BuildProblem>>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem.into())).ok()
    }

    fn result(&mut self, result: UntypedHandle, steps: usize) -> Option<StepIndex> {
        match result.source {
            Source::Step(step) if result.brand == self.brand && step.get() < steps => Some(step),
            _ => {
                self.problems.push(BuildProblem::Result);
                None
            }
        }
    }

    fn draft(&mut self, draft: Draft) -> Option<StepSpec> {
        if self.keys.contains(&draft.key) {
            self.problems.push(BuildProblem::DuplicateKey { key: draft.key.clone() });
        }
        self.keys.push(draft.key.clone());
        if draft.input.iter().chain(&draft.after).any(|handle| handle.brand != self.brand) {
            self.problems.push(BuildProblem::ForeignHandle { key: draft.key.clone() });
        }
        let retry = draft.retry.clone().unwrap_or_default();
        for problem in retry.problems() {
            self.problems.push(BuildProblem::Policy { key: draft.key.clone(), problem });
        }
        self.limits(&draft);
        self.custom_delay(&draft.key, &retry);

        let after = draft.after.iter().filter_map(|handle| Option::from(handle.source)).collect();
        // Rounded up, so that a short timeout does not become none.
        let millis = |timeout: std::time::Duration| {
            u64::try_from(timeout.as_nanos().div_ceil(1_000_000)).ok()
        };
        Some(StepSpec {
            key: self.take(StepKey::new(&draft.key))?,
            kind: draft.step.kind().to_owned(),
            input: draft.spec,
            after,
            retry: retry.spec,
            timeout_ms: draft.timeout.and_then(millis),
            idle_timeout_ms: draft.idle_timeout.and_then(millis),
            is_idempotent: draft.is_idempotent,
            breaker: draft.breaker.map(|breaker| breaker.spec),
        })
    }

    /// Limits that leave no room for what they limit.
    fn limits(&mut self, draft: &Draft) {
        let key = || draft.key.clone();
        if [draft.timeout, draft.idle_timeout].contains(&Some(std::time::Duration::ZERO)) {
            self.problems.push(BuildProblem::ZeroTimeout { key: key() });
        }
        if let (Some(timeout), Some(idle)) = (draft.timeout, draft.idle_timeout)
            && idle >= timeout
        {
            self.problems.push(BuildProblem::IdleTimeout { key: key() });
        }
        for problem in draft.breaker.iter().flat_map(Breaker::problems) {
            self.problems.push(BuildProblem::Breaker { key: key(), problem });
        }
    }

    /// Takes note of a delay function: its name must stand for one function alone.
    fn custom_delay(&mut self, key: &str, retry: &RetryPolicy) {
        let (Some(name), Some(custom)) = (&retry.spec.custom, &retry.custom) else {
            return;
        };
        match self.custom.get(name) {
            Some(known) if !known.same_as(custom) => {
                let (key, name) = (key.to_owned(), name.clone());
                self.problems.push(BuildProblem::CustomNameTaken { key, name });
            }
            _ => {
                self.custom.insert(name.clone(), custom.clone());
            }
        }
    }

    fn count(&mut self, steps: usize) {
        if steps > STEPS_MAX {
            self.problems.push(BuildProblem::TooManySteps { steps, steps_max: STEPS_MAX });
        }
    }

    /// A run starts with one record that holds the graph, the input and the key.
    fn size(&mut self, manifest: &Manifest) {
        let manifest = manifest.clone();
        let start = RunStarted { key: None, manifest, input: Json::null(), deadline_at: None };
        let (seq, at) = (Seq::new(1), Timestamp::default());
        let record = Record { seq, at, run: None, event: start.into() };
        let bytes = match record.size() {
            Ok(bytes) | Err(EncodeError::RecordTooLarge { bytes, .. }) => bytes,
            Err(_) => usize::MAX,
        };
        if bytes > GRAPH_BYTES_MAX {
            let problem = BuildProblem::GraphTooLarge { bytes, bytes_max: GRAPH_BYTES_MAX };
            self.problems.push(problem);
        }
    }
}
