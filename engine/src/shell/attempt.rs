//! One attempt, from the look at its inputs to its outcome.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use resurge_journal::failure::{Class, Failure};
use resurge_journal::{Json, StepIndex};
use resurge_steps::{ErasedStep, Progress, StepContext, StepError, StopHandle, StopReason};
use tokio::sync::watch;

use super::ambient::sleep;
use crate::core::Outcome;

/// Everything that an attempt needs.
pub(super) struct Attempt {
    pub(super) step: Arc<dyn ErasedStep>,
    pub(super) input: Json,
    /// The steps whose outputs are built on, with those outputs.
    pub(super) suppliers: Vec<(StepIndex, Arc<dyn ErasedStep>, Json)>,
    pub(super) cx: StepContext,
    pub(super) stop: StopHandle,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) timeout: Option<Duration>,
    /// How long it may go on after it was asked to stop.
    pub(super) grace: Duration,
}

/// What the step returned, if it returned, and whether it was asked to stop.
struct Ending {
    result: Option<Result<Json, StepError>>,
    stopped: Option<StopReason>,
}

impl Attempt {
    /// Runs to its outcome; panics of the step are failures like any other.
    pub(super) async fn run(self) -> Outcome {
        let (progress, timeout) = (self.progress.clone(), self.timeout);
        if let Some(lost) = self.lost_inputs().await {
            return lost;
        }
        let ending = self.supervise().await;
        let progress = *progress.borrow();
        outcome(ending, progress, timeout)
    }

    /// Asks every supplier whether its output still holds.
    async fn lost_inputs(&self) -> Option<Outcome> {
        let mut lost = Vec::new();
        let mut reasons = Vec::new();
        for (index, step, output) in &self.suppliers {
            let answer = catch_panic(step.lost(output)).await;
            let gone = answer.unwrap_or_else(|panic| Some(format!("the check panicked: {panic}")));
            if let Some(reason) = gone {
                lost.push(*index);
                reasons.push(reason);
            }
        }
        let reason = || reasons.join("; ").chars().take(REASON_CHARS_MAX).collect();
        (!lost.is_empty()).then(|| Outcome::InputsLost { reason: reason(), lost })
    }

    async fn supervise(self) -> Ending {
        let mut work = pin!(catch_panic(self.step.run(self.cx, self.input)));
        let stopped = tokio::select! {
            biased;
            result = &mut work => return Ending { result: Some(flatten(result)), stopped: None },
            reason = self.stop.stopped() => reason,
            () = sleep_if(self.timeout) => {
                self.stop.stop(StopReason::TimedOut);
                StopReason::TimedOut
            }
        };
        let result = tokio::select! {
            biased;
            result = &mut work => Some(flatten(result)),
            () = sleep(self.grace) => None,
        };
        Ending { result, stopped: Some(stopped) }
    }
}

fn outcome(ending: Ending, progress: Progress, timeout: Option<Duration>) -> Outcome {
    let error = match (ending.result, ending.stopped) {
        (Some(Ok(output)), _) => return Outcome::Succeeded(output),
        (result, Some(StopReason::TimedOut)) => timed_out(timeout, result.and_then(Result::err)),
        (_, Some(_)) | (None, None) => return Outcome::Interrupted,
        (Some(Err(error)), None) => error,
    };
    Outcome::Failed {
        retryable: error.is_retryable(),
        failure: error.to_failure(),
        gained: progress.gained(),
        total: progress.total,
    }
}

fn timed_out(timeout: Option<Duration>, last: Option<StepError>) -> StepError {
    let limit = timeout.unwrap_or_default();
    let message = match last {
        Some(error) => format!("the attempt took longer than {limit:?}; it ended with: {error}"),
        None => format!("the attempt took longer than {limit:?}"),
    };
    StepError::new(Class::Timeout, "attempt", message)
}

fn flatten(result: Result<Result<Json, StepError>, String>) -> Result<Json, StepError> {
    result.unwrap_or_else(|panic| {
        let failure = Failure::new(Class::Internal, "panic", format!("the step panicked: {panic}"));
        Err(StepError::new(failure.class, failure.kind, failure.message)
            .hint("this is a defect of the step; report it with this message"))
    })
}

async fn sleep_if(delay: Option<Duration>) {
    match delay {
        Some(delay) => sleep(delay).await,
        None => std::future::pending().await,
    }
}

/// Runs a future and turns a panic into its message.
async fn catch_panic<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    std::future::poll_fn(move |cx| {
        // The future is never polled again after a panic, so nobody sees what it left behind.
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic_text(panic.as_ref()))),
        }
    })
    .await
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

const REASON_CHARS_MAX: usize = 500;
