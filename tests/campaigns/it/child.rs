//! The process that writes.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use plan::Plan;
use rustix::process::{Pid, Signal, kill_process};

/// A writer may take so long for anything that it does by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// A writer under way.
pub(crate) struct Writer {
    child: Child,
    said: BufReader<ChildStdout>,
    told: Told,
}

/// What a writer told in its life.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The last head that it had seen acknowledged, when it opened or later.
    pub(crate) acked: u64,
    /// The last cut at which it was trimmed, and the last at which it was about to be.
    pub(crate) trimmed: u64,
    pub(crate) trimming: u64,
    /// The last checkpoint that was kept.
    pub(crate) kept: u64,
    /// Identity of its cache, if it told it.
    pub(crate) own: String,
    /// Positions under which the cache was changed and synced.
    pub(crate) cached: Vec<u64>,
    pub(crate) is_closed: bool,
    /// Everything, for whoever looks for the reason of a failure.
    pub(crate) lines: Vec<String>,
    /// What it complained about.
    pub(crate) errors: String,
}

impl Writer {
    /// A writer that was not started yet.
    pub(crate) fn command(dir: &Path, plan: Plan, batches: u64, options: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_campaign-writer"));
        command.arg(dir).args([plan.seed().to_string(), batches.to_string()]).args(options);
        command
    }

    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said, told: Told::default() }
    }

    /// Waits until it says something that begins with a word.
    pub(crate) fn wait_for(&mut self, word: &str) {
        while !self.told.lines.last().is_some_and(|line| line.starts_with(word)) {
            assert!(self.listen(), "it never said {word}: {:#?}", self.told);
        }
    }

    /// Takes the next whole line; the last one may have been cut off.
    fn listen(&mut self) -> bool {
        let mut line = String::new();
        let _ = self.said.read_line(&mut line);
        let whole = line.strip_suffix('\n');
        whole.map(|line| self.told.take(line)).is_some()
    }

    /// Lets it do what it was told, to its end.
    pub(crate) fn end(mut self) -> (ExitStatus, Told) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                panic!("the writer hangs: {:#?}", self.told());
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        (status, self.told())
    }

    /// Kills it, whatever it does.
    pub(crate) fn kill(mut self) -> Told {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.told()
    }

    /// Stops it, so that nothing of what it told is younger than what happens next.
    pub(crate) fn freeze(&self) {
        let id = self.child.id();
        let pid = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        let is_still = || {
            let Ok(tasks) = std::fs::read_dir(format!("/proc/{id}/task")) else { return true };
            tasks.flatten().all(|task| {
                let text = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
                let state = text.rsplit(") ").next().and_then(|rest| rest.chars().next());
                matches!(state, None | Some('T' | 'Z' | 'X'))
            })
        };
        while !is_still() {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// What it told: read once it has ended. Its pipe holds far more than it tells in that time.
    fn told(mut self) -> Told {
        while self.listen() {}
        let _ = self.child.stderr.take().unwrap().read_to_string(&mut self.told.errors);
        self.told
    }
}

impl Told {
    fn take(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = rest.parse().unwrap_or(0);
        match word {
            "open" | "acked" => self.acked = self.acked.max(number),
            "own" => rest.clone_into(&mut self.own),
            "kept" => self.kept = number,
            "trimming" => self.trimming = number,
            "trimmed" => self.trimmed = number,
            "cached" => self.cached.push(number),
            "closed" => self.is_closed = true,
            _ => {}
        }
        self.lines.push(line.to_owned());
    }

    /// Panics that were not sled's own, which the journal takes for errors.
    pub(crate) fn panics(&self) -> Vec<&str> {
        let panics = self.errors.lines().filter(|line| line.contains("panicked at"));
        panics.filter(|line| !line.contains("/sled-0.34")).collect()
    }
}
