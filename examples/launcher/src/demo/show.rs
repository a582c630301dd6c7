//! The demo itself: install, stop in the middle, resume, sum up.

use std::path::PathBuf;

use resurge::steps::download::Download;

use super::model;
use super::server::Server;
use super::table::sum_up;
use crate::error::LauncherError;
use crate::exit::Exit;
use crate::install::{Order, install};
use crate::interrupt::Interrupt;
use crate::manifest::Manifest;
use crate::out;
use crate::place::DataDir;
use crate::resume::resume;
use crate::retry::Insist;
use crate::ui::words;

/// The engine is stopped when so much was sent.
const STOP_AT: usize = 24 * 1024 * 1024;

/// Shorter waits than the user guide's, so that nobody has to wait for a demo.
const SETTINGS: &str = "[settings]\nmax_retries = 5\ninitial_delay = \"500ms\"\n\n";

/// Runs the demo in a data directory, or in a new one that is kept.
pub(crate) async fn run(data_dir: Option<PathBuf>) -> Result<Exit, LauncherError> {
    let data_dir = data_dir.map_or_else(new_folder, Ok)?;
    let data = DataDir::prepare_idle(&data_dir)?;
    let mut person = Interrupt::listen()?;
    let server = Server::start(model::all()?)
        .map_err(|source| LauncherError::System { action: "open a port on 127.0.0.1", source })?;
    let text = format!("{SETTINGS}{}", server.sections());
    let path = data_dir.join("demo.toml");
    let manifest = Manifest::parse(&text, &path)?;
    std::fs::write(&path, text)
        .map_err(|source| LauncherError::Folder { path: data_dir.clone(), source })?;
    out::message(format_args!(
        "a flaky server in this process, a launcher that copes with it; all in {}\n",
        words::quoted(data.path())
    ));

    // A proxy of the system cannot reach what this process serves.
    let direct = Download::default().no_proxy();
    let insist = Insist::No;
    let order = Order { manifest: &manifest, data_dir: &data_dir, root: None, insist };
    let mut soon = person.or_when(server.has_sent(STOP_AT));
    let first = install(order, direct.clone(), None, &mut soon).await?;
    if person.is_asked() {
        return Ok(first);
    }
    let exit = if first == Exit::Interrupted {
        out::message(
            "\nthe demo stopped its engine in the middle, as Ctrl-C would; now it opens it again\n",
        );
        resume(data.clone(), direct, None, &mut person).await?
    } else {
        first
    };
    if exit != Exit::Interrupted {
        sum_up(&data, &manifest, &|name| server.traffic(name))?;
    }
    Ok(exit)
}

pub(super) fn new_folder() -> Result<PathBuf, LauncherError> {
    tempfile::Builder::new()
        .prefix("resurge-demo-")
        .tempdir()
        .map(tempfile::TempDir::keep)
        .map_err(|source| LauncherError::System { action: "make a temporary folder", source })
}
