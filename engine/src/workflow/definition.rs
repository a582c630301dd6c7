//! A finished workflow.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use resurge_journal::manifest::Manifest;
use resurge_journal::{StepIndex, WorkflowName};
use resurge_steps::{ErasedStep, Payload};

use super::builder::WorkflowBuilder;
use crate::policy::CustomDelay;

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

    /// The graph, as runs pin it.
    pub fn manifest(&self) -> &Manifest {
        &self.definition.manifest
    }
}

impl Definition {
    pub(crate) fn step(&self, index: StepIndex) -> Option<&Arc<dyn ErasedStep>> {
        self.steps.get(index.get())
    }
}

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
