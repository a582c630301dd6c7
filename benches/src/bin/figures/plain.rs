//! The cheapest store that is durable: what is left of a figure with it is the engine's own.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;

use resurge::journal::store::{AppendError, MemoryStore, ReadError, Scan, Store};
use resurge::journal::{Record, Seq};

use crate::Result;

/// Keeps records in memory, and writes as many bytes to a file of zeroes, each batch synced.
///
/// The file begins anew when it is full. It cannot be read again: this store is for measuring.
#[derive(Debug)]
pub(crate) struct PlainStore {
    records: MemoryStore,
    file: File,
    at: Mutex<u64>,
}

impl PlainStore {
    /// Fills a file with zeroes, so that no sync has anything but bytes to write.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("plain");
        let mut file = File::options().create_new(true).read(true).write(true).open(path)?;
        let block = vec![0; BLOCK_BYTES];
        for _ in 0..FILE_BYTES / BLOCK_BYTES {
            file.write_all(&block)?;
        }
        file.sync_all()?;
        Ok(Self { records: MemoryStore::new(), file, at: Mutex::default() })
    }

    fn write(&self, records: usize) -> std::io::Result<()> {
        let bytes = vec![b'r'; records * RECORD_BYTES];
        let mut at = self.at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *at + bytes.len() as u64 > FILE_BYTES as u64 {
            *at = 0;
        }
        self.file.write_all_at(&bytes, *at)?;
        *at += bytes.len() as u64;
        drop(at);
        self.file.sync_data()
    }
}

impl Store for PlainStore {
    fn head(&self) -> Seq {
        self.records.head()
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        self.write(batch.len()).map_err(|source| {
            let location = self.location().to_owned();
            AppendError::Io { location, source }
        })?;
        self.records.append(expected, batch)
    }

    fn scan(&self, from: Seq) -> Scan<'_> {
        self.records.scan(from)
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        self.records.read(seq)
    }

    fn location(&self) -> &'static str {
        "a plain file"
    }

    fn close(&self) {
        self.records.close();
    }
}

/// What the frame of a record of a three-step run has on average.
const RECORD_BYTES: usize = 126;
const BLOCK_BYTES: usize = 1 << 20;
const FILE_BYTES: usize = 64 << 20;
