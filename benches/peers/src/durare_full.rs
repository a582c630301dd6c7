//! durare on SQLite, but with `synchronous = FULL`: as shipped it does not survive a power cut. Its
//! retries are not kept.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use durare::{DurableContext, DurableEngine, Error, SqliteProvider, StepOptions, WorkflowOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::peer::{FAILURES, Flow, Peer, Result};

pub(crate) struct Durare(DurableEngine);

impl Durare {
    pub(crate) async fn open(folder: &Path, flow: Flow) -> Result<Self> {
        // As `SqliteProvider::connect` has it, apart from the syncs.
        let options = SqliteConnectOptions::new()
            .filename(folder.join("durare.db"))
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(5).connect_with(options).await?;
        let mut engine = DurableEngine::new(Arc::new(SqliteProvider::from_pool(pool))).await?;
        match flow {
            Flow::W1 => engine.register("flow", three_steps),
            Flow::W3 => engine.register("flow", fails_thrice),
        }
        engine.launch().await?;
        Ok(Self(engine))
    }
}

async fn three_steps(cx: DurableContext, mut text: String) -> durare::Result<String> {
    for key in ["a", "b", "c"] {
        let given = text.clone();
        text = cx.step(key, || async move { Ok(given) }).await?;
    }
    Ok(text)
}

async fn fails_thrice(cx: DurableContext, text: String) -> durare::Result<String> {
    let attempts = Arc::new(AtomicU32::new(0));
    let pause = Duration::from_millis(1);
    let mut options = StepOptions::new("a");
    options.max_retries = FAILURES;
    options.backoff_factor = 1.0;
    (options.base_interval, options.max_interval) = (pause, pause);
    let step = move || {
        let (attempts, text) = (Arc::clone(&attempts), text.clone());
        async move {
            if attempts.fetch_add(1, Ordering::Relaxed) < FAILURES {
                return Err(Error::app("nobody listens"));
            }
            Ok(text)
        }
    };
    cx.step_with(options, step).await
}

#[async_trait]
impl Peer for Durare {
    async fn run(&self, payload: String) -> Result<()> {
        let handle = self.0.start::<_, String>("flow", payload, WorkflowOptions::default()).await?;
        handle.await?;
        Ok(())
    }
}
