//! A server on loopback that does exactly what a test tells it, right or wrong.

use std::fmt::{Display, Write as _};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request that the server got.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// `N` of `Range: bytes=N-`.
    pub(crate) fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What the server sends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    cut: Option<usize>,
    hold: bool,
    chunked: Option<bool>,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// A body without any length.
    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// A body with its length.
    pub(crate) fn sized(self, body: &[u8]) -> Self {
        self.with("content-length", body.len()).body(body)
    }

    /// Breaks off after so many bytes of the body.
    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    /// Keeps the connection open after what was sent, and sends no more.
    pub(crate) fn hold(mut self) -> Self {
        self.hold = true;
        self
    }

    /// Sends the body in chunks, with or without the last one.
    pub(crate) fn chunked(mut self, complete: bool) -> Self {
        self.chunked = Some(complete);
        self.with("transfer-encoding", "chunked")
    }

    fn send(&self, mut to: &TcpStream, sent: &AtomicU64) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Whatever\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        to.write_all(format!("{head}\r\n").as_bytes())?;
        let body = &self.body[..self.cut.unwrap_or(self.body.len()).min(self.body.len())];
        for piece in body.chunks(16 * 1024) {
            if self.chunked.is_some() {
                to.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
            }
            to.write_all(piece)?;
            if self.chunked.is_some() {
                to.write_all(b"\r\n")?;
            }
            sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
        if self.chunked == Some(true) {
            to.write_all(b"0\r\n\r\n")?;
        }
        to.flush()
    }
}

/// A file as an honest server gives it.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) bytes: Vec<u8>,
    pub(crate) etag: Option<String>,
}

impl Served {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), etag: Some("\"v1\"".to_owned()) }
    }

    pub(crate) fn etag(mut self, etag: Option<&str>) -> Self {
        self.etag = etag.map(str::to_owned);
        self
    }

    fn tagged(&self, reply: Reply) -> Reply {
        match &self.etag {
            Some(etag) => reply.with("etag", etag),
            None => reply,
        }
    }

    /// The whole file.
    pub(crate) fn whole(&self) -> Reply {
        self.tagged(Reply::new(200)).sized(&self.bytes)
    }

    /// The rest of the file from a byte on.
    pub(crate) fn rest(&self, from: usize) -> Reply {
        let total = self.bytes.len();
        if from >= total {
            return Reply::new(416).with("content-range", format!("bytes */{total}")).sized(b"");
        }
        self.tagged(Reply::new(206))
            .with("content-range", format!("bytes {from}-{}/{total}", total - 1))
            .sized(&self.bytes[from..])
    }

    /// What RFC 9110 wants.
    pub(crate) fn honest(&self, request: &Request) -> Reply {
        let matches = request.header("if-range").is_none_or(|v| Some(v) == self.etag.as_deref());
        match request.from() {
            Some(from) if matches => self.rest(from),
            _ => self.whole(),
        }
    }
}

/// A running server; ends with the test.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    sent: Arc<AtomicU64>,
    held: Arc<Mutex<Vec<TcpStream>>>,
}

impl Server {
    /// Answers the `n`-th request (from 0) as `script` says; `None` closes without an answer.
    pub(crate) fn start(
        script: impl Fn(usize, &Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server =
            Self { port, requests: Arc::default(), sent: Arc::default(), held: Arc::default() };
        let (requests, sent, held) =
            (server.requests.clone(), server.sent.clone(), server.held.clone());
        let script = Arc::new(script);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (requests, sent, held, script) =
                    (requests.clone(), sent.clone(), held.clone(), script.clone());
                thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    let number = {
                        let mut requests = requests.lock().unwrap();
                        requests.push(request.clone());
                        requests.len() - 1
                    };
                    let Some(reply) = script(number, &request) else { return };
                    let done = reply.send(&stream, &sent);
                    if reply.hold {
                        held.lock().unwrap().push(stream);
                    } else if done.is_ok() {
                        // Wait for the other side, so that what was sent is not thrown away.
                        let _ = stream.shutdown(Shutdown::Write);
                        let _ = BufReader::new(&stream).read_line(&mut String::new());
                    }
                });
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Bytes of bodies sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    for line in lines {
        match line.ok()?.split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => return Some(Request { path, headers }),
        }
    }
    None
}

/// Bytes that repeat nowhere near, so that a wrong splice shows.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
