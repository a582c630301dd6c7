//! The command line.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use resurge_journal::Timestamp;

use crate::simulate_args::SimulateArgs;

/// Shows what is in a journal, without touching it.
///
/// Only reads, without locks: the journal may be read-only, and an engine may have it open.
#[derive(Debug, Parser)]
#[command(
    name = "journal-dump",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Exit codes: 0 all well, 1 findings or damage, 2 wrong usage, 3 no such journal, \
                  4 in use (repair only), 5 the end is torn, 6 written by a newer release, 7 nothing matched."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    log: Option<LogArgs>,
}

impl Args {
    /// The command, which is `log` if none is named.
    pub(crate) fn into_command(self) -> Command {
        match (self.command, self.log) {
            (Some(command), _) => command,
            (None, Some(log)) => Command::Log(log),
            (None, None) => usage("a journal is needed; name its folder"),
        }
    }
}

/// Ends with a message about the command line.
fn usage(message: &str) -> ! {
    use clap::CommandFactory;
    Args::command().error(clap::error::ErrorKind::MissingRequiredArgument, message).exit()
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Every event, one a line, oldest first (the default)
    Log(LogArgs),
    /// Every run, one a line
    Ls(ListArgs),
    /// One run: its steps, their attempts, what comes next
    Show(ShowArgs),
    /// Why a run stands where it stands, and what you can do now
    Why(WhyArgs),
    /// How well recovery works, over all runs
    Stats(StatsArgs),
    /// Every breaker, one a line
    Breakers(BreakersArgs),
    /// Whether the journal is whole and every record follows from those before it
    ///
    /// Reads the segments, which are the truth. The index is derived from them and is not opened,
    /// because opening it would change its files.
    Verify(VerifyArgs),
    /// What can be proven of a damaged journal as a new one; the old one is not touched
    ///
    /// Ends with 0 if nothing is lost, 1 if something is. The last record of the new journal says
    /// what was mended. The old one must not be in use.
    Repair(RepairArgs),
    /// A journal, or one run, in one file that can be sent around
    ///
    /// The journal may be in use: what was acknowledged is written. Every command that reads a
    /// journal reads such a file as well. One with a single run cannot be imported.
    Export(ExportArgs),
    /// An archive as a new journal, bit for bit
    Import(ImportArgs),
    /// How an outage, or a recorded journal, would go under another policy
    Simulate(Box<SimulateArgs>),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LogArgs {
    /// Folder of the journal, or an archive
    #[arg(value_name = "JOURNAL_DIR")]
    pub(crate) journal: PathBuf,
    /// Form of the lines; JSON lines are stable, human ones are not
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Only this run: its id, the beginning of its id, or its key
    #[arg(long, value_name = "RUN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) run: Option<String>,
    /// Go on with what is recorded from now on, until this is interrupted
    #[arg(long, short = 'f')]
    pub(crate) follow: bool,
    /// Wait for the journal, and for the run, if they are not there yet
    #[arg(long, requires = "follow")]
    pub(crate) wait: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    /// Folder of the journal, or an archive
    #[arg(value_name = "JOURNAL_DIR")]
    pub(crate) journal: PathBuf,
    /// Form of the lines
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// The run: its id, the beginning of its id, or its key
    #[arg(value_name = "RUN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) run: String,
    /// Folder of the journal, or an archive
    #[arg(value_name = "JOURNAL_DIR")]
    pub(crate) journal: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WhyArgs {
    /// The run: its id, the beginning of its id, or its key
    #[arg(value_name = "RUN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) run: String,
    /// Folder of the journal, or an archive
    #[arg(value_name = "JOURNAL_DIR")]
    pub(crate) journal: PathBuf,
    /// Lines for people, or one JSON object, which is stable
    #[arg(long, value_enum, default_value_t = Form::Human)]
    pub(crate) format: Form,
    /// Speak of this moment, such as 2026-11-21T10:00:00Z; now by the clock of this machine if not
    /// given
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StatsArgs {
    /// Folder of the journal, or an archive
    #[arg(value_name = "JOURNAL_DIR")]
    pub(crate) journal: PathBuf,
    /// Lines for people, or one JSON object, which is stable
    #[arg(long, value_enum, default_value_t = Form::Human)]
    pub(crate) format: Form,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BreakersArgs {
    /// Folder of the journal, or an archive
    #[arg(value_name = "JOURNAL_DIR")]
    pub(crate) journal: PathBuf,
    /// Form of the lines; JSON lines are stable, human ones are not
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Speak of this moment, such as 2026-11-21T10:00:00Z; now by the clock of this machine if not
    /// given
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// Folder of the journal, or an archive
    #[arg(value_name = "JOURNAL_DIR")]
    pub(crate) journal: PathBuf,
    /// One JSON object, which is stable
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RepairArgs {
    /// Folder of the journal
    #[arg(value_name = "JOURNAL_DIR")]
    pub(crate) journal: PathBuf,
    /// Folder of the new journal, missing or empty
    #[arg(long, value_name = "NEW_DIR")]
    pub(crate) to: PathBuf,
    /// One JSON object, which is stable
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExportArgs {
    /// Folder of the journal
    #[arg(value_name = "JOURNAL_DIR")]
    pub(crate) journal: PathBuf,
    /// The new file; one that exists is never overwritten
    #[arg(value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// Only this run: its id, the beginning of its id, or its key
    #[arg(long, value_name = "RUN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) run: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    /// The archive
    #[arg(value_name = "FILE")]
    pub(crate) archive: PathBuf,
    /// Folder of the new journal, missing or empty
    #[arg(value_name = "NEW_DIR")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Plain lines for people
    Human,
    /// One JSON object a line
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Plain lines for people
    Human,
    /// One JSON object
    Json,
}
