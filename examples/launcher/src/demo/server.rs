//! A server on the loopback that is unreliable on purpose.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::fault::Fault;
use super::http;
use super::model::Model;
use crate::out;
use crate::ui::{self, words};

/// Slow enough to be watched: about 12 MiB/s a connection.
const BLOCK: usize = 256 * 1024;
const PAUSE: Duration = Duration::from_millis(20);

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
    pub(super) async fn start(models: Vec<Model>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let file = |model: Model| {
            let faults = Mutex::new(VecDeque::from(model.faults.clone()));
            File { model, faults, sent: AtomicUsize::new(0) }
        };
        let files = models.into_iter().map(file).collect();
        let sent = watch::Sender::new(0);
        let shared = Arc::new(Shared { files, sent, is_talking: ui::is_plain() });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = Arc::clone(&serving);
                // A client that goes away is business as usual.
                tokio::spawn(async move { serving.answer(stream).await.ok() });
            }
        });
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

impl Shared {
    async fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let request = http::read(&mut stream).await?;
        let Some(file) = self.files.iter().find(|file| file.model.name == request.path) else {
            return stream.write_all(http::refusal("404 Not Found", None).as_bytes()).await;
        };
        let name = file.model.name;
        let fault = file.faults.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let len = file.model.bytes.len();
        let mut end = len;
        match fault {
            Some(Fault::Busy(wait)) => {
                let asks = wait.map(|seconds| format!(" and asks for {seconds} s of patience"));
                self.say(name, format_args!("answers 503{}", asks.unwrap_or_default()));
                let refusal = http::refusal("503 Service Unavailable", wait);
                return stream.write_all(refusal.as_bytes()).await;
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
        for block in file.model.bytes.get(from..end).unwrap_or_default().chunks(BLOCK) {
            stream.write_all(block).await?;
            file.sent.fetch_add(block.len(), Ordering::Relaxed);
            self.sent.send_modify(|sent| *sent += block.len());
            tokio::time::sleep(PAUSE).await;
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
