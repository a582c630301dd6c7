//! One attempt, from the look at its inputs to its outcome.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use resurge_journal::event::{Health, Sign};
use resurge_journal::failure::Class;
use resurge_journal::{Json, StepIndex};
use resurge_steps::classify::Rules;
use resurge_steps::{
    ErasedStep, Progress, Reports, StepContext, StepError, StopHandle, StopReason,
};
use tokio::sync::watch;

use super::ambient::sleep;
use crate::core::{Outcome, Seen};

/// Everything that an attempt needs.
pub(super) struct Attempt {
    pub(super) step: Arc<dyn ErasedStep>,
    pub(super) input: Json,
    /// The steps whose outputs are built on, with those outputs.
    pub(super) suppliers: Vec<(StepIndex, Arc<dyn ErasedStep>, Json)>,
    pub(super) cx: StepContext,
    pub(super) stop: StopHandle,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) reports: Reports,
    pub(super) rules: Rules,
    pub(super) timeout: Option<Duration>,
    /// Longest time without progress.
    pub(super) idle_timeout: Option<Duration>,
    /// How long it may go on after it was asked to stop.
    pub(super) grace: Duration,
}

/// What the attempt came to, if it came to an end, and whether it was asked to stop.
struct Ending {
    result: Option<Result<Worked, StepError>>,
    stopped: Option<Stopped>,
}

/// What the work came to without a failure.
enum Worked {
    Done(Json),
    InputsLost(Box<Outcome>),
}

/// Who asked an attempt to stop.
enum Stopped {
    Engine,
    Timeout(Duration),
    Idle(Duration),
}

impl Attempt {
    /// Runs to its outcome; panics of the step are failures like any other.
    ///
    /// Boxed, as futures hold what they are given more than once.
    pub(super) async fn run(self: Box<Self>) -> Outcome {
        let (progress, reports) = (self.progress.clone(), self.reports.clone());
        // Around everything: what a step leaves behind can panic when it is dropped.
        let attended = catch_panic(pin!(self.attend())).await;
        attended.unwrap_or_else(|panic| {
            failed(&panicked(&panic), Progress { done: 0, ..*progress.borrow() }, &reports)
        })
    }

    async fn attend(self: Box<Self>) -> Outcome {
        let ending = self.supervise().await;
        let progress = *self.progress.borrow();
        match ending.into_result() {
            Some(Ok(Worked::Done(output))) => {
                Outcome::Succeeded { output, seen: seen(progress, &self.reports) }
            }
            Some(Ok(Worked::InputsLost(lost))) => *lost,
            Some(Err(error)) => failed(&self.rules.judge(error), progress, &self.reports),
            None => Outcome::Interrupted,
        }
    }

    async fn supervise(&self) -> Ending {
        let mut work = pin!(self.work());
        // Much of what is done is done at once, without anything to wait for.
        let at_once = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
        if let Poll::Ready(result) = at_once {
            return self.ended(result);
        }
        Box::pin(self.wait_for(work)).await
    }

    async fn work(&self) -> Result<Worked, StepError> {
        if let Some(lost) = lost_inputs(&self.suppliers).await {
            return Ok(Worked::InputsLost(Box::new(lost)));
        }
        let run = pin!(self.step.run(self.cx.clone(), self.input.clone()));
        let result = catch_panic(run).await;
        result.unwrap_or_else(|panic| Err(panicked(&panic))).map(Worked::Done)
    }

    /// Work that came to an end by itself; what gives up because it was asked to has not failed.
    fn ended(&self, result: Result<Worked, StepError>) -> Ending {
        Ending { result: Some(result), stopped: self.stop.reason().map(|_| Stopped::Engine) }
    }

    /// Waits for work within its limits.
    async fn wait_for(
        &self,
        mut work: Pin<&mut impl Future<Output = Result<Worked, StepError>>>,
    ) -> Ending {
        let (stop, progress) = (&self.stop, self.progress.clone());
        let (stopped, reason) = tokio::select! {
            biased;
            result = &mut work => return self.ended(result),
            reason = stop.stopped() => (Stopped::Engine, reason),
            limit = elapsed(self.timeout) => (Stopped::Timeout(limit), StopReason::TimedOut),
            limit = idle(self.idle_timeout, progress, &self.reports) => {
                (Stopped::Idle(limit), StopReason::TimedOut)
            }
        };
        stop.stop(reason);
        // A shutdown has a grace of its own, at the end of which the driver drops the attempt.
        let grace = (reason != StopReason::Shutdown).then_some(self.grace);
        let result = tokio::select! {
            biased;
            result = &mut work => Some(result),
            _ = elapsed(grace) => None,
        };
        Ending { result, stopped: Some(stopped) }
    }
}

impl Ending {
    /// What counts: work that was done counts even if it was asked to stop.
    fn into_result(self) -> Option<Result<Worked, StepError>> {
        match (self.result, self.stopped) {
            (Some(Ok(worked)), _) => Some(Ok(worked)),
            (Some(Err(error)), None) => Some(Err(error)),
            (result, Some(Stopped::Timeout(limit))) => {
                Some(Err(timed_out(limit, result.and_then(Result::err))))
            }
            (result, Some(Stopped::Idle(limit))) => {
                Some(Err(stalled(limit, result.and_then(Result::err))))
            }
            (_, Some(Stopped::Engine)) | (None, None) => None,
        }
    }
}

/// Asks every supplier whether its output still holds.
async fn lost_inputs(suppliers: &[(StepIndex, Arc<dyn ErasedStep>, Json)]) -> Option<Outcome> {
    let mut lost = Vec::new();
    let mut reasons = Vec::new();
    for (index, step, output) in suppliers {
        let answer = catch_panic(pin!(step.lost(output))).await;
        let gone = answer.unwrap_or_else(|panic| Some(format!("the check panicked: {panic}")));
        if let Some(reason) = gone {
            lost.push(*index);
            reasons.push(reason);
        }
    }
    let reason = || reasons.join("; ").chars().take(REASON_CHARS_MAX).collect();
    (!lost.is_empty()).then(|| Outcome::InputsLost { reason: reason(), lost })
}

fn failed(error: &StepError, progress: Progress, reports: &Reports) -> Outcome {
    Outcome::Failed { failure: Box::new(error.to_failure()), seen: seen(progress, reports) }
}

fn seen(progress: Progress, reports: &Reports) -> Seen {
    let said = |(key, health)| {
        let sign = match health {
            resurge_steps::Health::Alive => Sign::Alive,
            resurge_steps::Health::Failing => Sign::Failing,
        };
        Health { key, sign }
    };
    let health = reports.health().into_iter().map(said).collect();
    Seen { progress, used: reports.used(), health }
}

fn timed_out(limit: Duration, last: Option<StepError>) -> StepError {
    let message = match last {
        Some(error) => format!("the attempt took longer than {limit:?}; it ended with: {error}"),
        None => format!("the attempt took longer than {limit:?}"),
    };
    StepError::new(Class::Timeout, "attempt", message)
        .hint("the other side is slow to answer; the next attempt may take longer")
}

fn stalled(limit: Duration, last: Option<StepError>) -> StepError {
    let message = match last {
        Some(error) => format!("no progress for {limit:?}; it ended with: {error}"),
        None => format!("no progress for {limit:?}"),
    };
    StepError::new(Class::Timeout, "stalled", message)
        .hint("the transfer stalled; it is taken up again")
}

fn panicked(panic: &str) -> StepError {
    StepError::new(Class::Internal, "panic", format!("the step panicked: {panic}"))
        .hint("this is a defect of the step; report it with this message")
}

/// Waits until a limit has passed, for ever if there is none.
async fn elapsed(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

/// Waits until there was no progress for so long, for ever if there is no limit.
///
/// One that the limit on bandwidth holds back meanwhile gets all of it again.
async fn idle(
    limit: Option<Duration>,
    mut progress: watch::Receiver<Progress>,
    reports: &Reports,
) -> Duration {
    let Some(limit) = limit else { return std::future::pending().await };
    let mut last = *progress.borrow_and_update();
    loop {
        tokio::select! {
            biased;
            is_alive = advance(&mut progress, &mut last) => {
                if !is_alive {
                    // The attempt is over; nobody waits for this any more.
                    return std::future::pending().await;
                }
                // What held it back before that is over.
                reports.take_held_back();
            }
            () = sleep(limit) => {
                if !reports.take_held_back() {
                    return limit;
                }
            }
        }
    }
}

/// Waits until more is done than was said last: to say the same again is no progress.
///
/// False if nobody can say any more.
async fn advance(progress: &mut watch::Receiver<Progress>, last: &mut Progress) -> bool {
    while progress.changed().await.is_ok() {
        let before = std::mem::replace(last, *progress.borrow_and_update());
        if last.done > before.done || last.began_at != before.began_at {
            return true;
        }
    }
    false
}

/// Runs a future and turns a panic into its message.
async fn catch_panic<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, String> {
    poll_fn(move |cx| {
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
