//! `journal-dump log`

use std::io::{self, Write};

use resurge_journal::Record;
use resurge_journal::dump::{HumanLine, JsonLine, with_causes};
use resurge_journal::store::ReadError;

use crate::args::{Format, LogArgs};
use crate::exit::{Exit, Trouble, say};
use crate::select;
use crate::source::Source;

pub(crate) fn run(args: &LogArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let source = Source::open(&args.journal)?;
    // Before the data, so that it stands on the screen even if the reader stops early.
    let exit = source.warn();
    if let Some(dropped) = source.dropped().filter(|_| args.format == Format::Human) {
        writeln!(out, "{dropped}")?;
    }
    let wanted = args.run.as_deref().map(|run| select::run(run, source.records())).transpose()?;
    let mut unreadable = None;
    for found in source.scan() {
        let record = match found {
            Ok(record) => record,
            // Dropped while it was read, as it should be.
            Err(ReadError::Trimmed { .. }) => continue,
            Err(error) => {
                unreadable.get_or_insert(error);
                continue;
            }
        };
        if wanted.is_some() && record.run != wanted {
            continue;
        }
        line(&record, args.format, out)?;
    }
    Ok(unreadable.map_or(exit, |error| judge(exit, &error)))
}

/// How the tool ends if a record is left out although nothing else is wrong with the journal.
fn judge(exit: Exit, unreadable: &ReadError) -> Exit {
    if exit != Exit::Ok {
        return exit;
    }
    say(&format!("at least one record is left out: {}", with_causes(unreadable)));
    Exit::Findings
}

/// One record as one line.
pub(crate) fn line(record: &Record, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Human => writeln!(out, "{}", HumanLine(record)),
        Format::Jsonl => writeln!(out, "{}", JsonLine(record)),
    }
}
