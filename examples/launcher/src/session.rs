//! An engine at work: opened, watched, waited for, and shut down in good order.

use std::path::PathBuf;
use std::time::Duration;

use resurge::journal::Json;
use resurge::steps::artifact::Artifact;
use resurge::steps::download::Download;
use resurge::{Engine, RunError, RunView, Settings, Unavailable};
use tokio::task::JoinHandle;

use crate::error::LauncherError;
use crate::exit::Exit;
use crate::flow::{InstallFlow, install_flow};
use crate::interrupt::Interrupt;
use crate::manifest::Recovery;
use crate::out;
use crate::place::DataDir;
use crate::report::{self, Awaited};
use crate::serve::{Front, Served};
use crate::sweep::sweep;
use crate::ui::{self, words};

/// How long attempts may take to save where they stand.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// An engine at work on the journal of a data directory.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) flow: InstallFlow,
    data: DataDir,
    display: JoinHandle<()>,
    dashboard: Option<Served>,
}

impl Session {
    /// Opens the engine, which goes on with what is unfinished, and begins to show what it does:
    /// on the terminal, and on the dashboard if there is to be one.
    pub(crate) async fn open(
        data: DataDir,
        recovery: &Recovery,
        download: Download,
        front: Option<Front>,
    ) -> Result<Self, LauncherError> {
        let flow = install_flow(recovery, download)?;
        // What could still refuse does so before anything goes on.
        let front = front.map(|front| front.guarded(&data)).transpose()?;
        let engine = Engine::open(data.journal());
        let engine = engine.settings(settings(recovery)).register(&flow).start().await?;
        let from = engine.head().next();
        let (runs, breakers) = (engine.runs().await?, engine.breakers().await?);
        // Before the display begins, which may draw over what is written later.
        let dashboard = front.map(|front| front.serve(&engine, &flow)).transpose()?;
        let display = tokio::spawn(ui::watch(engine.clone(), from, runs, breakers));
        Ok(Self { engine, flow, data, display, dashboard })
    }

    /// Every run that has not ended, the oldest first.
    pub(crate) async fn unfinished(&self) -> Result<Vec<RunView>, LauncherError> {
        let mut runs = self.engine.runs().await?;
        runs.retain(|run| !run.status.is_final());
        runs.sort_by_key(|run| run.started_at);
        Ok(runs)
    }

    /// Shuts the engine down without waiting for anything.
    pub(crate) async fn close(self) -> Result<(), LauncherError> {
        self.engine.shutdown(GRACE).await?;
        end(self.display, self.dashboard).await
    }

    /// Works until somebody asks to stop, and shuts down; gives how many runs have not ended.
    pub(crate) async fn until_asked(
        self,
        interrupt: &mut Interrupt,
    ) -> Result<usize, LauncherError> {
        let is_asked = interrupt.unless(stopped(&self.engine)).await.is_none();
        if !is_asked && self.engine.now().await.is_ok() {
            // Only the events could not be read any more.
            interrupt.asked().await;
        }
        let runs = self.engine.runs().await.unwrap_or_default();
        let stopped = self.engine.shutdown(GRACE).await;
        end(self.display, self.dashboard).await?;
        stopped?;
        let artifacts = runs.iter().filter_map(|run| run.input.read::<Artifact>().ok());
        let stagings: Vec<_> = artifacts.map(|artifact| artifact.staging).collect();
        sweep(&stagings.iter().map(PathBuf::as_path).collect(), &runs);
        Ok(runs.iter().filter(|run| !run.status.is_final()).count())
    }

    /// Waits for the runs or for Ctrl-C, shuts the engine down, and tells what became of them.
    pub(crate) async fn finish(
        self,
        awaited: Vec<Awaited>,
        interrupt: &mut Interrupt,
    ) -> Result<Exit, LauncherError> {
        let ended = interrupt.unless(outcomes(awaited)).await;
        // An engine that has failed tells nothing, and nothing is tidied after it.
        let runs = self.engine.runs().await.unwrap_or_default();
        let stopped = self.engine.shutdown(GRACE).await;
        let shown = end(self.display, self.dashboard).await;
        let Some(ended) = ended else {
            stopped?;
            let data = words::quoted(self.data.path());
            out::message(format_args!(
                "interrupted; go on with: launcher resume --data-dir {data}"
            ));
            return Ok(Exit::Interrupted);
        };
        let ended = ended?;
        stopped?;
        shown?;
        tidy(&ended, &runs);
        Ok(report::tell(&ended, &self.data))
    }
}

/// Waits for those who show an engine that has stopped.
async fn end(display: JoinHandle<()>, dashboard: Option<Served>) -> Result<(), LauncherError> {
    // It ends by itself when the last event was shown; a panic in it loses no fact.
    let _ = display.await;
    match dashboard {
        Some(dashboard) => dashboard.stop().await,
        None => Ok(()),
    }
}

/// Resolves when the engine has stopped by itself, or its events cannot be read any more.
async fn stopped(engine: &Engine) {
    let mut events = engine.events(engine.head().next());
    while let Ok(Some(_)) = events.next().await {}
}

/// The engine's settings, but for what a launcher on a desk knows better.
pub(crate) fn settings(recovery: &Recovery) -> Settings {
    let mut settings = Settings::default();
    settings.bandwidth_limit = recovery.bandwidth_limit;
    // People, updates and flat batteries kill launchers, with all transfers under way and hardly
    // ever because of one of them. What stays is that a crash is not repeated for ever.
    settings.crashes_max = 10;
    // The run of a name says that its file is there, and whose partial file is to be gone on with.
    (settings.retention_age, settings.retention_runs, settings.retention_bytes) =
        (None, None, None);
    settings
}

type Ended = (Awaited, Result<Json, RunError>);

/// Waits for all; an engine that fails meanwhile is not the fault of any run.
async fn outcomes(awaited: Vec<Awaited>) -> Result<Vec<Ended>, Unavailable> {
    let mut ended = Vec::with_capacity(awaited.len());
    for run in awaited {
        match run.run.outcome().await {
            Err(RunError::Unavailable(gone)) => return Err(gone),
            outcome => ended.push((run, outcome)),
        }
    }
    Ok(ended)
}

fn tidy(ended: &[Ended], runs: &[RunView]) {
    let artifacts = ended.iter().filter_map(|(run, _)| run.artifact.as_ref());
    sweep(&artifacts.map(|artifact| artifact.staging.as_path()).collect(), runs);
}
