//! Calls: runs of one step whose attempts a caller in this process makes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resurge_journal::failure::Failure;
use resurge_journal::manifest::{InputShape, InputSpec, Manifest, StepSpec};
use resurge_journal::{Json, RunId, RunKey, StepIndex, StepKey, WorkflowName};
use resurge_steps::{ErasedStep, Needs, StepContext, StepError};
use tokio::sync::{mpsc, oneshot};

use super::engine::Engine;
use super::error::Unavailable;
use crate::core::{CALL, Refusal, StartRequest};
use crate::policy::{Breaker, RetryPolicy};
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

/// A call under way: says when an attempt is to be made, and how it all ended.
///
/// Dropping it ends the attempt; a call with a key goes on when it is made again.
#[derive(Debug)]
pub(crate) struct Call {
    engine: Engine,
    run: RunId,
    words: mpsc::Receiver<Word>,
    has_ended: bool,
}

/// What a caller is told.
#[derive(Debug)]
pub(crate) enum Word {
    /// Make an attempt.
    Go(Ticket),
    /// It is over.
    Ended(Ended),
    /// The engine no longer runs.
    Gone(Unavailable),
}

/// Leave for one attempt.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) attempt: u32,
    pub(crate) max_attempts: u32,
    done: oneshot::Sender<Result<(), StepError>>,
}

/// Why a call cannot be made.
#[derive(Debug)]
pub(crate) enum CallRefused {
    /// The same call is under way already.
    Busy(RunId),
    /// Somebody has paused it.
    Paused(RunId),
    Unavailable(Unavailable),
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
    pub(crate) async fn call(&self, spec: CallSpec) -> Result<Call, CallRefused> {
        let (tell, words) = mpsc::channel(WORDS_MAX);
        let request = request(spec, tell.clone()).ok_or_else(|| {
            CallRefused::Unavailable(Unavailable { reason: "the call cannot be named".to_owned() })
        })?;
        let request = Box::new(request);
        let answer = self.ask(|reply| Message::Start { request, reply }).await;
        let run = match answer.map_err(CallRefused::Unavailable)? {
            Ok(run) => run,
            Err(Refusal::Busy { run } | Refusal::Existing(run) | Refusal::KeyTaken { run }) => {
                return Err(CallRefused::Busy(run));
            }
            Err(Refusal::PausedRun { run }) => return Err(CallRefused::Paused(run)),
            Err(_) => return Err(CallRefused::Unavailable(Unavailable::shutting_down())),
        };
        let engine = self.clone();
        self.inner.runtime.spawn(async move {
            let answer = tokio::select! {
                answer = engine.ask(|reply| Message::Outcome { run, reply }) => answer,
                // The caller is gone, and must not keep the engine open.
                () = tell.closed() => return,
            };
            let word = match answer {
                Ok(Some(ended)) => Word::Ended(ended),
                Ok(None) => Word::Gone(Unavailable::shutting_down()),
                Err(gone) => Word::Gone(gone),
            };
            // A caller that is gone does not ask any more.
            let _ = tell.send(word).await;
        });
        Ok(Call { engine: self.clone(), run, words, has_ended: false })
    }

    /// Like [`call`](Self::call), for a thread outside any runtime.
    pub(crate) fn call_blocking(&self, spec: CallSpec) -> Result<Call, CallRefused> {
        let (tell, told) = std::sync::mpsc::channel();
        let engine = self.clone();
        self.inner.runtime.spawn(async move {
            let _ = tell.send(engine.call(spec).await);
        });
        told.recv().unwrap_or_else(|_| Err(CallRefused::Unavailable(Unavailable::shutting_down())))
    }
}

impl Call {
    /// Waits for the next word.
    ///
    /// # Cancel safety
    /// Safe: a word that was not given comes with the next call.
    pub(crate) async fn next(&mut self) -> Word {
        let word = self.words.recv().await;
        self.heard(word)
    }

    /// Waits for the next word on this thread.
    pub(crate) fn next_blocking(&mut self) -> Word {
        let word = self.words.blocking_recv();
        self.heard(word)
    }

    fn heard(&mut self, word: Option<Word>) -> Word {
        let word = word.unwrap_or_else(|| Word::Gone(Unavailable::shutting_down()));
        self.has_ended |= matches!(word, Word::Ended(_) | Word::Gone(_));
        word
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
            self.engine.inner.runtime.spawn(async move {
                let _ = inbox.send(message).await;
            });
        }
    }
}

fn request(spec: CallSpec, tell: mpsc::Sender<Word>) -> Option<StartRequest> {
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
        steps: vec![step],
    };
    let custom = manifest.steps.first().and_then(|step| step.retry.custom.clone());
    let caller = Arc::new(Definition {
        manifest: manifest.clone(),
        steps: vec![Arc::new(CallStep { tell })],
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
    tell: mpsc::Sender<Word>,
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
        let (done, result) = oneshot::channel();
        let (attempt, max_attempts) = (cx.attempt().get(), cx.max_attempts());
        let ticket = Ticket { attempt, max_attempts, done };
        let told = self.tell.send(Word::Go(ticket)).await;
        if told.is_ok() {
            tokio::select! {
                biased;
                result = result => if let Ok(result) = result {
                    return result.map(|()| Json::null());
                },
                _ = cx.stopped() => {}
            }
        }
        // The caller is gone: the engine is about to hear of it and ends this attempt.
        cx.stopped().await;
        Err(caller_gone())
    }

    async fn lost(&self, _output: &Json) -> Option<String> {
        None
    }
}

fn caller_gone() -> StepError {
    StepError::new(
        resurge_journal::failure::Class::Interrupted,
        "caller_gone",
        "the caller is gone",
    )
}

/// The failure that ended a call, if one did.
pub(crate) fn failure_of(ended: &Ended) -> Option<&Failure> {
    match ended {
        Ended::Failed { failure, .. } | Ended::Exhausted { failure, .. } => failure.as_ref(),
        _ => None,
    }
}

/// At most one ticket and the end of the call are told at a time.
const WORDS_MAX: usize = 4;
