//! What a test can say.

use std::time::Duration;

use resurge::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::AnyError;
use crate::crowd::{crowd, stir, storm};
use crate::flows::Flows;
use crate::script::{Line, Scripts};

/// What a test can say, one object a line.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Start an operation; the workflow is that of three steps unless another is named.
    Start {
        name: String,
        #[serde(default)]
        workflow: Option<String>,
    },
    /// Tell the steps of an operation what to do next.
    Tell { name: String, lines: Vec<Line> },
    /// Start many operations.
    Crowd { ended: u32, active: u32 },
    /// Move everything that is under way, again and again.
    Stir { active: u32, rounds: u32, every_ms: u64 },
    /// Make many events.
    Storm { per_second: u32, seconds: u32 },
    /// Say how often the button was pressed, and how far the journal is.
    Look,
    /// Stop the engine and leave the dashboard.
    Stop,
}

/// What the commands are carried out on.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) flows: Flows,
    pub(crate) scripts: Scripts,
}

impl Stage {
    /// Does what a line says.
    pub(crate) async fn obey(&self, line: &str) -> Result<Value, AnyError> {
        let Self { engine, flows, scripts } = self;
        match serde_json::from_str(line)? {
            Command::Start { name, workflow } => {
                let workflow = workflow.as_deref().unwrap_or("install-model");
                let flow = flows.named(workflow).ok_or("there is no such workflow")?;
                let run = engine.start(flow, name.clone()).key(name).await?;
                Ok(json!({ "operation": run.id().to_string() }))
            }
            Command::Tell { name, lines } => {
                scripts.tell(&name, lines);
                Ok(json!({ "told": name }))
            }
            Command::Crowd { ended, active } => {
                crowd(engine, flows, scripts, ended, active).await?;
                Ok(json!({ "seq": engine.head().get() }))
            }
            Command::Stir { active, rounds, every_ms } => {
                stir(scripts, active, rounds, Duration::from_millis(every_ms)).await;
                Ok(json!({ "rounds": rounds }))
            }
            Command::Storm { per_second, seconds } => {
                let events = storm(engine, flows, per_second, seconds).await?;
                Ok(json!({ "events": events, "seq": engine.head().get() }))
            }
            Command::Look => {
                let rung = scripts.rung();
                Ok(json!({ "rung": rung, "seq": engine.head().get() }))
            }
            Command::Stop => {
                engine.shutdown(Duration::from_secs(1)).await?;
                Ok(json!({ "stopped": true }))
            }
        }
    }
}
