//! The dashboard of a launcher, asked over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::Duration;

use serde_json::Value;

use crate::bench::{Done, finish, kill, read_until, signal};

/// How long the dashboard may take to say something.
const PATIENCE: Duration = Duration::from_secs(60);

/// A launcher that serves its dashboard.
#[derive(Debug)]
pub(crate) struct Served {
    /// None once its end is waited for.
    child: Option<Child>,
    pub(crate) door: Door,
}

/// Where a dashboard is, and what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Door {
    pub(crate) address: String,
    pub(crate) token: String,
}

/// Status and body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Served {
    /// Waits for the one line that a launcher writes to standard output.
    pub(crate) fn of(mut child: Child) -> Self {
        let stdout = child.stdout.take().unwrap();
        let mut line = String::new();
        let mut reader = BufReader::new(stdout);
        reader.read_line(&mut line).unwrap();
        if line.is_empty() {
            let done = finish(child);
            panic!("it ended with {:?}: {}", done.code, done.stderr);
        }
        assert!(reader.buffer().is_empty(), "one line is written at once");
        child.stdout = Some(reader.into_inner());
        Self::with(child, Door::read(&line))
    }

    /// A launcher whose address is known.
    pub(crate) fn with(child: Child, door: Door) -> Self {
        Self { child: Some(child), door }
    }

    pub(crate) fn kill(mut self) {
        kill(self.child.take().unwrap());
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stop(mut self, name: &str) -> Done {
        signal(self.child.as_ref().unwrap(), name);
        self.finish()
    }

    /// Reads messages up to one that contains a word; gives those after it.
    pub(crate) fn read_until(&mut self, word: &str) -> impl Iterator<Item = String> + use<> {
        read_until(self.child.as_mut().unwrap(), word)
    }

    /// The process itself.
    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits for the end.
    pub(crate) fn finish(&mut self) -> Done {
        finish(self.child.take().unwrap())
    }
}

impl Drop for Served {
    /// A server whose test has failed would stay for ever.
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            kill(child);
        }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Door {
    /// Reads `open http://ADDRESS/#token=TOKEN`.
    pub(crate) fn read(line: &str) -> Self {
        let url = line.trim_end().strip_prefix("open http://").unwrap_or_else(|| panic!("{line}"));
        let (address, token) = url.split_once("/#token=").unwrap();
        Self { address: address.to_owned(), token: token.to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, Some(&self.token))
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        self.ask("POST", path, Some(&self.token))
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        read(self.open("POST", path, Some(&self.token), &body.to_string()))
    }

    pub(crate) fn ask(&self, method: &str, path: &str, token: Option<&str>) -> Answer {
        read(self.open(method, path, token, ""))
    }

    /// The records of the journal from the first one on, as the dashboard tells them.
    ///
    /// Ends with the connection.
    pub(crate) fn records(&self) -> impl Iterator<Item = Value> + use<> {
        let mut reader = self.open("GET", "/api/v1/events?after=0", Some(&self.token), "");
        assert_eq!(status(&mut reader), 200);
        reader.lines().map_while(Result::ok).filter_map(|line| {
            // What is no data is the frame around it.
            serde_json::from_str(line.strip_prefix("data:")?).ok()
        })
    }

    fn open(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        let token = token.unwrap_or_default();
        let (host, length) = (&self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{token}connection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        BufReader::new(stream)
    }
}

fn read(mut reader: BufReader<TcpStream>) -> Answer {
    let status = status(&mut reader);
    let mut body = String::new();
    reader.read_to_string(&mut body).unwrap();
    Answer { status, body }
}

/// Reads the head of an answer.
fn status(reader: &mut impl BufRead) -> u16 {
    let mut lines = reader.lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let status = first.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(lines.any(|line| line.is_empty()));
    status
}
