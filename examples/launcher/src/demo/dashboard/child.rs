//! The process with the engine: what `launcher serve` does, and a button that has it killed.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use resurge::RunId;
use resurge::journal::Json;
use resurge::steps::download::Download;
use resurge_dashboard::Button;
use tokio::sync::oneshot;

use super::line::Line;
use super::play::MANIFEST;
use crate::admit::admit;
use crate::error::LauncherError;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::manifest::{Entry, Manifest};
use crate::out;
use crate::place::{DataDir, Root};
use crate::retry::Insist;
use crate::serve::{Door, Front};
use crate::session::Session;

/// Time for the answer to leave before the process that gives it is killed.
const ANSWER: Duration = Duration::from_millis(200);

/// Installs what the demo serves, until the other process is gone or wants it to stop.
pub(crate) async fn play_engine(data_dir: &Path, door: Door) -> Result<Exit, LauncherError> {
    let mut interrupt = Interrupt::listen()?.or_when(until_alone()?);
    let manifest = Manifest::load(&data_dir.join(MANIFEST))?;
    let data = DataDir::prepare(data_dir)?;
    let targets = manifest.artifacts.iter().map(|entry| &entry.install_to);
    let root = Root::prepare(None, &data, targets)?;
    let announce = |url: &str| out::result(Line::Open(url.to_owned()));
    let front = Front::open(door, announce).await?.button(kill_button());
    // A proxy of the system cannot reach what the other process serves.
    let direct = Download::default().no_proxy();
    let session = Session::open(data, &manifest.recovery, direct, Some(front)).await?;
    let mut runs = Vec::with_capacity(manifest.artifacts.len());
    for entry in &manifest.artifacts {
        runs.push(begin(&session, entry, &root).await?);
    }
    let engine = session.engine.clone();
    tokio::spawn(async move {
        for run in runs {
            if let Err(resurge::RunError::Unavailable(_)) = engine.run(run).outcome().await {
                return;
            }
        }
        out::result(Line::Ended);
    });
    session.until_asked(&mut interrupt).await?;
    Ok(Exit::Success)
}

/// Starts what an earlier process did not; what has failed is left to whoever looks at the page.
async fn begin(session: &Session, entry: &Entry, root: &Root) -> Result<RunId, LauncherError> {
    let artifact = entry.artifact(root.path());
    let wanted = Json::of(&artifact).ok();
    let known = session.engine.find(&entry.name).await?;
    if let Some(run) = known.filter(|run| Some(&run.input) == wanted.as_ref()) {
        return Ok(run.id);
    }
    let Session { engine, flow, .. } = session;
    let (_, run) = admit(engine, flow, &entry.name, artifact, Insist::No).await?;
    Ok(run.id())
}

fn kill_button() -> Button {
    let press = || async {
        tokio::spawn(async {
            tokio::time::sleep(ANSWER).await;
            out::result(Line::Kill);
        });
        Ok(())
    };
    Button::new("kill-engine", "Kill the engine", press).title(
        "Ends the process that downloads, and serves this page, with SIGKILL, as a crash would. \
         It is started again after about 2 s and goes on with the bytes that it had.",
    )
}

/// Resolves when the other process closes its end of the pipe, by itself or because it is gone.
fn until_alone() -> Result<impl Future<Output = ()>, LauncherError> {
    let (alone, is_alone) = oneshot::channel::<()>();
    // A thread of its own, since nobody could end the process while the runtime waits for input.
    let watch = move || {
        let mut stdin = std::io::stdin().lock();
        let mut unread = [0; 64];
        while matches!(stdin.read(&mut unread), Ok(1..)) {}
        drop(alone);
    };
    std::thread::Builder::new()
        .spawn(watch)
        .map_err(|source| LauncherError::System { action: "start a thread", source })?;
    Ok(async { drop(is_alone.await) })
}
