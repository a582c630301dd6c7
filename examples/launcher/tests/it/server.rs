//! An HTTP server that does what a test tells it, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tokio::net::TcpSocket;

/// How one request is answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The file, or the rest that was asked for.
    Whole,
    /// The same, but the connection is closed once the file was sent up to this byte.
    DropAt(usize),
    /// The same, but nothing follows this byte; the connection stays open.
    HoldAt(usize),
    /// A status without a file, with further headers.
    Status(u16, &'static str),
}

/// One request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    /// The same on the clock of the machine.
    pub(crate) wall: SystemTime,
    /// Requests under way when it came.
    pub(crate) others: usize,
    /// Whether it was answered with the file.
    pub(crate) served: bool,
    pub(crate) from: usize,
}

#[derive(Debug, Default)]
struct Path {
    bytes: Arc<Vec<u8>>,
    /// Answers to the next requests; afterwards the whole file.
    script: VecDeque<Answer>,
    requests: Vec<Request>,
    sent: usize,
    pause: Duration,
}

#[derive(Debug, Default)]
struct Shared {
    paths: Mutex<HashMap<String, Path>>,
    /// Answers to the next requests, whatever they ask for.
    script: Mutex<VecDeque<Answer>>,
    /// Every request, in the order in which they came.
    log: Mutex<Vec<Request>>,
    under_way: Mutex<usize>,
    changed: Condvar,
}

#[derive(Debug)]
pub(crate) struct Server {
    address: String,
    shared: Arc<Shared>,
}

const BLOCK: usize = 64 * 1024;

/// A port that refuses every connection until it is opened.
#[derive(Debug)]
pub(crate) struct ClosedPort(TcpSocket);

impl Server {
    /// A server that is down; its port is taken, so that nobody else can answer there.
    pub(crate) fn down() -> (Self, ClosedPort) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = format!("http://{}", socket.local_addr().unwrap());
        (Self { address, shared: Arc::new(Shared::default()) }, ClosedPort(socket))
    }

    /// Begins to serve.
    pub(crate) fn open(&self, port: ClosedPort) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _inside = runtime.enter();
        let listener: TcpListener = port.0.listen(1024).unwrap().into_std().unwrap();
        listener.set_nonblocking(false).unwrap();
        let serving = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = Arc::clone(&serving);
                *serving.under_way.lock().unwrap() += 1;
                // A client that was killed goes away in the middle.
                std::thread::spawn(move || {
                    let _ = serving.answer(stream);
                    *serving.under_way.lock().unwrap() -= 1;
                });
            }
        });
    }

    /// How the next requests are answered, whatever they ask for.
    pub(crate) fn script(&self, answers: &[Answer]) {
        self.shared.script.lock().unwrap().extend(answers.iter().cloned());
    }

    /// Every request, in the order in which they came.
    pub(crate) fn log(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    pub(crate) fn file(&self, name: &str, bytes: Vec<u8>, script: &[Answer]) {
        let script = script.iter().cloned().collect();
        let path = Path { bytes: Arc::new(bytes), script, ..Path::default() };
        self.shared.paths.lock().unwrap().insert(name.to_owned(), path);
    }

    /// Waits this long after each block of 64 KiB.
    pub(crate) fn throttle(&self, name: &str, pause: Duration) {
        self.with(name, |path| path.pause = pause);
    }

    pub(crate) fn requests(&self, name: &str) -> Vec<Request> {
        self.with(name, |path| path.requests.clone())
    }

    /// Bytes sent so far, over all requests.
    pub(crate) fn sent(&self, name: &str) -> usize {
        self.with(name, |path| path.sent)
    }

    /// Waits until so many bytes of all files together were sent; false after `patience`.
    pub(crate) fn wait_for_total(&self, bytes: usize, patience: Duration) -> bool {
        self.wait(patience, |paths| paths.values().map(|path| path.sent).sum::<usize>() >= bytes)
    }

    /// Waits until so many bytes of a file were sent.
    pub(crate) fn wait_for_sent(&self, name: &str, bytes: usize) {
        let done = self.wait(Duration::from_secs(60), |paths| paths[name].sent >= bytes);
        assert!(done, "{name}: {bytes} bytes were never sent");
    }

    /// Waits until a file was asked for so many times.
    pub(crate) fn wait_for_requests(&self, name: &str, count: usize) {
        let done = self.wait(Duration::from_secs(60), |paths| paths[name].requests.len() >= count);
        assert!(done, "{name}: {count} requests never came");
    }

    fn wait(&self, patience: Duration, done: impl Fn(&HashMap<String, Path>) -> bool) -> bool {
        let paths = self.shared.paths.lock().unwrap();
        let waited = self.shared.changed.wait_timeout_while(paths, patience, |paths| !done(paths));
        !waited.unwrap().1.timed_out()
    }

    fn with<T>(&self, name: &str, look: impl FnOnce(&mut Path) -> T) -> T {
        look(self.shared.paths.lock().unwrap().get_mut(name).unwrap())
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (at, wall) = (Instant::now(), SystemTime::now());
        let others = *self.under_way.lock().unwrap() - 1;
        let (name, range, if_range) = read(&stream)?;
        let tag = format!("\"{name}\"");
        let taken = {
            let mut paths = self.paths.lock().unwrap();
            paths.get_mut(&name).map(|path| {
                let same = if_range.as_ref().is_none_or(|asked| *asked == tag);
                let range = range.filter(|_| same);
                let first = self.script.lock().unwrap().pop_front();
                let answer = first.or_else(|| path.script.pop_front()).unwrap_or(Answer::Whole);
                let served = !matches!(answer, Answer::Status(..));
                let request = Request { at, wall, others, served, from: range.unwrap_or(0) };
                path.requests.push(request.clone());
                self.log.lock().unwrap().push(request);
                (Arc::clone(&path.bytes), range, answer, path.pause)
            })
        };
        self.changed.notify_all();
        let Some((bytes, range, answer, pause)) = taken else {
            return stream.write_all(b"HTTP/1.1 404 Gone\r\ncontent-length: 0\r\n\r\n");
        };
        let (end, hold) = match answer {
            Answer::Whole => (bytes.len(), false),
            Answer::DropAt(end) => (end, false),
            Answer::HoldAt(end) => (end, true),
            Answer::Status(status, headers) => {
                std::thread::sleep(pause);
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{headers}");
                return stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes());
            }
        };
        let (status, from) = match range {
            Some(from) => {
                let (last, len) = (bytes.len() - 1, bytes.len());
                (format!("206 X\r\ncontent-range: bytes {from}-{last}/{len}"), from)
            }
            None => ("200 OK".to_owned(), 0),
        };
        let left = bytes.len() - from;
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {left}\r\netag: {tag}\r\n");
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
        for block in bytes[from..end.max(from)].chunks(BLOCK) {
            stream.write_all(block)?;
            self.paths.lock().unwrap().get_mut(&name).unwrap().sent += block.len();
            self.changed.notify_all();
            std::thread::sleep(pause);
        }
        if hold {
            // Ends when the client closes its side.
            let _ = stream.read(&mut [0])?;
        }
        Ok(())
    }
}

fn read(stream: &TcpStream) -> std::io::Result<(String, Option<usize>, Option<String>)> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let name = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let (mut range, mut if_range) = (None, None);
    for line in lines {
        let line = line?;
        let Some((key, value)) = line.split_once(": ") else { break };
        match key.to_ascii_lowercase().as_str() {
            "range" => {
                let value = value.trim_start_matches("bytes=").trim_end_matches('-');
                range = Some(value.parse().unwrap());
            }
            "if-range" => if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok((name, range, if_range))
}
