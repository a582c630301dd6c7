//! A server on the loopback that is unreliable on purpose.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::fault::Fault;
use super::http;
use super::model::{Model, Pace};
use crate::out;
use crate::ui::{self, words};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// A server that is at work until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: Vec<File>,
    /// Bytes sent so far, of all files.
    sent: watch::Sender<usize>,
    is_talking: bool,
}

#[derive(Debug)]
struct File {
    model: Model,
    faults: Mutex<VecDeque<Fault>>,
    sent: AtomicUsize,
}

impl Server {
    /// Begins to serve on a port that is free.
    pub(super) fn start(models: Vec<Model>) -> io::Result<Self> {
        Self::start_after(Duration::ZERO, models)
    }

    /// The same, but it refuses every connection for a while at first.
    pub(super) fn start_after(down: Duration, models: Vec<Model>) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = format!("http://{}", socket.local_addr()?);
        let file = |model: Model| {
            let faults = Mutex::new(VecDeque::from(model.faults.clone()));
            File { model, faults, sent: AtomicUsize::new(0) }
        };
        let files = models.into_iter().map(file).collect();
        let sent = watch::Sender::new(0);
        let shared = Arc::new(Shared { files, sent, is_talking: ui::is_plain() });
        let serving = Arc::clone(&shared);
        if down.is_zero() {
            tokio::spawn(accept(socket.listen(BACKLOG)?, serving));
        } else {
            tokio::spawn(async move {
                tokio::time::sleep(down).await;
                if let Ok(listener) = socket.listen(BACKLOG) {
                    accept(listener, serving).await;
                }
            });
        }
        Ok(Self { address, shared })
    }

    /// The manifest of everything that it serves.
    pub(super) fn sections(&self) -> String {
        self.shared.files.iter().map(|file| file.model.section(&self.address)).collect()
    }

    /// Resolves when it has sent so many bytes.
    pub(super) fn has_sent(&self, bytes: usize) -> impl Future<Output = ()> + Send + 'static {
        let mut sent = self.shared.sent.subscribe();
        async move {
            let _ = sent.wait_for(|sent| *sent >= bytes).await;
        }
    }

    /// Bytes sent of a file, and its size.
    pub(super) fn traffic(&self, name: &str) -> Option<(usize, usize)> {
        let file = self.shared.files.iter().find(|file| file.model.name == name)?;
        Some((file.sent.load(Ordering::Relaxed), file.model.bytes.len()))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A client that goes away is business as usual.
        tokio::spawn(async move { shared.answer(stream).await.ok() });
    }
}

impl File {
    /// What the next request meets.
    fn next_fault(&self) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        // What is gone stays gone.
        if faults.front() == Some(&Fault::Gone) { Some(Fault::Gone) } else { faults.pop_front() }
    }
}

impl Shared {
    async fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let request = http::read(&mut stream).await?;
        let Some(file) = self.files.iter().find(|file| file.model.name == request.path) else {
            return stream.write_all(http::refusal("404 Not Found", None).as_bytes()).await;
        };
        let name = file.model.name;
        let fault = file.next_fault();
        let len = file.model.bytes.len();
        let mut end = len;
        match fault {
            Some(Fault::Busy(wait)) => {
                let asks = wait.map(|seconds| format!(" and asks for {seconds} s of patience"));
                self.say(name, format_args!("answers 503{}", asks.unwrap_or_default()));
                let refusal = http::refusal("503 Service Unavailable", wait);
                return stream.write_all(refusal.as_bytes()).await;
            }
            Some(fault @ (Fault::Broken | Fault::Gone)) => {
                let status = if fault == Fault::Gone {
                    "404 Not Found"
                } else {
                    "500 Internal Server Error"
                };
                self.say(name, format_args!("answers {status}"));
                return stream.write_all(http::refusal(status, None).as_bytes()).await;
            }
            Some(Fault::Think(pause)) => {
                self.say(name, format_args!("thinks for {}", words::duration(pause)));
                tokio::time::sleep(pause).await;
            }
            Some(Fault::DropAt(byte)) => end = byte.min(len),
            None => {}
        }
        let tag = format!("\"{name}-1\"");
        let is_same = request.if_range.as_ref().is_none_or(|asked| *asked == tag);
        let from = request.from.filter(|from| is_same && *from < len);
        if let Some(from) = from {
            let (from, len) = (words::bytes(from as u64), words::bytes(len as u64));
            self.say(name, format_args!("goes on at {from} of {len}"));
        }
        stream.write_all(http::head(from, len, &tag).as_bytes()).await?;
        self.send(file, from.unwrap_or_default(), end, &mut stream).await?;
        if end < len {
            self.say(name, format_args!("drops the line at {}", words::bytes(end as u64)));
        }
        Ok(())
    }

    async fn send(
        &self,
        file: &File,
        from: usize,
        end: usize,
        stream: &mut TcpStream,
    ) -> io::Result<()> {
        let Pace { block, pause } = file.model.pace;
        for block in file.model.bytes.get(from..end).unwrap_or_default().chunks(block) {
            stream.write_all(block).await?;
            file.sent.fetch_add(block.len(), Ordering::Relaxed);
            self.sent.send_modify(|sent| *sent += block.len());
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// The server's side of the story; bars leave no room for it.
    fn say(&self, name: &str, words: std::fmt::Arguments<'_>) {
        if self.is_talking {
            out::message(format_args!("{name}  (server)  {words}"));
        }
    }
}
