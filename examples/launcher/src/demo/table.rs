//! What became of the artifacts of a demo, as a table.

use std::path::Path;

use resurge::RunKey;
use resurge::journal::State;

use crate::error::LauncherError;
use crate::manifest::Manifest;
use crate::out;
use crate::place::DataDir;
use crate::status;
use crate::ui::words;

/// Bytes sent of a file, and its size.
pub(super) type Traffic<'a> = &'a dyn Fn(&str) -> Option<(usize, usize)>;

/// Writes a row for each artifact that has ended, and how to see more.
pub(super) fn sum_up(
    data: &DataDir,
    manifest: &Manifest,
    traffic: Traffic<'_>,
) -> Result<(), LauncherError> {
    let state = status::fold(&data.journal())?;
    out::result(format_args!(
        "\n{:16} {:>10} {:>8} {:>11} {:>11} {:>8}",
        "artifact", "ended", "attempts", "size", "fetched", "time"
    ));
    for row in manifest.artifacts.iter().filter_map(|entry| row(&state, &entry.name, traffic)) {
        out::result(row);
    }
    out::result(look(&data.journal()));
    Ok(())
}

fn row(state: &State, name: &RunKey, traffic: Traffic<'_>) -> Option<String> {
    let run = state.run_by_key(name)?;
    let (_, _, download) = run.steps().next()?;
    let (sent, size) = traffic(name.as_str())?;
    let time = run.ended_at?.since(run.started_at);
    Some(format!(
        "{:16} {:>10} {:>8} {:>11} {:>11} {:>8}",
        name.as_str(),
        run.status().name(),
        download.attempts.get(),
        words::bytes(size as u64),
        words::bytes(sent as u64),
        words::duration(time)
    ))
}

fn look(journal: &Path) -> String {
    format!("\nwhat happened, event by event: journal-dump log {}", words::quoted(journal))
}
