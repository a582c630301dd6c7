//! What became of the artifacts: results for programs, explanations for people.

use std::path::Path;

use resurge::journal::Json;
use resurge::steps::artifact::Artifact;
use resurge::{Engine, RunError, RunHandle, RunStatus, RunView};

use crate::exit::Exit;
use crate::out;
use crate::place::DataDir;
use crate::ui::words;

/// A run whose end is waited for.
#[derive(Debug)]
pub(crate) struct Awaited {
    /// Name of the artifact.
    pub(crate) name: String,
    /// What it was started with; none if a later release cannot read that.
    pub(crate) artifact: Option<Artifact>,
    /// The run.
    pub(crate) run: RunHandle<Json>,
    /// Whether it had succeeded before.
    pub(crate) is_kept: bool,
}

impl Awaited {
    /// A run that is known by its view.
    pub(crate) fn of(engine: &Engine, run: &RunView) -> Self {
        let artifact = run.input.read::<Artifact>().ok();
        let is_kept = run.status == RunStatus::Success;
        Self { name: name_of(run), artifact, run: engine.run(run.id), is_kept }
    }
}

/// What people call a run.
pub(crate) fn name_of(run: &RunView) -> String {
    run.key.as_ref().map_or_else(|| run.id.to_string(), ToString::to_string)
}

/// Tells the end of every run, one line of results each.
pub(crate) fn tell(awaited: &[(Awaited, Result<Json, RunError>)], data: &DataDir) -> Exit {
    let mut exit = Exit::Success;
    for (run, outcome) in awaited {
        match outcome {
            Ok(_) => out::result(success(run)),
            Err(error) => {
                exit = Exit::Failure;
                out::result(failure(run, error));
                out::message(explanation(run, error, data));
            }
        }
    }
    exit
}

fn success(run: &Awaited) -> String {
    let word = if run.is_kept { "unchanged" } else { "installed" };
    let target = run.artifact.as_ref().map(|artifact| artifact.install_to.below(&artifact.root));
    let target = target.unwrap_or_default();
    format!("{}\t{word}\t{}", run.name, target.display())
}

fn failure(run: &Awaited, error: &RunError) -> String {
    let class = error.failure().map_or("-", |failure| failure.class.name());
    format!("{}\t{}\t{class}", run.name, ending(error))
}

const fn ending(error: &RunError) -> &'static str {
    match error {
        RunError::Exhausted { .. } => "exhausted",
        RunError::Cancelled { .. } => "cancelled",
        _ => "failed",
    }
}

/// The option that another try needs; none if the run cannot be tried again.
fn force(error: &RunError) -> Option<&'static str> {
    match error {
        RunError::Exhausted { .. } => Some(""),
        RunError::Cancelled { .. } => None,
        _ => error.failure().map(|failure| if failure.is_retryable() { "" } else { " --force" }),
    }
}

/// Class, message and hint, and the command that shows more.
fn explanation(run: &Awaited, error: &RunError, data: &DataDir) -> String {
    let why = words::reason(&error.to_string());
    let mut lines = vec![String::new(), format!("{} {}: {why}", run.name, ending(error))];
    if let Some(failure) = error.failure() {
        lines.push(format!("  class    {}", words::class(failure)));
        lines.extend(failure.hint.iter().map(|hint| format!("  hint     {hint}")));
    }
    if let Some(force) = force(error) {
        let (name, data) = (words::quoted(Path::new(&run.name)), words::quoted(data.path()));
        lines.push(format!("  retry    launcher retry {name}{force} --data-dir {data}"));
    }
    let (id, journal) = (run.run.id(), words::quoted(&data.journal()));
    lines.push(format!("  history  journal-dump show {id} {journal}"));
    lines.join("\n")
}
