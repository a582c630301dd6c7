//! `launcher serve`: an engine, and the dashboard to steer it with.

use std::path::Path;

use resurge::steps::download::Download;

use super::args::Door;
use super::front::Front;
use super::order::Counter;
use crate::error::LauncherError;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::manifest::Recovery;
use crate::out;
use crate::place::{DataDir, Root};
use crate::session::Session;

/// Goes on with everything in a data directory, and serves the dashboard until somebody stops it.
///
/// What is paused stays paused: the page resumes it.
pub(crate) async fn run(
    data_dir: &Path,
    root: Option<&Path>,
    door: Door,
) -> Result<Exit, LauncherError> {
    let mut interrupt = Interrupt::listen()?;
    let announce = |url: &str| out::result(format_args!("open {url}"));
    let front = Front::open(door, announce).await?;
    let data = DataDir::prepare(data_dir)?;
    let root = Root::prepare(root, &data, std::iter::empty())?;
    let front = front.counter(Counter::new(data.clone(), root));
    let (recovery, download) = (Recovery::default(), Download::default());
    let session = Session::open(data, &recovery, download, Some(front)).await?;
    let left = session.until_asked(&mut interrupt).await?;
    if left > 0 {
        out::message(format_args!(
            "{left} unfinished; the next `launcher serve` goes on with that"
        ));
    }
    Ok(Exit::Success)
}
