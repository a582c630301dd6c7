//! memable as shipped, which is durable: redb syncs every commit. Its retries are not kept.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use memable::{Context, Engine, EngineError, RetryPolicy, StepError, WorkflowState};

use crate::peer::{FAILURES, Flow, Peer, Result};

pub(crate) struct Memable(Engine);

impl Memable {
    pub(crate) async fn open(folder: &Path, flow: Flow) -> Result<Self> {
        let mut engine = Engine::builder().open(folder.join("memable.redb"))?.build();
        match flow {
            Flow::W1 => engine.register("flow", three_steps),
            Flow::W3 => engine.register("flow", fails_thrice),
        }
        engine.start().await?;
        Ok(Self(engine))
    }
}

async fn three_steps(cx: Context) -> Result<(), EngineError> {
    let mut text = cx.input::<String>()?.unwrap_or_default();
    for key in ["a", "b", "c"] {
        let given = text.clone();
        text = cx.step(key).run(async move || Ok(given.clone())).await?;
    }
    Ok(())
}

async fn fails_thrice(cx: Context) -> Result<(), EngineError> {
    let text = cx.input::<String>()?.unwrap_or_default();
    let attempts = Arc::new(AtomicU32::new(0));
    let policy = RetryPolicy::fixed(FAILURES, Duration::from_millis(1));
    let step = async move || {
        if attempts.fetch_add(1, Ordering::Relaxed) < FAILURES {
            return Err(StepError::retryable("nobody listens"));
        }
        Ok(text.clone())
    };
    cx.step("a").retry(policy).run(step).await.map(|_: String| ())
}

#[async_trait]
impl Peer for Memable {
    async fn run(&self, payload: String) -> Result<()> {
        match self.0.invoke("flow").input(payload).await?.wait().await {
            WorkflowState::Completed(_) => Ok(()),
            state => Err(format!("a run ended as {state}").into()),
        }
    }
}
