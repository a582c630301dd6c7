//! The command line.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::demo::{Show, Tempo};
use crate::error::LauncherError;
use crate::exit::Exit;
use crate::retry::Insist;
use crate::serve::{Beside, Door};
use crate::{demo, install, out, resume, retry, serve, status, top};

/// Downloads, verifies and installs; can be killed at any moment and goes on where it stopped.
#[derive(Debug, Parser)]
#[command(
    name = "launcher",
    version,
    after_help = "Exit codes: 0 all succeeded; 1 a run failed, the journal is in use or damaged, or the port is in use; \
                  2 wrong usage or a broken manifest, nothing was started; 130 interrupted, `launcher resume` goes on."
)]
pub struct Cli {
    /// Log to standard error, for example `info` or `resurge=debug`; the variable `RUST_LOG` does the same
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a few models from a flaky server in this process, and install them
    ///
    /// With --dashboard: more of them from more hosts with more troubles, for about two minutes, and a button on the page
    /// that kills the process with the engine, which is then started again.
    Demo {
        /// Where to keep journal and files [default: a new temporary folder, which is kept]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        #[command(flatten)]
        beside: Beside,
        /// End once everything has: 0 if all of it ended as the show means it to, 1 if not
        #[arg(long, requires = "dashboard")]
        exit_when_done: bool,
        /// Smaller files and shorter waits, for programs that check the show
        #[arg(long, requires = "dashboard")]
        fast: bool,
    },
    /// The process with the engine of `demo --dashboard`
    #[command(hide = true)]
    DemoEngine {
        #[arg(long)]
        data_dir: PathBuf,
        #[command(flatten)]
        door: Door,
    },
    /// Start, resume or retry what a manifest lists, and wait for it
    ///
    /// What ran out of retries is tried again, from the bytes that it has fetched. What failed in a way that another
    /// try would not mend, such as a refused access, is tried again with --force only.
    ///
    /// Example: launcher install models.toml --data-dir ~/.local/share/models
    Install {
        /// What to install
        #[arg(value_name = "MANIFEST.toml")]
        manifest: PathBuf,
        /// Where the journal is kept
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Where to install to [default: the folder `installed` in the data directory]
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
        /// Try what has failed or waits at once, whatever was wrong and whatever is down
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        beside: Beside,
    },
    /// Go on with whatever is unfinished, and wait for it
    Resume {
        /// Where the journal is kept
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        #[command(flatten)]
        beside: Beside,
    },
    /// Try again now what has failed, is exhausted or waits, and wait for it
    ///
    /// It goes on with the bytes that it has fetched, and with all its retries if it had ended.
    Retry {
        /// Names of artifacts [default: all that have failed or are exhausted]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Where the journal is kept
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Whatever was wrong and whatever is down: also what another try would not mend
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        beside: Beside,
    },
    /// Go on with whatever is unfinished, and serve the dashboard until Ctrl-C
    ///
    /// The address stands alone on a line of standard output, with the token that opens it.
    ///
    /// Example: launcher serve --data-dir ~/.local/share/models
    Serve {
        /// Where the journal and the token are kept; made if it is missing
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Where downloads go that are ordered on the dashboard [default: the folder `installed` in the data directory]
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
        #[command(flatten)]
        door: Door,
    },
    /// Show statistics of recovery, and the circuit breakers, without starting anything
    Stats {
        /// Where the journal is kept
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show where every artifact stands and why it waits, without starting anything
    Status {
        /// Where the journal is kept
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Print one JSON array instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Watch and steer on the terminal what the dashboard shows in a browser
    ///
    /// Where a launcher serves the dashboard of this data directory, it is shown what that one does. Otherwise this one
    /// goes on with whatever is unfinished until you leave.
    Top {
        /// Where the journal and the token are kept
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Where the dashboard listens [default: where the launcher at work says, if only this machine gets there]
        ///
        /// Whatever listens there is sent the token of the data directory as it is, again whenever the line breaks: name
        /// an address only if you trust it and the way to it.
        #[arg(long, value_name = "ADDRESS:PORT")]
        connect: Option<SocketAddr>,
    },
}

/// Runs the launcher with the arguments of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = match filter(cli.log.as_deref()) {
        Ok(filter) => filter,
        Err(error) => {
            out::error(error.as_ref());
            return Exit::Usage.into();
        }
    };
    if let Some(filter) = filter.filter(|_| !is_drawn_over(&cli.command)) {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .init();
    }
    match run(cli.command, cli.log) {
        Ok(exit) => exit.into(),
        Err(error) => {
            out::error(&error);
            error.exit().into()
        }
    }
}

/// Whether what is logged would go where something is drawn.
fn is_drawn_over(command: &Command) -> bool {
    matches!(command, Command::Top { .. }) && std::io::stderr().is_terminal()
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What to log: the option, or the variable, or nothing.
fn filter(option: Option<&str>) -> Result<Option<EnvFilter>, AnyError> {
    let variable = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    match option.map(ToOwned::to_owned).or(variable) {
        Some(text) => Ok(Some(EnvFilter::try_new(text)?)),
        None => Ok(None),
    }
}

fn run(command: Command, log: Option<String>) -> Result<Exit, LauncherError> {
    match &command {
        Command::Status { data_dir, json } => return status::run(data_dir, *json),
        Command::Stats { data_dir, json } => return status::stats(data_dir, *json),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| LauncherError::System { action: "start threads", source })?;
    runtime.block_on(async {
        match command {
            Command::Demo { data_dir, beside, exit_when_done, fast } => {
                let Some(door) = beside.door() else { return demo::run(data_dir).await };
                let tempo = if fast { Tempo::Fast } else { Tempo::Watched };
                demo::play(Show { data_dir, door, is_finite: exit_when_done, tempo, log }).await
            }
            Command::DemoEngine { data_dir, door } => demo::play_engine(&data_dir, door).await,
            Command::Install { manifest, data_dir, root, force, beside } => {
                let (root, insist) = (root.as_deref(), Insist::from(force));
                install::run(&manifest, &data_dir, root, insist, beside).await
            }
            Command::Retry { names, data_dir, force, beside } => {
                retry::run(&names, &data_dir, Insist::from(force), beside).await
            }
            Command::Resume { data_dir, beside } => resume::run(&data_dir, beside).await,
            Command::Serve { data_dir, root, door } => {
                serve::run(&data_dir, root.as_deref(), door).await
            }
            Command::Top { data_dir, connect } => top::run(&data_dir, connect).await,
            Command::Status { data_dir, json } => status::run(&data_dir, json),
            Command::Stats { data_dir, json } => status::stats(&data_dir, json),
        }
    })
}
