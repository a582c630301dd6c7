//! The store itself: appends, reads, the end.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use super::db::Db;
use super::disk::Disk;
use super::error::OpenError;
use super::open::{Opened, open};
use crate::codec::Encoded;
use crate::id::Seq;
use crate::record::Record;
use crate::store::contract::{COMMIT_BYTES_MAX, Scan, Store};
use crate::store::error::{AppendError, ReadError};
use crate::store::tail::{Tail, record, records};

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// A power cut: every commit is synced to the disk.
    #[default]
    Power,
    /// A killed process: commits are left to the system, which loses them when the power fails.
    Process,
}

/// What to do where no journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenMode {
    /// Make one, if the path leads to nothing or to an empty folder.
    CreateIfMissing,
    /// Refuse with [`OpenError::Missing`].
    Existing,
}

/// The rest of a commit that was never acknowledged, cut off when the journal was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutTail {
    /// The first record that was cut.
    pub from: Seq,
    /// The last record that was cut.
    pub to: Seq,
    /// What was wrong with the first.
    pub problem: String,
}

/// Keeps records in sled.
#[derive(Debug)]
pub struct SledStore {
    location: String,
    /// The head, so that it can be asked for during a commit.
    head: AtomicU64,
    writer: Mutex<Writer>,
    reader: RwLock<Option<Db>>,
    cut: Option<CutTail>,
}

#[derive(Debug)]
struct Writer {
    tail: Tail,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(Disk),
    /// Holds on to the files: nobody else may write before they are let go.
    Poisoned(Disk),
    Closed,
}

impl SledStore {
    /// Opens the journal in a folder, which no other store may have open.
    ///
    /// Reads and checks every record. A torn end that was never acknowledged is cut off, which
    /// [`cut`](Self::cut) tells. A new journal gets its first record here.
    ///
    /// # Durability
    /// A journal that is made here is on the disk, whatever the durability, when this returns.
    ///
    /// # Errors
    /// [`OpenError`] says what is there instead, and what to do.
    pub fn open(
        dir: impl AsRef<Path>,
        mode: OpenMode,
        durability: Durability,
    ) -> Result<Self, OpenError> {
        let dir = dir.as_ref();
        let Opened { disk, tail, cut } = open(dir, mode, durability)?;
        Ok(Self {
            location: dir.display().to_string(),
            head: AtomicU64::new(tail.head.get()),
            reader: RwLock::new(Some(disk.db.clone())),
            writer: Mutex::new(Writer { tail, state: State::Open(disk) }),
            cut,
        })
    }

    /// What the opening cut off.
    pub const fn cut(&self) -> Option<&CutTail> {
        self.cut.as_ref()
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> Option<Db> {
        self.reader.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Store for SledStore {
    fn head(&self) -> Seq {
        Seq::new(self.head.load(Ordering::Acquire))
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        let mut writer = self.writer();
        let Writer { tail, state } = &mut *writer;
        let disk = match state {
            State::Open(disk) => disk,
            State::Poisoned(_) => return Err(AppendError::Poisoned),
            State::Closed => return Err(AppendError::Closed),
        };
        let (frames, _) = tail.encode(expected, batch)?;
        for group in groups(expected, frames) {
            match disk.commit(*tail, &group) {
                Ok(after) => *tail = after,
                Err(source) => {
                    writer.poison();
                    return Err(AppendError::Io { location: self.location.clone(), source });
                }
            }
            self.head.store(tail.head.get(), Ordering::Release);
        }
        Ok(tail.head)
    }

    fn scan(&self, from: Seq) -> Scan<'_> {
        let to = self.head();
        match self.reader() {
            Some(db) => Box::new(records(from, to, db.frames(from, to))),
            None => Box::new(std::iter::once(Err(ReadError::Closed))),
        }
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        let db = self.reader().ok_or(ReadError::Closed)?;
        if seq == Seq::ZERO || seq > self.head() {
            return Ok(None);
        }
        match db.get(seq) {
            Ok(Some(frame)) => record(seq, frame.as_ref()).map(Some),
            Ok(None) => Err(ReadError::Gap { from: seq, to: seq }),
            Err(source) => Err(ReadError::Io { seq, source }),
        }
    }

    fn location(&self) -> &str {
        &self.location
    }

    fn close(&self) {
        let state = std::mem::replace(&mut self.writer().state, State::Closed);
        let reader = self.reader.write().unwrap_or_else(PoisonError::into_inner).take();
        reader.into_iter().for_each(Db::close);
        match state {
            State::Open(disk) => disk.close(true),
            State::Poisoned(disk) => disk.close(false),
            State::Closed => {}
        }
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl Writer {
    fn poison(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(disk) | State::Poisoned(disk) => State::Poisoned(disk),
            State::Closed => State::Closed,
        };
    }
}

/// Splits frames into groups that each land as one.
fn groups(expected: Seq, frames: Vec<Encoded>) -> Vec<Vec<(Seq, Encoded)>> {
    let mut groups: Vec<Vec<(Seq, Encoded)>> = Vec::new();
    let (mut seq, mut room) = (expected, 0);
    for frame in frames {
        seq = seq.next();
        let bytes = frame.bytes.len();
        match groups.last_mut() {
            Some(group) if bytes <= room => group.push((seq, frame)),
            _ => {
                room = COMMIT_BYTES_MAX;
                groups.push(vec![(seq, frame)]);
            }
        }
        room -= bytes;
    }
    groups
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::event::RunUnparked;
    use crate::time::Timestamp;

    fn record(seq: u64) -> Record {
        let event = RunUnparked {}.into();
        Record { seq: Seq::new(seq), at: Timestamp::default(), run: None, event }
    }

    fn created(dir: &Path, durability: Durability) -> SledStore {
        SledStore::open(dir, OpenMode::CreateIfMissing, durability).expect("created")
    }

    /// Puts a file in the place of the log that cannot be synced.
    fn break_sync(store: &SledStore) {
        match &mut store.writer().state {
            State::Open(disk) => disk.break_sync(),
            state => panic!("{state:?}"),
        }
    }

    #[test]
    fn a_commit_is_synced_if_it_has_to_survive_a_power_cut() {
        let home = tempfile::tempdir().expect("a folder");
        let store = created(&home.path().join("power"), Durability::Power);
        break_sync(&store);
        let failed = store.append(Seq::new(1), &[record(2)]);
        assert!(matches!(failed, Err(AppendError::Io { .. })), "{failed:?}");

        let store = created(&home.path().join("process"), Durability::Process);
        break_sync(&store);
        store.append(Seq::new(1), &[record(2)]).expect("nothing is synced");
    }

    #[test]
    fn a_failed_sync_poisons_and_is_never_tried_again() {
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().join("journal");
        let store = created(&dir, Durability::Power);
        store.append(Seq::new(1), &[record(2)]).expect("appended");
        break_sync(&store);
        assert!(store.append(Seq::new(2), &[record(3)]).is_err());
        assert_eq!(store.head(), Seq::new(2), "what is not durable is not shown");
        assert_eq!(store.scan(Seq::ZERO).count(), 2);
        for _ in 0..2 {
            let refused = store.append(Seq::new(2), &[record(3)]);
            assert!(matches!(refused, Err(AppendError::Poisoned)), "{refused:?}");
        }

        let refused = SledStore::open(&dir, OpenMode::Existing, Durability::Power);
        assert!(matches!(refused, Err(OpenError::Locked { .. })), "it still holds the files");
        store.close();
        let again = SledStore::open(&dir, OpenMode::Existing, Durability::Power).expect("opened");
        assert!((2..=3).contains(&again.head().get()), "the last commit may be there or not");
        let head = again.head();
        again.append(head, &[record(head.get() + 1)]).expect("it goes on from there");
    }

    #[test]
    fn groups_keep_to_the_size_of_a_commit_and_to_the_order() {
        let frame = |bytes| Encoded { bytes: vec![0; bytes], crc: 0 };
        let frames = [8192; 20].into_iter().chain([100; 50]).map(frame).collect();
        let groups = groups(Seq::new(5), frames);
        let seqs: Vec<u64> = groups.iter().flatten().map(|(seq, _)| seq.get()).collect();
        assert_eq!(seqs, (6..76).collect::<Vec<_>>());
        for group in &groups {
            assert!(
                group.iter().map(|(_, frame)| frame.bytes.len()).sum::<usize>() <= COMMIT_BYTES_MAX
            );
        }
        assert_eq!(groups.len(), 3);
    }
}
