//! Resurge as a program would have it.

use std::future::IntoFuture;
use std::path::Path;

use async_trait::async_trait;
use benches::{fails_thrice, three_steps};
use resurge::{Engine, Settings, Workflow};

use crate::peer::{Flow, Peer, Result};

pub(crate) struct Ours {
    engine: Engine,
    workflow: Workflow<String, String>,
}

impl Ours {
    pub(crate) async fn open(folder: &Path, flow: Flow, at_once: usize) -> Result<Self> {
        let workflow = match flow {
            Flow::W1 => three_steps(),
            Flow::W3 => fails_thrice(),
        };
        let mut settings = Settings::default();
        settings.attempts_in_flight_max = at_once.max(settings.attempts_in_flight_max);
        let engine = Engine::open(folder.join("journal")).settings(settings);
        Ok(Self { engine: engine.register(&workflow).start().await?, workflow })
    }
}

#[async_trait]
impl Peer for Ours {
    async fn run(&self, payload: String) -> Result<()> {
        let run = self.engine.start(&self.workflow, payload).into_future().await?;
        run.outcome().await?;
        Ok(())
    }
}
