//! `journal-dump log --follow`

use std::io::{self, Write};

use resurge_journal::dump::with_causes;
use resurge_journal::store::{Archive, Follow, News, OpenError, ReadError, Snapshot};
use resurge_journal::{Record, RunId, Seq};

use crate::args::LogArgs;
use crate::clock;
use crate::exit::{Exit, Trouble, say};
use crate::log;
use crate::select;
use crate::source::Source;

/// Shows what there is and what comes, until somebody ends it.
pub(crate) fn run(args: &LogArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let mut follow = open(args)?;
    let mut filter = Filter::new(args)?;
    let mut is_first = true;
    loop {
        let news = follow.poll()?;
        if news.is_empty() {
            clock::pause();
            continue;
        }
        for news in news {
            if std::mem::take(&mut is_first) && matches!(news, News::Trimmed { .. }) {
                kept(args, &mut filter, out)?;
            }
            match news {
                News::Record(record) if filter.takes(&record) => {
                    log::line(&record, args.format, out)?;
                }
                News::Record(_) => {}
                beside => tell(&beside, out)?,
            }
        }
        out.flush()?;
    }
}

/// Shows what was kept of the records in front of the first.
fn kept(args: &LogArgs, filter: &mut Filter, out: &mut dyn Write) -> Result<(), Trouble> {
    let snapshot = Snapshot::take(&args.journal)?;
    for found in snapshot.scan_kept() {
        match found {
            Ok(record) if filter.takes(&record) => log::line(&record, args.format, out)?,
            Ok(_) | Err(ReadError::Trimmed { .. }) => {}
            Err(error) => say(&with_causes(&error)),
        }
    }
    Ok(())
}

fn open(args: &LogArgs) -> Result<Follow, Trouble> {
    if Archive::is_at(&args.journal) {
        return Err(Trouble::Usage("an archive does not grow; leave out --follow".to_owned()));
    }
    loop {
        match Follow::open(&args.journal, Seq::ZERO) {
            Err(OpenError::Missing { .. }) if args.wait => clock::pause(),
            opened => return Ok(opened?),
        }
    }
}

/// Says what is no record, behind the records before it.
fn tell(news: &News, out: &mut dyn Write) -> io::Result<()> {
    out.flush()?;
    match news {
        News::Unreadable(error) => say(&with_causes(error)),
        News::Trimmed { first } => say(&format!(
            "the records in front of {first} were dropped by retention; going on at record {first}"
        )),
        News::Replaced { from } => say(&format!(
            "the segments were replaced by others with the same records; going on at record {from}"
        )),
        News::Rewritten { from, to } => say(&format!(
            "records {from} to {to} are not part of the journal any more; going on at record {from}"
        )),
        _ => {}
    }
    Ok(())
}

/// Which records are shown.
enum Filter {
    All,
    One(RunId),
    /// A run that is not there yet.
    Wanted(String),
}

impl Filter {
    fn new(args: &LogArgs) -> Result<Self, Trouble> {
        let Some(wanted) = &args.run else { return Ok(Self::All) };
        match select::run(wanted, Source::open(&args.journal)?.records()) {
            Err(Trouble::NothingMatched(wanted)) if args.wait => Ok(Self::Wanted(wanted)),
            found => found.map(Self::One),
        }
    }

    fn takes(&mut self, record: &Record) -> bool {
        if let Self::Wanted(wanted) = self
            && let Some(run) = select::started(wanted, record)
        {
            *self = Self::One(run);
        }
        match self {
            Self::All => true,
            Self::One(run) => record.run == Some(*run),
            Self::Wanted(_) => false,
        }
    }
}
