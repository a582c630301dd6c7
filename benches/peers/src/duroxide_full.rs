//! duroxide on SQLite, but with `synchronous = FULL`: as shipped it does not survive a power cut.
//!
//! One dispatcher of each kind, as more of them refuse each other the database.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{ObservabilityConfig, Runtime, RuntimeOptions};
use duroxide::{
    ActivityContext, BackoffStrategy, Client, OrchestrationContext, OrchestrationRegistry,
    OrchestrationStatus, RetryPolicy,
};

use crate::peer::{FAILURES, Flow, Peer, Result};

const CONNECTIONS: usize = 5;
const WAIT: Duration = Duration::from_secs(120);

pub(crate) struct Duroxide {
    client: Client,
    _runtime: Arc<Runtime>,
}

impl Duroxide {
    pub(crate) async fn open(folder: &Path, flow: Flow) -> Result<Self> {
        let file = folder.join("duroxide.db");
        let url = format!("sqlite:{}?mode=rwc", file.display());
        let provider = SqliteProvider::new(&url, None).await?;
        sync_every_commit(&provider).await?;
        let provider = Arc::new(provider);
        let orchestrations = match flow {
            Flow::W1 => OrchestrationRegistry::builder().register("flow", three_steps),
            Flow::W3 => OrchestrationRegistry::builder().register("flow", fails_thrice),
        };
        let options = RuntimeOptions {
            dispatcher_min_poll_interval: Duration::from_millis(5),
            orchestration_concurrency: 1,
            worker_concurrency: 1,
            // It reports every refusal of the database, of which there are hundreds.
            observability: ObservabilityConfig {
                log_level: "off".to_owned(),
                ..ObservabilityConfig::default()
            },
            ..RuntimeOptions::default()
        };
        let store = Arc::clone(&provider);
        let runtime =
            Runtime::start_with_options(store, activities(), orchestrations.build(), options).await;
        Ok(Self { client: Client::new(provider), _runtime: runtime })
    }
}

/// Sets every connection of the pool, held at the same time so that none is met twice.
async fn sync_every_commit(provider: &SqliteProvider) -> Result<()> {
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = provider.get_pool().acquire().await?;
        sqlx::query("PRAGMA synchronous = FULL").execute(&mut *connection).await?;
        let level: i64 =
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *connection).await?;
        if level != 2 {
            return Err("SQLite does not sync every commit".into());
        }
        held.push(connection);
    }
    Ok(())
}

fn activities() -> ActivityRegistry {
    let attempts: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
    ActivityRegistry::builder()
        .register("pass", |_: ActivityContext, text: String| async move { Ok(text) })
        .register("fail", move |cx: ActivityContext, text: String| {
            let attempts = Arc::clone(&attempts);
            async move {
                let mut attempts = attempts.lock().unwrap_or_else(PoisonError::into_inner);
                let made = attempts.entry(cx.instance_id().to_owned()).or_default();
                *made += 1;
                if *made <= FAILURES { Err("nobody listens".to_owned()) } else { Ok(text) }
            }
        })
        .build()
}

async fn three_steps(cx: OrchestrationContext, mut text: String) -> Result<String, String> {
    for _ in ["a", "b", "c"] {
        text = cx.schedule_activity("pass", text).await?;
    }
    Ok(text)
}

async fn fails_thrice(cx: OrchestrationContext, text: String) -> Result<String, String> {
    let pause = BackoffStrategy::Fixed { delay: Duration::from_millis(1) };
    let policy = RetryPolicy::new(FAILURES + 1).with_backoff(pause);
    cx.schedule_activity_with_retry("fail", text, policy).await
}

#[async_trait]
impl Peer for Duroxide {
    async fn run(&self, payload: String) -> Result<()> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let instance = format!("run-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.client.start_orchestration(&instance, "flow", payload).await?;
        match self.client.wait_for_orchestration(&instance, WAIT).await? {
            OrchestrationStatus::Completed { .. } => Ok(()),
            status => Err(format!("a run ended as {status:?}").into()),
        }
    }
}
