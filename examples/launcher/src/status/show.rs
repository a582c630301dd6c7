//! The command: reads the journal and shows it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use resurge::Timestamp;
use resurge::journal::State;
use resurge::journal::state::Run;
use resurge::journal::store::Snapshot;

use super::json;
use crate::error::LauncherError;
use crate::exit::Exit;
use crate::out;
use crate::place::DataDir;
use crate::ui::words;

/// Shows the newest run of every name.
pub(crate) fn run(data_dir: &Path, as_json: bool) -> Result<Exit, LauncherError> {
    let data = DataDir::existing(data_dir)?;
    let state = fold(&data.journal())?;
    let runs = newest(&state);
    if as_json {
        out::result(json::array(&runs));
    } else if runs.is_empty() {
        out::message("no runs yet; begin with `launcher install`");
    } else {
        for line in table(&runs, now()) {
            out::result(line);
        }
    }
    Ok(Exit::Success)
}

/// What a journal adds up to; reads a copy, since opening the database would rewrite files in it.
pub(crate) fn fold(journal: &Path) -> Result<State, LauncherError> {
    let copy = tempfile::tempdir()
        .map_err(|source| LauncherError::System { action: "make a temporary folder", source })?;
    let snapshot = Snapshot::take(journal, copy.path())?;
    let mut state = State::new();
    for record in snapshot.scan() {
        state.apply(&record?)?;
    }
    Ok(state)
}

/// The newest run of every name, and every run without one; in the order of their start.
fn newest(state: &State) -> Vec<&Run> {
    let mut runs: Vec<&Run> = state.runs().collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.started_at));
    let mut names = BTreeSet::new();
    let newest = |run: &&Run| match &run.started.key {
        Some(key) => {
            state.run_by_key(key).is_some_and(|holder| holder.id == run.id)
                && names.insert(key.clone())
        }
        None => true,
    };
    let mut runs: Vec<&Run> = runs.into_iter().filter(newest).collect();
    runs.sort_by_key(|run| (run.started_at, run.started.key.clone(), run.id));
    runs
}

fn table(runs: &[&Run], now: Timestamp) -> Vec<String> {
    let width = runs.iter().map(|run| name(run).chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for run in runs {
        let (name, status) = (name(run), run.status());
        lines
            .push(format!("{name:width$}  {status:11}  {}", story(run, now)).trim_end().to_owned());
    }
    lines
}

/// What a person wants to know next about a run.
fn story(run: &Run, now: Timestamp) -> String {
    let steps: Vec<String> = run
        .steps()
        .filter_map(|(_, spec, step)| {
            let failure = step
                .last_failure
                .as_ref()
                .map(|failure| format!(": {} ({})", failure.message, words::class(failure)));
            let due = json::due(step).map(|due| match due.since(now) {
                Duration::ZERO => ", next try is due".to_owned(),
                wait => format!(", next try in {}", words::duration(wait)),
            });
            let interesting = failure.is_some() || due.is_some() || step.running().is_some();
            interesting.then(|| {
                let tries = words::tries(step.charged, spec.max_attempts(), step.attempts.get());
                format!(
                    "{} {tries}{}{}",
                    spec.key,
                    due.unwrap_or_default(),
                    failure.unwrap_or_default()
                )
            })
        })
        .collect();
    steps.join("; ")
}

fn name(run: &Run) -> String {
    run.started.key.as_ref().map_or_else(|| run.id.to_string(), ToString::to_string)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
