//! The process with the engine, as the one that watches over it sees it.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::line::Line;

/// How long an engine may take to save where everything stands.
const GRACE: Duration = Duration::from_secs(15);

/// A process with an engine; killed when it is dropped.
#[derive(Debug)]
pub(super) struct EngineProcess {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What the process did last.
#[derive(Debug)]
pub(super) enum News {
    Line(Line),
    Died(ExitStatus),
}

impl EngineProcess {
    /// Starts this very program once more.
    pub(super) fn start(arguments: &[OsString]) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for the one who watches, who then stops this one.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    /// What it says next, or how it ended.
    ///
    /// Cancel safe: a line that was not given comes with the next call.
    pub(super) async fn news(&mut self) -> io::Result<News> {
        while let Some(line) = self.lines.next_line().await? {
            if let Some(line) = Line::read(&line) {
                return Ok(News::Line(line));
            }
        }
        self.child.wait().await.map(News::Died)
    }

    /// Ends it as a crash would: SIGKILL.
    pub(super) async fn kill(mut self) -> io::Result<()> {
        self.child.start_kill()?;
        self.child.wait().await.map(drop)
    }

    /// Asks it to stop, and kills it if it does not.
    pub(super) async fn stop(mut self) -> io::Result<()> {
        drop(self.child.stdin.take());
        match tokio::time::timeout(GRACE, self.child.wait()).await {
            Ok(ended) => ended.map(drop),
            Err(_) => self.kill().await,
        }
    }
}
