//! The command: reads the journal and shows it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use resurge::Timestamp;
use resurge::journal::State;
use resurge::journal::explain::explain;
use resurge::journal::retention::{BaseError, base_of};
use resurge::journal::state::{Run, StepPhase};
use resurge::journal::store::{ReadError, Snapshot};

use super::{json, summary};
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
        out::document(json::array(&state, &runs, now()));
    } else if runs.is_empty() {
        out::message("no runs yet; begin with `launcher install`");
    } else {
        for line in table(&state, &runs, now()) {
            out::result(line);
        }
    }
    Ok(Exit::Success)
}

/// Shows statistics and breakers.
pub(crate) fn stats(data_dir: &Path, as_json: bool) -> Result<Exit, LauncherError> {
    let data = DataDir::existing(data_dir)?;
    let state = fold(&data.journal())?;
    if as_json {
        out::document(summary::object(&state, now()));
    } else {
        summary::lines(state.stats()).iter().for_each(out::result);
        summary::troubles(&state, now()).iter().for_each(out::result);
    }
    Ok(Exit::Success)
}

/// What a journal adds up to, also while another launcher writes to it.
pub(crate) fn fold(journal: &Path) -> Result<State, LauncherError> {
    let mut looks = 1..LOOKS_MAX;
    loop {
        match fold_once(&Snapshot::take(journal)?) {
            // Dropped before it was read, as it should be.
            Err(error) if is_overtaken(&error) && looks.next().is_some() => {}
            folded => return folded,
        }
    }
}

fn fold_once(snapshot: &Snapshot) -> Result<State, LauncherError> {
    let mut state = base_of(snapshot.first(), snapshot.residue(), snapshot.scan_kept())?;
    for record in snapshot.scan() {
        state.apply(&record?)?;
    }
    Ok(state)
}

const fn is_overtaken(error: &LauncherError) -> bool {
    matches!(
        error,
        LauncherError::Read(ReadError::Trimmed { .. })
            | LauncherError::Base(BaseError::Read(ReadError::Trimmed { .. }))
    )
}

/// How often a journal is read whose oldest records are dropped meanwhile.
const LOOKS_MAX: u32 = 16;

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

fn table(state: &State, runs: &[&Run], now: Timestamp) -> Vec<String> {
    let width = runs.iter().map(|run| name(run).chars().count()).max().unwrap_or_default();
    let line = |run: &&Run| {
        let (name, status, story) = (name(run), run.status(), story(state, run, now));
        format!("{name:width$}  {status:11}  {story}").trim_end().to_owned()
    };
    runs.iter().map(line).chain(summary::troubles(state, now)).collect()
}

/// What a person wants to know next about a run: the step, its attempt, and why it waits.
fn story(state: &State, run: &Run, now: Timestamp) -> String {
    let told = explain(state, run.id, now);
    let why = told.as_ref().and_then(|told| json::sentence(state, run, told));
    let key = told.and_then(|told| told.step);
    let Some((_, spec, step)) = run.steps().find(|(_, spec, _)| Some(&spec.key) == key.as_ref())
    else {
        return words::tame(&why.unwrap_or_default());
    };
    let turn = json::turn(state, spec, step);
    let mut parts = vec![spec.key.to_string()];
    if step.attempts.get() > 0 {
        let ended = matches!(step.phase, StepPhase::Failed { .. });
        let number = turn.charged.saturating_add(u32::from(!ended)).clamp(1, turn.max_attempts);
        parts.push(words::tries(number, turn.max_attempts, step.attempts.get()));
    }
    let story = parts.join(" ");
    words::tame(&why.map_or_else(|| story.clone(), |why| format!("{story}: {why}")))
}

fn name(run: &Run) -> String {
    run.started.key.as_ref().map_or_else(|| run.id.to_string(), ToString::to_string)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
