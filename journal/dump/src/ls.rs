//! `journal-dump ls`

use std::io::Write;

use resurge_journal::RunKey;
use resurge_journal::dump::{JSON_LINES_VERSION, Plain};
use resurge_journal::state::Run;
use serde_json::json;

use crate::args::{Format, ListArgs};
use crate::exit::{Exit, Trouble};
use crate::source::Source;

pub(crate) fn run(args: &ListArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    Source::show(&args.journal, out, |source, out| tell(source, args, out))
}

fn tell(source: &Source, args: &ListArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let exit = source.warn();
    let state = source.state();
    let mut runs: Vec<&Run> = state.runs().collect();
    runs.sort_by_key(|run| (run.started_at, run.id));
    if args.format == Format::Human {
        writeln!(
            out,
            "{:<36}  {:<20}  {:<20}  {:<11}  {:>8}  {:<24}  ENDED",
            "RUN", "WORKFLOW", "KEY", "STATUS", "ATTEMPTS", "STARTED"
        )?;
    }
    for run in runs {
        match args.format {
            Format::Human => human(run, out)?,
            Format::Jsonl => writeln!(out, "{}", line(run))?,
        }
    }
    Ok(exit)
}

fn human(run: &Run, out: &mut dyn Write) -> Result<(), Trouble> {
    let key = run.started.key.as_ref().map_or("-", RunKey::as_str);
    let ended = run.ended_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    writeln!(
        out,
        "{}  {:<20}  {:<20}  {:<11}  {:>8}  {:<24}  {ended}",
        run.id,
        run.started.manifest.workflow.as_str(),
        Plain(key).to_string(),
        run.status(),
        attempts(run),
        run.started_at.to_string(),
    )?;
    Ok(())
}

fn line(run: &Run) -> serde_json::Value {
    json!({
        "v": JSON_LINES_VERSION,
        "run": run.id.to_string(),
        "workflow": run.started.manifest.workflow.as_str(),
        "version": run.started.manifest.version,
        "key": run.started.key.as_ref().map(RunKey::as_str),
        "status": run.status().name(),
        "attempts": attempts(run),
        "started_at": run.started_at.to_string(),
        "ended_at": run.ended_at.map(|at| at.to_string()),
    })
}

/// Attempts of all steps together.
fn attempts(run: &Run) -> u64 {
    run.steps().map(|(_, _, step)| u64::from(step.attempts.get())).sum()
}
