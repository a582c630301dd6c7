//! `launcher resume`: goes on with whatever is unfinished.

use std::path::Path;

use resurge::steps::artifact::Artifact;
use resurge::steps::download::Download;
use resurge::{RetryPolicy, RunStatus, RunView};

use crate::error::LauncherError;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::out;
use crate::place::DataDir;
use crate::report::{Awaited, name_of};
use crate::session::Session;

/// Opens the engine, which resumes by itself, and waits for every run that has not ended.
pub(crate) async fn run(data_dir: &Path) -> Result<Exit, LauncherError> {
    let data = DataDir::existing(data_dir)?;
    let mut interrupt = Interrupt::listen()?;
    resume(data, Download::default(), &mut interrupt).await
}

/// Goes on with everything in a data directory.
pub(crate) async fn resume(
    data: DataDir,
    download: Download,
    interrupt: &mut Interrupt,
) -> Result<Exit, LauncherError> {
    // Each run keeps the policy it was started with; this one only completes the definition.
    let session = Session::open(data, &RetryPolicy::default(), download).await?;
    let runs = session.unfinished().await?;
    let (parked, open): (Vec<RunView>, Vec<RunView>) =
        runs.into_iter().partition(|run| run.status == RunStatus::Paused);
    for run in &parked {
        let reason = run.paused.as_deref().unwrap_or("no reason was recorded");
        out::message(format_args!("{}  is paused: {reason}", name_of(run)));
    }
    if open.is_empty() && parked.is_empty() {
        out::message("nothing to resume: every run has ended");
    }
    let awaited = open.iter().map(|run| awaited(&session, run)).collect();
    let exit = session.finish(awaited, interrupt).await?;
    Ok(if exit == Exit::Success && !parked.is_empty() { Exit::Failure } else { exit })
}

fn awaited(session: &Session, run: &RunView) -> Awaited {
    let artifact = run.input.read::<Artifact>().ok();
    let handle = session.engine.run(run.id);
    Awaited { name: name_of(run), artifact, run: handle, is_kept: false }
}
