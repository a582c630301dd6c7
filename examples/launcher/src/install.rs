//! `launcher install`: starts or resumes what a manifest lists, and waits for it.

use std::path::Path;

use resurge::steps::download::Download;

use crate::admit::{Admission, admit};
use crate::error::LauncherError;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::manifest::Manifest;
use crate::out;
use crate::place::{DataDir, Root};
use crate::report::Awaited;
use crate::retry::Insist;
use crate::serve::{Beside, Front};
use crate::session::Session;

/// Loads the manifest, which must be whole before anything is created, and installs it.
pub(crate) async fn run(
    manifest: &Path,
    data_dir: &Path,
    root: Option<&Path>,
    insist: Insist,
    beside: Beside,
) -> Result<Exit, LauncherError> {
    let manifest = Manifest::load(manifest)?;
    let mut interrupt = Interrupt::listen()?;
    let front = Front::beside(beside).await?;
    let download = Download::default();
    let order = Order { manifest: &manifest, data_dir, root, insist };
    install(order, download, front, &mut interrupt).await
}

/// What is to be installed, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) data_dir: &'a Path,
    pub(crate) root: Option<&'a Path>,
    pub(crate) insist: Insist,
}

/// Installs what a manifest lists.
pub(crate) async fn install(
    order: Order<'_>,
    download: Download,
    front: Option<Front>,
    interrupt: &mut Interrupt,
) -> Result<Exit, LauncherError> {
    let Order { manifest, data_dir, root, insist } = order;
    let data = DataDir::prepare(data_dir)?;
    let targets = manifest.artifacts.iter().map(|entry| &entry.install_to);
    let root = Root::prepare(root, &data, targets)?;
    let session = Session::open(data, &manifest.recovery, download, front).await?;
    let awaited = start_all(&session, manifest, &root, insist).await?;
    say_what_else_goes_on(&session, &awaited).await?;
    session.finish(awaited, interrupt).await
}

async fn start_all(
    session: &Session,
    manifest: &Manifest,
    root: &Root,
    insist: Insist,
) -> Result<Vec<Awaited>, LauncherError> {
    let mut awaited = Vec::with_capacity(manifest.artifacts.len());
    for entry in &manifest.artifacts {
        let artifact = entry.artifact(root.path());
        let Session { engine, flow, .. } = session;
        let (admission, run) = admit(engine, flow, &entry.name, artifact.clone(), insist).await?;
        match admission {
            Admission::Keep => out::message(format_args!("{}  is installed already", entry.name)),
            Admission::Replace(reason) => {
                out::message(format_args!("{}  starts anew: {reason}", entry.name));
            }
            Admission::Join | Admission::Start | Admission::Retry => {}
        }
        let is_kept = admission == Admission::Keep;
        let (name, run) = (entry.name.to_string(), session.engine.run(run.id()));
        awaited.push(Awaited { name, artifact: Some(artifact), run, is_kept });
    }
    Ok(awaited)
}

/// An engine goes on with every run that has not ended, whatever manifest it came from.
async fn say_what_else_goes_on(
    session: &Session,
    awaited: &[Awaited],
) -> Result<(), LauncherError> {
    let runs = session.engine.runs().await?;
    let others = runs.iter().filter(|run| {
        !run.status.is_final() && awaited.iter().all(|awaited| awaited.run.id() != run.id)
    });
    let count = others.count();
    if count > 0 {
        out::message(format_args!(
            "{count} more unfinished in this data directory; `launcher resume` waits for all"
        ));
    }
    Ok(())
}
