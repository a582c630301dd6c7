//! `journal-dump why`

use std::io::Write;

use resurge_journal::explain::explain;

use crate::args::{Form, WhyArgs};
use crate::clock;
use crate::exit::{Exit, Trouble};
use crate::select;
use crate::source::Source;

pub(crate) fn run(args: &WhyArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    Source::show(&args.journal, out, |source, out| tell(source, args, out))
}

fn tell(source: &Source, args: &WhyArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let exit = source.warn();
    let id = select::run(&args.run, source.records())?;
    let now = args.at.unwrap_or_else(clock::now);
    let Some(explanation) = explain(&source.state(), id, now) else {
        return Err(Trouble::NothingMatched(args.run.clone()));
    };
    match args.format {
        Form::Human => write!(out, "{explanation}")?,
        Form::Json => writeln!(out, "{}", explanation.to_json())?,
    }
    Ok(exit)
}
