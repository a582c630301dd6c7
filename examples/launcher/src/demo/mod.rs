//! `launcher demo`.

use std::path::PathBuf;

use crate::error::LauncherError;
use crate::exit::Exit;

pub(crate) async fn run(_data_dir: Option<PathBuf>) -> Result<Exit, LauncherError> {
    std::future::ready(Ok(Exit::Success)).await
}
