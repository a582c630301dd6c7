//! Small journals that hold 64 KiB of frames together, so that each can be read again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use plan::Plan;
use resurge_journal::store::{Condition, DiskStore, Durability, OpenMode, Snapshot, Store};
use resurge_journal::{Record, Seq};
use tempfile::TempDir;

use crate::look::check;
use crate::shim::quick_home;

pub(crate) const STREAM_BYTES: usize = 64 * 1024;
/// Frames of one journal, about.
const PART_BYTES: usize = 1024;
/// Bytes in front of the frames of a segment.
pub(crate) const HEADER_BYTES: usize = 64;

/// A closed journal without an index: one segment and its head.
pub(crate) struct Part {
    dir: PathBuf,
    plan: Plan,
    head: u64,
    pub(crate) segment: Vec<u8>,
    pub(crate) anchor: Vec<u8>,
}

/// What somebody who only reads is shown.
pub(crate) struct Shown {
    pub(crate) condition: Condition,
    /// Records that are as they were written.
    pub(crate) right: Vec<u64>,
    /// The first that is something else.
    pub(crate) wrong: Option<String>,
    pub(crate) errors: u64,
}

impl Part {
    /// Makes one with about so many bytes of frames.
    pub(crate) fn make(home: &Path, number: u64, seed: u64, bytes: usize) -> Self {
        let dir = home.join(format!("part-{number}"));
        let plan = Plan::tiny(seed.wrapping_add(number << 8));
        let store = DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Process).unwrap();
        let (mut used, mut head) = (0, 1);
        while used < bytes {
            let batch: Vec<Record> = plan.batch(head).into_iter().take(2).collect();
            used += batch.iter().map(|record| record.size().unwrap()).sum::<usize>();
            head = store.append(Seq::new(head), &batch).unwrap().get();
        }
        store.close();
        fs::remove_dir_all(dir.join("index")).unwrap();
        let segment = fs::read(dir.join("segments/00000001.seg")).unwrap();
        let anchor = fs::read(dir.join("head")).unwrap();
        Self { dir, plan, head, segment, anchor }
    }

    /// Shows the journal with other bytes in its segment.
    pub(crate) fn show(&self, segment: &[u8]) -> Shown {
        fs::write(self.dir.join("segments/00000001.seg"), segment).unwrap();
        let snapshot = Snapshot::take(&self.dir).unwrap();
        let condition = snapshot.condition().clone();
        let mut shown = Shown { condition, right: Vec::new(), wrong: None, errors: 0 };
        for found in snapshot.scan() {
            match found {
                Ok(record) => match check(self.plan, &record, &mut Vec::new()) {
                    Ok(()) => shown.right.push(record.seq.get()),
                    Err(wrong) => shown.wrong = shown.wrong.or(Some(wrong)),
                },
                Err(_) => shown.errors += 1,
            }
        }
        shown
    }

    /// Shows it with another head as well.
    pub(crate) fn show_with(&self, segment: &[u8], anchor: &[u8]) -> Shown {
        fs::write(self.dir.join("head"), anchor).unwrap();
        let shown = self.show(segment);
        fs::write(self.dir.join("head"), &self.anchor).unwrap();
        shown
    }

    /// Damage must be told, and nothing that is shown may be wrong.
    pub(crate) fn expect_damage(&self, segment: &[u8]) -> Result<Vec<u64>, String> {
        let Shown { condition, right, wrong, errors } = self.show(segment);
        let is_told = matches!(condition, Condition::Damaged { .. });
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        // A head that is spoiled takes none of the frames behind it away.
        if !is_told || errors == 0 {
            return Err(format!("SILENT: {condition:?}, {right:?} of {} shown", self.head));
        }
        Ok(right)
    }

    /// Where each frame begins, and where the last one ends.
    pub(crate) fn frames(&self) -> Vec<usize> {
        let mut places = vec![HEADER_BYTES];
        let mut at = HEADER_BYTES;
        while at < self.segment.len() {
            let length = self.segment[at + 52..at + 56].try_into().unwrap();
            at += 60 + usize::try_from(u32::from_be_bytes(length)).unwrap();
            places.push(at);
        }
        places
    }
}

/// Journals of which each is small.
pub(crate) fn parts(seed: u64) -> (TempDir, Vec<Part>) {
    let home = quick_home();
    let (mut parts, mut bytes) = (Vec::new(), 0);
    while bytes < STREAM_BYTES {
        let part = Part::make(home.path(), parts.len() as u64, seed, PART_BYTES);
        bytes += part.segment.len() - HEADER_BYTES;
        parts.push(part);
    }
    (home, parts)
}

/// Shares work out to as many threads as there are cores, each with a journal of its own.
pub(crate) fn share<T: Send>(
    work: Vec<T>,
    act: impl Fn(T) -> Result<u64, String> + Sync,
) -> Result<u64, String> {
    let cores = thread::available_parallelism().map_or(2, |cores| cores.get().min(8));
    let mut hands: Vec<Vec<T>> = (0..cores).map(|_| Vec::new()).collect();
    for (number, piece) in work.into_iter().enumerate() {
        hands[number % cores].push(piece);
    }
    thread::scope(|scope| {
        let act = &act;
        let threads: Vec<_> = hands
            .into_iter()
            .map(|hand| scope.spawn(move || hand.into_iter().map(act).sum::<Result<u64, _>>()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}
