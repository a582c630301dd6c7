//! Records per second of many appenders that each wait for durability, beside the bare disk.
//!
//! Both sides have the same committer: it takes whatever waits, writes it as one, syncs once, and
//! answers all. Only what it writes through differs.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use benches::succeeded;
use resurge::journal::store::{DiskStore, Durability, OpenMode, Store};
use resurge::journal::{Record, Seq};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::Result;
use crate::journal::{block_on, folder};
use crate::meter::{Meter, load, quantile_ms};
use crate::table::{figure, head, row, say, spread};

const APPENDERS: [usize; 4] = [1, 8, 64, 1_024];
const TIME: Duration = Duration::from_secs(2);
/// Size of the files of the bare disk, that of the journal's largest segments.
const RAW_BYTES: u64 = 16 * 1024 * 1024;

/// Writes a batch of records durably.
trait Sink: Send {
    fn commit(&mut self, batch: Vec<Record>) -> Result<()>;
}

/// What the bare disk does: the bytes of the frames, into files that are filled with zeroes while
/// the one before them is written.
struct Raw {
    folder: PathBuf,
    spare: JoinHandle<io::Result<File>>,
    file: File,
    left: u64,
    frame: Vec<u8>,
    bytes: Vec<u8>,
}

/// A file that is filled and synced.
fn zeroed(path: &Path) -> io::Result<File> {
    let mut file = File::create(path)?;
    let zeroes = vec![0; 1024 * 1024];
    for _ in 0..RAW_BYTES / zeroes.len() as u64 {
        file.write_all(&zeroes)?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// A file that is made while others are used.
fn spare(folder: &Path) -> JoinHandle<io::Result<File>> {
    let path = folder.join(Uuid::new_v4().to_string());
    std::thread::spawn(move || zeroed(&path))
}

impl Raw {
    fn new(folder: &Path) -> Result<Self> {
        let file = zeroed(&folder.join("first"))?;
        let (folder, spare) = (folder.to_owned(), spare(folder));
        let frame = vec![b'r'; succeeded(2).size()?];
        Ok(Self { folder, spare, file, left: RAW_BYTES, frame, bytes: Vec::new() })
    }
}

impl Sink for Raw {
    fn commit(&mut self, batch: Vec<Record>) -> Result<()> {
        self.bytes.clear();
        for _ in &batch {
            self.bytes.extend_from_slice(&self.frame);
        }
        if self.bytes.len() as u64 > self.left {
            let made = std::mem::replace(&mut self.spare, spare(&self.folder)).join();
            self.file = made.map_err(|_| "the thread that fills files panicked")??;
            self.left = RAW_BYTES;
        }
        self.left -= self.bytes.len() as u64;
        self.file.write_all(&self.bytes)?;
        self.file.sync_data()?;
        Ok(())
    }
}

impl Sink for Arc<DiskStore> {
    fn commit(&mut self, mut batch: Vec<Record>) -> Result<()> {
        let before = self.head();
        for (record, seq) in batch.iter_mut().zip(before.get() + 1..) {
            record.seq = Seq::new(seq);
        }
        self.append(before, &batch)?;
        Ok(())
    }
}

/// A record, and who waits for it.
type Appended = (Record, oneshot::Sender<()>);

#[derive(Default)]
struct Waiting {
    appended: Vec<Appended>,
    is_closed: bool,
}

/// Records that wait for the committer, with those who wait for them.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Queue {
    fn push(&self, record: Record) -> oneshot::Receiver<()> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.appended.push((record, answer));
        if waiting.appended.len() == 1 {
            self.changed.notify_one();
        }
        answered
    }

    /// Everything that waits; nothing once the queue is closed.
    fn take(&self) -> Vec<Appended> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.appended.is_empty() && !waiting.is_closed {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut waiting.appended)
    }

    fn close(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.changed.notify_one();
    }
}

/// What a flight of appenders came to.
struct Flight {
    rate: f64,
    latencies: Vec<Duration>,
    cpu_us: f64,
}

fn fly(appenders: usize, mut sink: impl Sink + 'static) -> Result<Flight> {
    let queue = Arc::new(Queue::default());
    let committer = {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || -> Result<()> {
            loop {
                let (records, answers): (Vec<_>, Vec<_>) = queue.take().into_iter().unzip();
                if records.is_empty() {
                    return Ok(());
                }
                sink.commit(records)?;
                for answer in answers {
                    let _ = answer.send(());
                }
            }
        })
    };
    let meter = Meter::start();
    let until = Instant::now() + TIME;
    let latencies = block_on(async {
        let tasks: Vec<_> = (0..appenders)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move {
                    let (template, mut latencies) = (succeeded(2), Vec::new());
                    while Instant::now() < until {
                        let began = Instant::now();
                        queue.push(template.clone()).await?;
                        latencies.push(began.elapsed());
                    }
                    Ok::<_, oneshot::error::RecvError>(latencies)
                })
            })
            .collect();
        let mut all: Vec<Duration> = Vec::new();
        for task in tasks {
            all.extend(task.await??);
        }
        all.sort_unstable();
        Ok(all)
    })?;
    let spent = meter.read();
    queue.close();
    committer.join().map_err(|_| "the committer panicked")??;
    let records = latencies.len() as f64;
    Ok(Flight {
        rate: records / spent.wall.as_secs_f64(),
        cpu_us: spent.cpu.as_secs_f64() * 1e6 / records,
        latencies,
    })
}

pub(crate) fn measure(rounds: usize) -> Result<()> {
    say(format_args!("records of {} bytes; load {}", succeeded(2).size()?, load()));
    let mut columns: Vec<Vec<(Flight, Flight)>> = APPENDERS.iter().map(|_| Vec::new()).collect();
    for number in 1..=rounds {
        for (appenders, column) in APPENDERS.into_iter().zip(&mut columns) {
            let folder = folder()?;
            let raw = fly(appenders, Raw::new(folder.path())?)?;
            drop(folder);
            let folder = crate::journal::folder()?;
            let (dir, mode) = (folder.path().join("journal"), OpenMode::CreateIfMissing);
            let store = Arc::new(DiskStore::open(dir, mode, Durability::Power)?);
            let ours = fly(appenders, Arc::clone(&store))?;
            store.close();
            say(format_args!(
                "round {number}, {appenders} appenders: {} records/s, raw {}, load {}",
                figure(ours.rate),
                figure(raw.rate),
                load()
            ));
            column.push((ours, raw));
        }
    }
    head(&["appenders", "records/s", "p50 µs", "p99 µs", "raw", "ratio", "CPU µs", "raw CPU µs"]);
    for (appenders, column) in APPENDERS.into_iter().zip(&columns) {
        let of = |value: fn(&(Flight, Flight)) -> f64| {
            spread(&column.iter().map(value).collect::<Vec<_>>())
        };
        row(&[
            appenders.to_string(),
            of(|(ours, _)| ours.rate),
            of(|(ours, _)| quantile_ms(&ours.latencies, 0.50) * 1_000.0),
            of(|(ours, _)| quantile_ms(&ours.latencies, 0.99) * 1_000.0),
            of(|(_, raw)| raw.rate),
            of(|(ours, raw)| ours.rate / raw.rate),
            of(|(ours, _)| ours.cpu_us),
            of(|(_, raw)| raw.cpu_us),
        ]);
    }
    Ok(())
}
