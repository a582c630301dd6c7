//! `journal-dump log`

use std::io::Write;

use resurge_journal::dump::{HumanLine, JsonLine};

use crate::args::{Format, LogArgs};
use crate::exit::{Exit, Trouble};
use crate::select;
use crate::source::Source;

pub(crate) fn run(args: &LogArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let source = Source::open(&args.journal)?;
    // Before the data, so that it stands on the screen even if the reader stops early.
    let exit = source.warn();
    let wanted = args.run.as_deref().map(|run| select::run(run, source.records())).transpose()?;
    for record in source.records() {
        if wanted.is_some() && record.run != wanted {
            continue;
        }
        match args.format {
            Format::Human => writeln!(out, "{}", HumanLine(&record))?,
            Format::Jsonl => writeln!(out, "{}", JsonLine(&record))?,
        }
    }
    Ok(exit)
}
