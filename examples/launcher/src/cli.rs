//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::error::LauncherError;
use crate::exit::Exit;
use crate::{demo, install, out, resume, status};

/// Downloads, verifies and installs; can be killed at any moment and goes on where it stopped.
#[derive(Debug, Parser)]
#[command(
    name = "launcher",
    version,
    after_help = "Exit codes: 0 all succeeded; 1 a run failed, or the journal is in use or damaged; \
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
    Demo {
        /// Where to keep journal and files [default: a new temporary folder, which is kept]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Start or resume what a manifest lists, and wait for it
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
    },
    /// Go on with whatever is unfinished, and wait for it
    Resume {
        /// Where the journal is kept
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
    },
    /// Show where every artifact stands, without starting anything
    Status {
        /// Where the journal is kept
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
        /// Print one JSON array instead of a table
        #[arg(long)]
        json: bool,
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
    if let Some(filter) = filter {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .init();
    }
    match run(cli.command) {
        Ok(exit) => exit.into(),
        Err(error) => {
            out::error(&error);
            error.exit().into()
        }
    }
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

fn run(command: Command) -> Result<Exit, LauncherError> {
    if let Command::Status { data_dir, json } = command {
        return status::run(&data_dir, json);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| LauncherError::System { action: "start threads", source })?;
    runtime.block_on(async {
        match command {
            Command::Demo { data_dir } => demo::run(data_dir).await,
            Command::Install { manifest, data_dir, root } => {
                install::run(&manifest, &data_dir, root.as_deref()).await
            }
            Command::Resume { data_dir } => resume::run(&data_dir).await,
            Command::Status { data_dir, json } => status::run(&data_dir, json),
        }
    })
}
