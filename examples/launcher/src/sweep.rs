//! Clears the staging folders of what no run will use again.

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::path::Path;

use resurge::{RunId, RunKey, RunStatus, RunView};

/// Removes left-overs of ended runs, then the folders that are empty.
///
/// What cannot be removed is left for the next time.
pub(crate) fn sweep(stagings: &BTreeSet<&Path>, runs: &[RunView]) {
    for staging in stagings {
        for entry in std::fs::read_dir(staging).into_iter().flatten().filter_map(Result::ok) {
            if owner(&entry).is_some_and(|owner| is_waste(&entry, owner, runs)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        let _ = std::fs::remove_dir(staging);
    }
}

/// The run that a file belongs to: its name begins with the id.
fn owner(entry: &DirEntry) -> Option<RunId> {
    const ID_BYTES: usize = 36;
    entry.file_name().to_str()?.get(..ID_BYTES)?.parse().ok()
}

/// The newest run of a name keeps what it fetched although it failed; runs that go on keep all.
fn is_waste(entry: &DirEntry, owner: RunId, runs: &[RunView]) -> bool {
    let Some(run) = runs.iter().find(|run| run.id == owner) else { return false };
    let is_empty = entry.metadata().is_ok_and(|data| data.len() == 0);
    let is_kept = matches!(run.status, RunStatus::Failed | RunStatus::Exhausted)
        && run.key.as_ref().is_some_and(|key| is_newest(run, key, runs))
        && !is_empty;
    run.status.is_final() && !is_kept
}

fn is_newest(run: &RunView, key: &RunKey, runs: &[RunView]) -> bool {
    let same = runs.iter().filter(|other| other.key.as_ref() == Some(key));
    same.map(|other| other.started_at).max() == Some(run.started_at)
}
