//! What becomes of an artifact of the manifest, given the run that holds its name.

use resurge::journal::Json;
use resurge::steps::Step;
use resurge::steps::artifact::Artifact;
use resurge::steps::install::{Install, Installed};
use resurge::{ControlError, Engine, RunHandle, RunKey, RunStatus, RunView, StartError};

use crate::error::LauncherError;
use crate::flow::InstallFlow;
use crate::retry::{Insist, Retried, retry};

/// What is to be done about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is installed already; nothing is asked of any server.
    Keep,
    /// A run for it goes on.
    Join,
    /// A new run begins; an older one, if any, has ended.
    Start,
    /// The very run that holds the name is tried again, or goes on after a pause.
    Retry,
    /// The run under way is called off, then a new one begins.
    Replace(&'static str),
}

/// Decides about a name; `intact` says whether what its run installed is still there.
pub(crate) fn decide(holder: Option<&RunView>, wanted: &Json, intact: bool) -> Admission {
    let Some(holder) = holder else { return Admission::Start };
    let same = holder.input == *wanted;
    match holder.status {
        RunStatus::Success if same && intact => Admission::Keep,
        RunStatus::Failed | RunStatus::Exhausted if same => Admission::Retry,
        status if status.is_final() => Admission::Start,
        _ if !same => Admission::Replace("the manifest changed"),
        RunStatus::Paused => Admission::Retry,
        _ => Admission::Join,
    }
}

/// Carries the decision out and gives the run that stands for the artifact.
pub(crate) async fn admit(
    engine: &Engine,
    flow: &InstallFlow,
    name: &RunKey,
    artifact: Artifact,
    insist: Insist,
) -> Result<(Admission, RunHandle<Installed>), LauncherError> {
    let start_error = |source| LauncherError::Start { name: name.clone(), source };
    let wanted = Json::of(&artifact).map_err(StartError::Input).map_err(start_error)?;
    let holder = engine.find(name).await?;
    let intact = match &holder {
        Some(run) => is_intact(run).await,
        None => false,
    };
    let mut admission = decide(holder.as_ref(), &wanted, intact);
    // What waits its turn is not hurried, unless somebody insists: a server may need the time.
    let hurries = admission == Admission::Join && insist == Insist::Yes;
    if let Some(run) = holder.as_ref().filter(|_| hurries || admission == Admission::Retry)
        && retry(engine, run, insist).await? == Retried::Misfit
    {
        admission = Admission::Replace("the workflow changed");
    }
    if let (Admission::Replace(reason), Some(run)) = (admission, &holder) {
        // Any other refusal says that it ended by itself meanwhile, which serves as well.
        if let Err(ControlError::Unavailable(gone)) =
            engine.cancel(run.id, "launcher", reason).await
        {
            return Err(gone.into());
        }
    }
    let start = engine.start(flow, artifact).key(name.as_str());
    let stays = matches!(admission, Admission::Keep | Admission::Retry);
    let start = if stays { start } else { start.restart_ended() };
    let run = start.await.map_err(start_error)?;
    Ok((admission, run))
}

/// Whether what a run installed is still there.
async fn is_intact(run: &RunView) -> bool {
    match run.output.as_ref().map(Json::read::<Installed>) {
        Some(Ok(installed)) => Install::default().lost(&installed).await.is_none(),
        _ => false,
    }
}
