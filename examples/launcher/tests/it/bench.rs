//! A place to run the launcher in: a data directory, a manifest, a server.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::server::{Answer, ClosedPort, Server};

pub(crate) const MIB: usize = 1024 * 1024;

/// Retries without long waits.
pub(crate) const QUICK: &str = "initial_delay = \"1ms\"\nmax_delay = \"10ms\"\n";

#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) server: Server,
    folder: tempfile::TempDir,
    settings: String,
    sections: String,
}

/// What a launcher that has ended left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new(settings: &str) -> Self {
        let (bench, port) = Self::down(settings);
        bench.server.open(port);
        bench
    }

    /// The same with a server that is down.
    pub(crate) fn down(settings: &str) -> (Self, ClosedPort) {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!("[settings]\n{settings}\n");
        let (server, port) = Server::down();
        (Self { server, folder, settings, sections: String::new() }, port)
    }

    /// Serves a file and puts it into the manifest.
    pub(crate) fn artifact(&mut self, name: &str, bytes: Vec<u8>, script: &[Answer]) {
        let line = format!("sha256 = \"{}\"", sha256(&bytes));
        self.section(name, &line);
        self.server.file(name, bytes, script);
    }

    /// The same on another server.
    pub(crate) fn artifact_on(&mut self, server: &Server, name: &str, bytes: Vec<u8>) {
        let line = format!("sha256 = \"{}\"", sha256(&bytes));
        self.section_at(&server.url(name), name, &line);
        server.file(name, bytes, &[]);
    }

    pub(crate) fn section(&mut self, name: &str, lines: &str) {
        self.section_at(&self.server.url(name), name, lines);
    }

    fn section_at(&mut self, url: &str, name: &str, lines: &str) {
        let section = format!(
            "[[artifact]]\nname = \"{name}\"\nurl = \"{url}\"\ninstall_to = \"models/{name}\"\n{lines}\n"
        );
        self.sections.push_str(&section);
    }

    /// Takes everything out of the manifest.
    pub(crate) fn clear(&mut self) {
        self.sections.clear();
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn target(&self, name: &str) -> PathBuf {
        self.data().join("installed/models").join(name)
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.data().join("installed/.resurge")
    }

    pub(crate) fn write_manifest(&self) -> PathBuf {
        let path = self.folder.path().join("models.toml");
        std::fs::write(&path, format!("{}{}", self.settings, self.sections)).unwrap();
        path
    }

    pub(crate) fn install(&self) -> Done {
        finish(self.spawn_install())
    }

    pub(crate) fn spawn_install(&self) -> Child {
        let manifest = self.write_manifest();
        launcher().arg("install").arg(manifest).arg("--data-dir").arg(self.data()).spawn().unwrap()
    }

    /// Runs `install` or `retry` with further arguments.
    pub(crate) fn again(&self, command: &str, args: &[&str]) -> Done {
        let manifest = self.write_manifest();
        let mut launcher = launcher();
        launcher.arg(command).args(args).arg("--data-dir").arg(self.data());
        if command == "install" {
            launcher.arg(manifest);
        }
        finish(launcher.spawn().unwrap())
    }

    pub(crate) fn resume(&self) -> Done {
        self.command(&["resume"])
    }

    pub(crate) fn status(&self) -> Done {
        self.command(&["status", "--json"])
    }

    pub(crate) fn command(&self, args: &[&str]) -> Done {
        finish(launcher().args(args).arg("--data-dir").arg(self.data()).spawn().unwrap())
    }

    pub(crate) fn assert_whole(&self, name: &str, bytes: &[u8]) {
        let found = std::fs::read(self.target(name)).unwrap();
        assert!(found == bytes, "{name} is not what was published");
    }
}

/// The binary, with its streams in pipes.
pub(crate) fn launcher() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    command.env_remove("RUST_LOG").env("NO_PROXY", "127.0.0.1").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for the end; what goes into a pipe must not move a cursor.
pub(crate) fn finish(child: Child) -> Done {
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    for text in [&stdout, &stderr] {
        assert!(!text.contains(['\u{1b}', '\r']), "escape codes in a pipe: {text:?}");
    }
    Done { code: output.status.code(), stdout, stderr }
}

/// Kills a launcher with SIGKILL.
pub(crate) fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How long a launcher may take to say something.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads messages up to one that contains a word; keep what it gives until the launcher has ended.
pub(crate) fn read_until(child: &mut Child, word: &str) -> impl Iterator<Item = String> + use<> {
    read_line(child, word).1
}

/// The same with the message itself.
pub(crate) fn read_line(
    child: &mut Child,
    word: &str,
) -> (String, impl Iterator<Item = String> + use<>) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let (said, heard) = std::sync::mpsc::channel::<()>();
    let id = child.id().to_string();
    std::thread::spawn(move || {
        // A launcher that waits for ever would keep the test waiting as well.
        if heard.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
    });
    let line = lines.find(|line| line.contains(word));
    let line = line.unwrap_or_else(|| panic!("the launcher never said `{word}`"));
    drop(said);
    (line, lines)
}

/// Sends a launcher a signal that it can see.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Sends a signal to a child that leads a group, and to everybody in it.
pub(crate) fn signal_group(child: &Child, name: &str) {
    let group = format!("-{}", child.id());
    let sent = Command::new("kill").args([&format!("-{name}"), "--", &group]).status();
    assert!(sent.unwrap().success());
}

impl Done {
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
    }
}

/// Bytes that no two seeds share.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut word = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}
