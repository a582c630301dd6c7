//! `launcher resume`: goes on with whatever is unfinished.

use std::path::Path;

use resurge::RunStatus;
use resurge::steps::download::Download;

use crate::error::LauncherError;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::manifest::Recovery;
use crate::out;
use crate::place::DataDir;
use crate::report::{Awaited, name_of};
use crate::retry::{Insist, Retried, retry};
use crate::serve::{Beside, Front};
use crate::session::Session;
use crate::ui::words;

/// Opens the engine, which resumes by itself, and waits for every run that has not ended.
pub(crate) async fn run(data_dir: &Path, beside: Beside) -> Result<Exit, LauncherError> {
    let data = DataDir::existing(data_dir)?;
    let mut interrupt = Interrupt::listen()?;
    let front = Front::beside(beside).await?;
    resume(data, Download::default(), front, &mut interrupt).await
}

/// Goes on with everything in a data directory.
pub(crate) async fn resume(
    data: DataDir,
    download: Download,
    front: Option<Front>,
    interrupt: &mut Interrupt,
) -> Result<Exit, LauncherError> {
    // Each run keeps the policy it was started with; this one only completes the definition.
    let session = Session::open(data, &Recovery::default(), download, front).await?;
    let (mut parked, mut open) = (Vec::new(), Vec::new());
    for run in session.unfinished().await? {
        // Somebody's pause ends here; a run that fits no workflow stays where it is.
        let is_paused = run.status == RunStatus::Paused;
        if is_paused && retry(&session.engine, &run, Insist::No).await? == Retried::Misfit {
            parked.push(run);
        } else {
            open.push(run);
        }
    }
    for run in &parked {
        let reason = run.paused.as_deref().map(words::reason);
        let reason = reason.as_deref().unwrap_or("no reason was recorded");
        out::message(format_args!("{}  is paused: {reason}", name_of(run)));
    }
    if open.is_empty() && parked.is_empty() {
        out::message("nothing to resume: every run has ended");
    }
    let awaited = open.iter().map(|run| Awaited::of(&session.engine, run)).collect();
    let exit = session.finish(awaited, interrupt).await?;
    Ok(if exit == Exit::Success && !parked.is_empty() { Exit::Failure } else { exit })
}
