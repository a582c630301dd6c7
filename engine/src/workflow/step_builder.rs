//! One step while it is being added.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use resurge_journal::StepIndex;
use resurge_journal::manifest::{InputShape, InputSpec, Source};
use resurge_steps::{ErasedStep, Step};

use self::sealed::Sealed;
use super::builder::Draft;
use super::handle::sealed::Sealed as Handles;
use super::handle::{StepHandle, Supplies, UntypedHandle};
use crate::policy::{Breaker, RetryPolicy};

/// A step that was not told yet what it takes.
#[derive(Debug)]
pub struct Unwired(());

/// A step that knows what it takes.
#[derive(Debug)]
pub struct Wired(());

/// A step that lacks nothing: [`Wired`].
#[diagnostic::on_unimplemented(
    message = "this step was not told what it takes",
    label = "call `.takes(..)` before `.add()`"
)]
pub trait Complete: Sealed {}

impl Complete for Wired {}
impl Sealed for Wired {}

mod sealed {
    /// Keeps the set of complete states closed.
    pub trait Sealed {}
}

/// One step while it is being added; `takes` wires it, `add` finishes it.
///
/// # Defaults
/// Retry policy [`RetryPolicy::default`], the engine's breaker policy, no timeouts.
#[derive(Debug)]
#[must_use = "a step is part of the workflow only after `add`"]
pub struct StepBuilder<'b, S, W> {
    drafts: &'b mut Vec<Draft>,
    brand: u64,
    draft: Draft,
    types: PhantomData<fn(S) -> W>,
}

impl<'b, S> StepBuilder<'b, S, Unwired> {
    pub(super) fn unwired(
        drafts: &'b mut Vec<Draft>,
        brand: u64,
        key: String,
        step: Arc<dyn ErasedStep>,
    ) -> Self {
        let draft = Draft {
            key,
            step,
            input: Vec::new(),
            spec: InputSpec { shape: InputShape::Nothing, sources: Vec::new() },
            after: Vec::new(),
            retry: None,
            timeout: None,
            idle_timeout: None,
            is_idempotent: true,
            breaker: None,
        };
        Self { drafts, brand, draft, types: PhantomData }
    }

    pub(super) fn wire(self, handles: impl Handles) -> StepBuilder<'b, S, Wired> {
        let wiring = handles.wiring();
        let input = wiring.handles.clone();
        let draft = Draft { input, spec: wiring.into_spec(), ..self.draft };
        StepBuilder { drafts: self.drafts, brand: self.brand, draft, types: PhantomData }
    }
}

impl<'b, S: Step> StepBuilder<'b, S, Unwired> {
    /// Says where the input comes from: a handle, a tuple of handles, a `Vec`, or `()`.
    pub fn takes(self, handles: impl Supplies<S::Input>) -> StepBuilder<'b, S, Wired> {
        self.wire(handles)
    }
}

impl<S: Step> StepBuilder<'_, S, Wired> {
    /// Waits for a step although nothing flows from it.
    pub fn after<T>(mut self, handle: StepHandle<T>) -> Self {
        self.draft.after.push(UntypedHandle::from(handle));
        self
    }

    /// When and how often the step is tried again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.draft.retry = Some(policy);
        self
    }

    /// When breakers of what the step needs open, and what happens then.
    ///
    /// Steps that say what they need, as downloads do, have breakers without being asked.
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.draft.breaker = Some(breaker);
        self
    }

    /// Longest time without progress; a failure of class `timeout`, kind `stalled`, follows.
    ///
    /// For steps that report progress; what counts is [`StepContext::progress`].
    ///
    /// [`StepContext::progress`]: resurge_steps::StepContext::progress
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.draft.idle_timeout = Some(timeout);
        self
    }

    /// An attempt that may have had its effect is not repeated without being asked to.
    pub const fn not_idempotent(mut self) -> Self {
        self.draft.is_idempotent = false;
        self
    }

    /// Longest duration of one attempt; a failure of class `timeout` follows.
    ///
    /// After two timeouts in a row each attempt may take twice as long as the one before, up to
    /// eight times.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.draft.timeout = Some(timeout);
        self
    }
}

impl<S: Step, W> StepBuilder<'_, S, W> {
    /// Adds the step to the workflow.
    pub fn add(self) -> StepHandle<S::Output>
    where
        W: Complete,
    {
        // A graph with more steps than fit is refused by `build`; the index need not be right.
        let index = u16::try_from(self.drafts.len()).unwrap_or(u16::MAX);
        self.drafts.push(self.draft);
        StepHandle::new(self.brand, Source::Step(StepIndex::new(index)))
    }
}
