//! `launcher retry`: what has failed is not lost, it goes on from where it failed.

use std::path::Path;

use resurge::steps::download::Download;
use resurge::{Control, ControlError, Engine, RunKey, RunStatus, RunView};

use crate::error::LauncherError;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::manifest::Recovery;
use crate::out;
use crate::place::DataDir;
use crate::report::{Awaited, name_of};
use crate::serve::{Beside, Front};
use crate::session::Session;

/// Whether a failure may stand in the way of another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insist {
    /// What another try would not mend is left as it is.
    No,
    /// Whatever was wrong and whatever is down.
    Yes,
}

impl From<bool> for Insist {
    fn from(force: bool) -> Self {
        if force { Self::Yes } else { Self::No }
    }
}

/// What became of the wish to try a run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retried {
    /// It goes on.
    Yes,
    /// Another try would fail in the same way, and nobody insisted.
    Refused,
    /// This launcher has no workflow that fits it.
    Misfit,
}

/// Tries again what has failed, and waits for it.
pub(crate) async fn run(
    names: &[String],
    data_dir: &Path,
    insist: Insist,
    beside: Beside,
) -> Result<Exit, LauncherError> {
    let data = DataDir::existing(data_dir)?;
    let mut interrupt = Interrupt::listen()?;
    let front = Front::beside(beside).await?;
    let (recovery, download) = (Recovery::default(), Download::default());
    let session = Session::open(data, &recovery, download, front).await?;
    let chosen = match choose(&session, names).await {
        Ok(chosen) => chosen,
        Err(error) => {
            session.close().await?;
            return Err(error);
        }
    };
    if chosen.is_empty() {
        out::message("nothing to retry: nothing has failed");
    }
    let mut awaited = Vec::with_capacity(chosen.len());
    for run in &chosen {
        if is_worth_waiting(&session.engine, run, insist).await? {
            awaited.push(Awaited::of(&session.engine, run));
        }
    }
    let is_left = awaited.len() < chosen.len();
    let exit = session.finish(awaited, &mut interrupt).await?;
    Ok(if exit == Exit::Success && is_left { Exit::Failure } else { exit })
}

/// Tries a run again; says so if it cannot go on.
async fn is_worth_waiting(
    engine: &Engine,
    run: &RunView,
    insist: Insist,
) -> Result<bool, LauncherError> {
    let retried = match run.status {
        RunStatus::Success | RunStatus::Cancelled => return Ok(true),
        _ => retry(engine, run, insist).await?,
    };
    if retried == Retried::Misfit {
        let name = name_of(run);
        out::message(format_args!(
            "{name}  fits no workflow of this launcher; `launcher install` starts it anew"
        ));
    }
    Ok(retried != Retried::Misfit)
}

/// The newest runs of these names, or all that have failed.
async fn choose(session: &Session, names: &[String]) -> Result<Vec<RunView>, LauncherError> {
    if names.is_empty() {
        let mut failed = Vec::new();
        for run in session.engine.runs().await? {
            let has_failed = matches!(run.status, RunStatus::Failed | RunStatus::Exhausted);
            let Some(key) = run.key.as_ref().filter(|_| has_failed) else { continue };
            let holder = session.engine.find(key).await?;
            if holder.is_some_and(|holder| holder.id == run.id) {
                failed.push(run);
            }
        }
        failed.sort_by_key(|run| run.started_at);
        return Ok(failed);
    }
    let mut chosen: Vec<RunView> = Vec::with_capacity(names.len());
    for name in names {
        let unknown = || LauncherError::NoArtifact { name: name.clone() };
        let key = RunKey::new(name.clone()).map_err(|_| unknown())?;
        let run = session.engine.find(&key).await?.ok_or_else(unknown)?;
        if chosen.iter().all(|known| known.id != run.id) {
            chosen.push(run);
        }
    }
    Ok(chosen)
}

/// Tries a run again at once: one that has failed, one that waits, one that is paused.
pub(crate) async fn retry(
    engine: &Engine,
    run: &RunView,
    insist: Insist,
) -> Result<Retried, LauncherError> {
    let control = match (run.status, insist) {
        (RunStatus::Paused, _) => Control::Resume,
        (_, Insist::Yes) => Control::ForceRetry,
        (_, Insist::No) => Control::RetryNow,
    };
    match engine.control(run.id, control, "launcher", "asked for by its user").await {
        // It may have ended by itself meanwhile.
        Ok(_) | Err(ControlError::Ended { .. }) => Ok(Retried::Yes),
        Err(ControlError::NotRetryable { .. }) => {
            let name = name_of(run);
            out::message(format_args!(
                "{name}  is not tried again, since another try would not help; --force tries it"
            ));
            Ok(Retried::Refused)
        }
        Err(ControlError::Parked { .. }) => Ok(Retried::Misfit),
        Err(ControlError::Unavailable(gone)) => Err(gone.into()),
        Err(source) => Err(LauncherError::Retry { name: name_of(run), source }),
    }
}
