//! `journal-dump export` and `import`

use std::io::Write;

use resurge_journal::dump::Plain;
use resurge_journal::store::{self, Condition};

use crate::args::{ExportArgs, ImportArgs};
use crate::exit::{Exit, Trouble, say};
use crate::select;
use crate::source::Source;

pub(crate) fn export(args: &ExportArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let run = match &args.run {
        Some(run) => Some(select::run(run, Source::open(&args.journal)?.records())?),
        None => None,
    };
    let exported = store::export(&args.journal, &args.to, run)?;
    let to = args.to.display().to_string();
    writeln!(
        out,
        "{} records up to record {} are in {}",
        exported.records,
        exported.last,
        Plain(&to)
    )?;
    if let Condition::Torn { from, to, problem } = &exported.condition {
        say(&format!(
            "records {from} to {to} were never acknowledged and are left out ({problem})"
        ));
        return Ok(Exit::Torn);
    }
    Ok(Exit::Ok)
}

pub(crate) fn import(args: &ImportArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let head = store::import(&args.archive, &args.to)?;
    let first = Source::open(&args.to)?.first();
    let to = args.to.display().to_string();
    writeln!(out, "records {first} to {head} are in {}", Plain(&to))?;
    Ok(Exit::Ok)
}
