//! A step that is an async closure.

use std::marker::PhantomData;

use resurge_steps::{Payload, Step, StepContext, StepError};

/// A step that is an async closure.
#[derive(Debug)]
pub struct StepFn<F, I, O> {
    run: F,
    types: PhantomData<fn(I) -> O>,
}

impl<F, I, O> StepFn<F, I, O> {
    pub(super) const fn new(run: F) -> Self {
        Self { run, types: PhantomData }
    }
}

impl<F, Fut, I, O> Step for StepFn<F, I, O>
where
    I: Payload,
    O: Payload,
    F: Fn(StepContext, I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, StepError>> + Send + 'static,
{
    const KIND: &'static str = "fn";
    type Input = I;
    type Output = O;

    async fn run(&self, cx: StepContext, input: I) -> Result<O, StepError> {
        (self.run)(cx, input).await
    }
}
