//! One attempt, from the look at its inputs to its outcome.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use resurge_journal::failure::Class;
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

/// What the attempt came to, if it came to an end, and whether it was asked to stop.
struct Ending {
    result: Option<Result<Outcome, StepError>>,
    stopped: Option<StopReason>,
}

impl Attempt {
    /// Runs to its outcome; panics of the step are failures like any other.
    pub(super) async fn run(self) -> Outcome {
        // Around everything: what a step leaves behind can panic when it is dropped.
        let attended = catch_panic(self.attend()).await;
        attended.unwrap_or_else(|panic| failed(&panicked(&panic), Progress::default()))
    }

    async fn attend(self) -> Outcome {
        let (progress, timeout) = (self.progress.clone(), self.timeout);
        let ending = self.supervise().await;
        let progress = *progress.borrow();
        outcome(ending, progress, timeout)
    }

    async fn supervise(self) -> Ending {
        let Self { step, input, suppliers, cx, stop, timeout, grace, .. } = self;
        let mut work = pin!(async {
            if let Some(lost) = lost_inputs(&suppliers).await {
                return Ok(lost);
            }
            let result = catch_panic(step.run(cx, input)).await;
            result.unwrap_or_else(|panic| Err(panicked(&panic))).map(Outcome::Succeeded)
        });
        let stopped = tokio::select! {
            biased;
            result = &mut work => return Ending { result: Some(result), stopped: None },
            reason = stop.stopped() => reason,
            () = sleep_if(timeout) => {
                stop.stop(StopReason::TimedOut);
                StopReason::TimedOut
            }
        };
        // A shutdown has a grace of its own, at the end of which the driver drops the attempt.
        let grace = (stopped != StopReason::Shutdown).then_some(grace);
        let result = tokio::select! {
            biased;
            result = &mut work => Some(result),
            () = sleep_if(grace) => None,
        };
        Ending { result, stopped: Some(stopped) }
    }
}

/// Asks every supplier whether its output still holds.
async fn lost_inputs(suppliers: &[(StepIndex, Arc<dyn ErasedStep>, Json)]) -> Option<Outcome> {
    let mut lost = Vec::new();
    let mut reasons = Vec::new();
    for (index, step, output) in suppliers {
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

fn outcome(ending: Ending, progress: Progress, timeout: Option<Duration>) -> Outcome {
    match (ending.result, ending.stopped) {
        (Some(Ok(outcome)), _) => outcome,
        (result, Some(StopReason::TimedOut)) => {
            failed(&timed_out(timeout, result.and_then(Result::err)), progress)
        }
        (_, Some(_)) | (None, None) => Outcome::Interrupted,
        (Some(Err(error)), None) => failed(&error, progress),
    }
}

fn failed(error: &StepError, progress: Progress) -> Outcome {
    Outcome::Failed { failure: Box::new(error.to_failure()), progress }
}

fn timed_out(timeout: Option<Duration>, last: Option<StepError>) -> StepError {
    let limit = timeout.unwrap_or_default();
    let message = match last {
        Some(error) => format!("the attempt took longer than {limit:?}; it ended with: {error}"),
        None => format!("the attempt took longer than {limit:?}"),
    };
    StepError::new(Class::Timeout, "attempt", message)
}

fn panicked(panic: &str) -> StepError {
    StepError::new(Class::Internal, "panic", format!("the step panicked: {panic}"))
        .hint("this is a defect of the step; report it with this message")
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
