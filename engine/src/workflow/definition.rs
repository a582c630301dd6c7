//! A finished workflow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use resurge_journal::manifest::{Manifest, StepSpec};
use resurge_journal::{Json, ResourceKey, StepIndex, WorkflowName};
use resurge_steps::{ErasedStep, Needs, Payload};

use super::builder::WorkflowBuilder;
use crate::policy::{Breaker, CustomDelay, Lint, lints};
use crate::settings::Settings;

/// A step graph from an input to an output. Immutable and cheap to clone.
///
/// ```
/// use resurge::{StepContext, Workflow};
///
/// let mut flow = Workflow::builder::<String>("greet").version(1);
/// let name = flow.input();
/// let greeting = flow
///     .step_fn("greet", name, |_cx: StepContext, name| async move { Ok(format!("hello {name}")) })
///     .add();
/// let flow = flow.build(greeting)?;
/// # Ok::<(), resurge::BuildError>(())
/// ```
pub struct Workflow<I, O> {
    pub(crate) definition: Arc<Definition>,
    types: PhantomData<fn(I) -> O>,
}

/// A workflow without its types.
pub(crate) struct Definition {
    pub(crate) manifest: Manifest,
    pub(crate) steps: Vec<Arc<dyn ErasedStep>>,
    /// Delay functions by the name that the journal holds.
    pub(crate) custom: BTreeMap<String, CustomDelay>,
    /// What each step needs beside what it says itself, and whether breakers guard it at all.
    pub(crate) resources: Vec<Breaker>,
    /// Steps whose author wrote a retry policy; defaults surprise nobody.
    pub(crate) retried: Vec<StepIndex>,
}

impl Workflow<(), ()> {
    /// Begins a workflow that takes an `I`.
    ///
    /// The name is the durable identity of the workflow: `[a-z0-9-]`, at most 48 characters.
    pub fn builder<I: Payload>(name: impl Into<String>) -> WorkflowBuilder<I> {
        WorkflowBuilder::new(name.into())
    }
}

impl<I, O> Workflow<I, O> {
    pub(super) fn new(definition: Definition) -> Self {
        Self { definition: Arc::new(definition), types: PhantomData }
    }

    /// Durable identity of the workflow.
    pub fn name(&self) -> &WorkflowName {
        &self.definition.manifest.workflow
    }

    /// Version of the workflow.
    pub fn version(&self) -> u32 {
        self.definition.manifest.version
    }

    /// Policies that hold together and still may not do what their author thinks.
    ///
    /// The engine records them when it is opened; see [`Lint`].
    pub fn lints(&self, settings: &Settings) -> Vec<Lint> {
        self.definition.lints(settings)
    }

    /// The graph, as runs pin it.
    pub fn manifest(&self) -> &Manifest {
        &self.definition.manifest
    }
}

impl Definition {
    pub(crate) fn step(&self, index: StepIndex) -> Option<&Arc<dyn ErasedStep>> {
        self.steps.get(index.get())
    }

    /// What may surprise the authors of its policies.
    pub(crate) fn lints(&self, settings: &Settings) -> Vec<Lint> {
        let specs = self.retried.iter().filter_map(|index| self.manifest.step(*index));
        let of = |spec: &StepSpec| {
            let custom = spec.retry.custom.as_ref().and_then(|name| self.custom.get(name));
            lints(spec, custom, settings)
        };
        specs.flat_map(of).collect()
    }

    /// What a step needs to be up, as far as breakers guard it.
    pub(crate) fn needs(&self, index: StepIndex, input: &Json) -> Needs {
        let breaker = self.resources.get(index.get());
        if breaker.is_some_and(|breaker| breaker.is_off) {
            return Needs::nothing();
        }
        // The author's code must not end the engine; its attempt tells what is wrong with it.
        let said =
            |step: &Arc<dyn ErasedStep>| catch_unwind(AssertUnwindSafe(|| step.needs(input)));
        let said = self.step(index).and_then(|step| said(step).ok());
        let mut needs = said.unwrap_or_default();
        needs.every.extend(breaker.into_iter().flat_map(|breaker| breaker.keys.iter().cloned()));
        named_once(needs)
    }
}

/// The same needs with every resource named once, so that its breaker is turned once.
///
/// No more of them than fit a record beside a failure; what is beyond goes without a breaker.
fn named_once(Needs { every, one_of }: Needs) -> Needs {
    let mut room = NEEDS_BYTES_MAX;
    let mut once = |keys: Vec<ResourceKey>| {
        let mut seen = BTreeSet::new();
        let mut fits = |key: &ResourceKey| match room.checked_sub(key.as_str().len()) {
            Some(left) if seen.insert(key.clone()) => {
                room = left;
                true
            }
            _ => false,
        };
        keys.into_iter().filter(|key| fits(key)).collect::<Vec<_>>()
    };
    let (every, one_of) = (once(every), once(one_of));
    // Whoever needs one of them for certain has one of them.
    let is_met = one_of.iter().any(|key| every.contains(key));
    Needs { every, one_of: if is_met { Vec::new() } else { one_of } }
}

/// Names of what one step needs, in bytes together.
const NEEDS_BYTES_MAX: usize = 1_280;

impl<I, O> Clone for Workflow<I, O> {
    fn clone(&self) -> Self {
        Self { definition: Arc::clone(&self.definition), types: PhantomData }
    }
}

impl<I, O> fmt::Debug for Workflow<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workflow").field("manifest", self.manifest()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}
