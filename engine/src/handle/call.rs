//! Calls: runs of one step whose attempts a caller in this process makes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resurge_journal::failure::Class;
use resurge_journal::manifest::{InputShape, InputSpec, Manifest, StepSpec};
use resurge_journal::{
    AttemptNo, Json, ResourceKey, RunId, RunKey, StepIndex, StepKey, WorkflowName,
};
use resurge_steps::{ErasedStep, Needs, StepContext, StepError, StopReason};
use tokio::sync::{mpsc, oneshot};

use super::engine::Engine;
use super::error::Unavailable;
use crate::core::{CALL, Refusal, StartRequest};
use crate::policy::{Breaker, RetryPolicy, effective_retry};
use crate::shell::{Ended, Message};
use crate::workflow::Definition;

/// How a call is recovered.
#[derive(Debug, Clone)]
pub(crate) struct CallSpec {
    /// Identity over restarts; a call without one ends with its process.
    pub(crate) key: Option<RunKey>,
    pub(crate) retry: RetryPolicy,
    pub(crate) breaker: Breaker,
    pub(crate) deadline: Option<Duration>,
}

/// A call that begins; dropping it calls it off.
#[derive(Debug)]
pub(crate) struct Calling(oneshot::Receiver<Result<Call, CallRefused>>);

/// A call under way: says when an attempt is to be made, and how it all ended.
///
/// Dropping it ends the attempt; a call with a key goes on when it is made again.
#[derive(Debug)]
pub(crate) struct Call {
    engine: Engine,
    run: RunId,
    words: mpsc::Receiver<Told>,
    /// An attempt of which the caller has not been told yet.
    next: Option<Begun>,
    has_ended: bool,
}

/// What the engine tells.
#[derive(Debug)]
enum Told {
    Begun(Begun),
    Ended(Box<Ended>),
    Gone,
}

/// An attempt that waits for its caller.
#[derive(Debug)]
struct Begun {
    attempt: AttemptNo,
    done: oneshot::Sender<Result<(), StepError>>,
}

/// What a caller is told.
#[derive(Debug)]
pub(crate) enum Word {
    /// Make an attempt.
    Go(Ticket),
    /// It is over.
    Ended(Box<Ended>),
    /// The engine no longer runs.
    Gone,
}

/// Leave for one attempt.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Attempts so far, with this one and those that were free.
    pub(crate) attempt: AttemptNo,
    /// Which of `max_attempts` it is.
    pub(crate) number: u32,
    pub(crate) max_attempts: u32,
    /// How long the whole call may still take.
    pub(crate) left: Option<Duration>,
    done: oneshot::Sender<Result<(), StepError>>,
}

/// Why a call cannot be made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CallRefused {
    /// The same call is under way already, or something else has its key.
    Busy(RunId),
    /// Somebody has paused it.
    Paused(RunId),
    /// The disk of the journal is full.
    NoRoom,
    Unavailable,
}

impl Ticket {
    /// Says how the attempt ended.
    pub(crate) fn finish(self, result: Result<(), StepError>) {
        // An attempt that was called off meanwhile has nobody to tell.
        let _ = self.done.send(result);
    }
}

impl Engine {
    /// Begins a call, or goes on with one that was cut off.
    pub(crate) fn call(&self, spec: CallSpec) -> Calling {
        let (tell, told) = oneshot::channel();
        let engine = self.clone();
        // In a task of its own, so that a caller that stops waiting leaves no call behind: the
        // answer that nobody takes is dropped.
        self.inner.home.runtime.spawn(async move {
            let _ = tell.send(engine.begin_call(spec).await);
        });
        Calling(told)
    }

    /// Whether a thread that waits for this engine here would wait for ever.
    pub(crate) fn would_be_blocked(&self) -> bool {
        self.inner.home.is_this_thread_only()
    }

    async fn begin_call(&self, spec: CallSpec) -> Result<Call, CallRefused> {
        let (tell, words) = mpsc::channel(WORDS_MAX);
        let request = request(spec, tell.clone()).ok_or(CallRefused::Unavailable)?;
        let request = Box::new(request);
        let answer = self.ask(|reply| Message::Start { request, reply }).await;
        let run = match answer.map_err(|_| CallRefused::Unavailable)? {
            Ok(run) => run,
            Err(Refusal::Busy { run } | Refusal::Existing(run) | Refusal::KeyTaken { run }) => {
                return Err(CallRefused::Busy(run));
            }
            Err(Refusal::PausedRun { run }) => return Err(CallRefused::Paused(run)),
            Err(Refusal::NoRoom) => return Err(CallRefused::NoRoom),
            Err(_) => return Err(CallRefused::Unavailable),
        };
        let engine = self.clone();
        self.inner.home.runtime.spawn(async move {
            let answer = tokio::select! {
                answer = engine.ask(|reply| Message::Outcome { run, reply }) => answer,
                // The caller is gone, and must not keep the engine open.
                () = tell.closed() => return,
            };
            let told = match answer {
                Ok(Some(ended)) => Told::Ended(Box::new(ended)),
                Ok(None) | Err(_) => Told::Gone,
            };
            // A caller that is gone does not ask any more.
            let _ = tell.send(told).await;
        });
        Ok(Call { engine: self.clone(), run, words, next: None, has_ended: false })
    }
}

impl Calling {
    /// Waits until the call is durable.
    ///
    /// # Cancel safety
    /// Safe: ask again.
    pub(crate) async fn begun(&mut self) -> Result<Call, CallRefused> {
        (&mut self.0).await.unwrap_or(Err(CallRefused::Unavailable))
    }
}

impl Call {
    /// Waits for the next word.
    ///
    /// # Cancel safety
    /// Safe: a word that was not given comes with the next call.
    pub(crate) async fn next(&mut self) -> Word {
        loop {
            if self.next.is_none() {
                match self.words.recv().await {
                    Some(Told::Begun(begun)) => self.next = Some(begun),
                    Some(Told::Ended(ended)) => return self.over(Word::Ended(ended)),
                    Some(Told::Gone) | None => return self.over(Word::Gone),
                }
            }
            let standing = self.standing().await;
            // One that was called off before anybody heard of it needs nobody.
            let Some(Begun { attempt, done }) = self.next.take().filter(|b| !b.done.is_closed())
            else {
                continue;
            };
            return match standing {
                Ok((number, max_attempts, left)) => {
                    Word::Go(Ticket { attempt, number, max_attempts, left, done })
                }
                Err(_) => self.over(Word::Gone),
            };
        }
    }

    fn over(&mut self, word: Word) -> Word {
        self.has_ended = true;
        word
    }

    /// Which attempt it is, of how many, and how long the whole call may still take.
    async fn standing(&self) -> Result<(u32, u32, Option<Duration>), Unavailable> {
        let id = self.run;
        let seen = self.engine.look(move |sight| {
            let run = sight.state.run(id)?;
            let (_, spec, step) = run.steps().next()?;
            let retry = effective_retry(&spec.retry, sight.state.tuning());
            let left = run.deadline_at.map(|deadline| deadline.since(sight.now));
            Some((step.charged.saturating_add(1), retry.max_retries.saturating_add(1), left))
        });
        seen.await?.ok_or_else(Unavailable::shutting_down)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let (inbox, run) = (self.engine.inner.inbox.clone(), self.run);
        if let Err(mpsc::error::TrySendError::Full(message)) =
            inbox.try_send(Message::Detach { run })
        {
            self.engine.inner.home.runtime.spawn(async move {
                let _ = inbox.send(message).await;
            });
        }
    }
}

fn request(spec: CallSpec, tell: mpsc::Sender<Told>) -> Option<StartRequest> {
    let step = StepSpec {
        key: StepKey::new(CALL).ok()?,
        kind: CALL.to_owned(),
        input: InputSpec { shape: InputShape::Nothing, sources: Vec::new() },
        after: Vec::new(),
        retry: spec.retry.spec,
        timeout_ms: None,
        idle_timeout_ms: None,
        is_idempotent: true,
        breaker: Some(spec.breaker.spec.clone()),
    };
    let manifest = Manifest {
        workflow: WorkflowName::new(CALL).ok()?,
        version: 1,
        result: StepIndex::new(0),
        steps: [step].into(),
    };
    let custom = manifest.steps.first().and_then(|step| step.retry.custom.clone());
    let caller = Arc::new(Definition {
        manifest: manifest.clone(),
        steps: vec![Arc::new(CallStep { tell, guard: spec.breaker.keys.first().cloned() })],
        custom: custom.into_iter().zip(spec.retry.custom).collect(),
        resources: vec![spec.breaker],
        retried: Vec::new(),
    });
    Some(StartRequest {
        manifest,
        input: Json::null(),
        key: spec.key,
        deadline: spec.deadline,
        restart_ended: true,
        caller: Some(caller),
    })
}

/// Has the caller make each attempt.
struct CallStep {
    tell: mpsc::Sender<Told>,
    /// What its breaker protects.
    guard: Option<ResourceKey>,
}

#[async_trait]
impl ErasedStep for CallStep {
    fn kind(&self) -> &'static str {
        CALL
    }

    fn needs(&self, _input: &Json) -> Needs {
        Needs::nothing()
    }

    fn accepts(&self, output: &Json) -> Result<(), serde_json::Error> {
        output.read::<()>()
    }

    async fn run(&self, cx: StepContext, _input: Json) -> Result<Json, StepError> {
        let (done, mut result) = oneshot::channel();
        let begun = Begun { attempt: cx.attempt(), done };
        if self.tell.send(Told::Begun(begun)).await.is_err() {
            return self.caller_gone(&cx).await;
        }
        tokio::select! {
            biased;
            result = &mut result => return self.ended(&cx, result.ok()).await,
            reason = cx.stopped() => if matches!(reason, StopReason::Cancelled | StopReason::Superseded) {
                return self.caller_gone(&cx).await;
            },
        }
        // What the caller has in hand counts, if it is done within the grace that there is.
        let result = result.await;
        self.ended(&cx, result.ok()).await
    }

    async fn lost(&self, _output: &Json) -> Option<String> {
        None
    }
}

impl CallStep {
    async fn ended(
        &self,
        cx: &StepContext,
        result: Option<Result<(), StepError>>,
    ) -> Result<Json, StepError> {
        match result {
            Some(Ok(())) => Ok(Json::null()),
            Some(Err(error)) => {
                let Some(key) = &self.guard else { return Err(error) };
                // About a function itself even an error that nobody knows says something.
                if key.kind() == "fn" && error.class() == Class::Unknown {
                    cx.failing(key);
                }
                Err(error.resource(key.clone()))
            }
            None => self.caller_gone(cx).await,
        }
    }

    /// Whoever called is gone: the engine is about to hear of it and ends this attempt.
    async fn caller_gone(&self, cx: &StepContext) -> Result<Json, StepError> {
        cx.stopped().await;
        Err(StepError::new(Class::Interrupted, "caller_gone", "the caller is gone"))
    }
}

/// Attempts that were called off before their caller heard of them, and the end of the call.
const WORDS_MAX: usize = 4;
