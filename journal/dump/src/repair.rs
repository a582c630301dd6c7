//! `journal-dump repair`

use std::io::{self, Write};

use resurge_journal::dump::{JSON_LINES_VERSION, Plain};
use resurge_journal::event::{Event, JournalRecovered};
use resurge_journal::state::Run;
use resurge_journal::store::{self, Repaired};
use resurge_journal::{RunKey, Seq};
use serde_json::{Value, json};

use crate::args::RepairArgs;
use crate::exit::{Exit, Trouble};
use crate::source::Source;

pub(crate) fn run(args: &RepairArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let repaired = store::repair(&args.journal, &args.to)?;
    let lost = match &repaired.mended {
        Some(Event::JournalRecovered(event)) => event.lost_from.zip(event.lost_to),
        _ => None,
    };
    // The new journal goes as far as the loss: what is open at its end is open there.
    let new = Source::open(&args.to)?;
    let state = new.state();
    let touched: Vec<&Run> = if lost.is_some() { state.open_runs().collect() } else { vec![] };
    if args.json {
        writeln!(out, "{}", object(&repaired, lost, &touched))?;
    } else {
        human(args, &new, &repaired, lost, &touched, out)?;
    }
    Ok(if lost.is_some() { Exit::Findings } else { Exit::Ok })
}

fn human(
    args: &RepairArgs,
    new: &Source,
    repaired: &Repaired,
    lost: Option<(Seq, Seq)>,
    touched: &[&Run],
    out: &mut dyn Write,
) -> io::Result<()> {
    let to = args.to.display().to_string();
    writeln!(out, "records {} to {} are in {}", new.first(), repaired.head, Plain(&to))?;
    if let Some(dropped) = new.dropped() {
        writeln!(out, "{dropped}")?;
    }
    match (&repaired.mended, lost) {
        (Some(Event::JournalRecovered(event)), Some((from, to))) => {
            writeln!(out, "lost records {from} to {to}, {}", Plain(&how(event)))?;
        }
        (Some(Event::JournalRecovered(event)), None) => {
            writeln!(out, "nothing is lost, {}", Plain(&how(event)))?;
        }
        (Some(Event::TailCut(event)), _) => {
            let problem = &event.problem;
            writeln!(out, "nothing is lost; what was never acknowledged is cut off ({problem})")?;
        }
        _ => writeln!(out, "nothing is lost; there was nothing to mend")?,
    }
    for run in touched {
        let key = run.started.key.as_ref().map_or("-", RunKey::as_str);
        let workflow = &run.started.manifest.workflow;
        writeln!(out, "open where the loss begins: {}  {workflow}  {}", run.id, Plain(key))?;
    }
    Ok(())
}

fn how(event: &JournalRecovered) -> String {
    let how = match event.method.name() {
        "index" => "what the segments had lost the index had",
        _ => "the part in front of the damage was kept",
    };
    format!("{how} ({})", event.problem)
}

fn object(repaired: &Repaired, lost: Option<(Seq, Seq)>, touched: &[&Run]) -> Value {
    let (method, problem) = match &repaired.mended {
        Some(Event::JournalRecovered(event)) => {
            (Some(event.method.name()), Some(event.problem.as_str()))
        }
        Some(Event::TailCut(event)) => (None, Some(event.problem.as_str())),
        _ => (None, None),
    };
    let touched = touched.iter().map(|run| {
        json!({
            "run": run.id.to_string(),
            "key": run.started.key.as_ref().map(RunKey::as_str),
            "workflow": run.started.manifest.workflow.as_str(),
        })
    });
    json!({
        "v": JSON_LINES_VERSION,
        "head": repaired.head.get(),
        "lost_from": lost.map(|(from, _)| from.get()),
        "lost_to": lost.map(|(_, to)| to.get()),
        "method": method,
        "problem": problem,
        "touched": touched.collect::<Vec<_>>(),
    })
}
