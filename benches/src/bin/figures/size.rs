//! Sizes of programs without the names for debuggers.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::journal::folder;
use crate::table::{figure, head, row};

pub(crate) fn measure(files: &[&str]) -> Result<()> {
    let folder = folder()?;
    let stripped = folder.path().join("stripped");
    head(&["program", "MiB, stripped"]);
    for file in files {
        let strip = Command::new("strip").arg("-o").arg(&stripped).arg(file).status();
        if !strip.map_err(|error| format!("cannot run strip: {error}"))?.success() {
            return Err(format!("{file} is not a program").into());
        }
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        row(&[name, figure(std::fs::metadata(&stripped)?.len() as f64 / 1_048_576.0)]);
    }
    Ok(())
}
