//! C19: how long an opening takes. Told, not judged: the machine may be busy.

use std::path::Path;
use std::time::{Duration, Instant};

use plan::Plan;
use resurge_journal::store::{DiskStore, Durability, OpenMode, Store};
use resurge_journal::{Record, Seq};

use crate::files;
use crate::look::open;
use crate::report::Campaign;
use crate::shim::quick_home;

const MEBIBYTE: u64 = 1024 * 1024;

/// Bytes of all segments.
fn bytes_of(dir: &Path) -> u64 {
    files::all(&dir.join("segments")).iter().map(|path| path.metadata().unwrap().len()).sum()
}

/// Writes a journal of some size; with a checkpoint near its end if that is wished for.
fn write(dir: &Path, plan: Plan, bytes: u64) -> u64 {
    let store = DiskStore::open(dir, OpenMode::CreateIfMissing, Durability::Process).unwrap();
    let mut head = 1;
    let mut written = 0;
    while written < bytes {
        let batch: Vec<Record> = (head + 1..head + 100).map(|seq| plan.record(seq)).collect();
        written += batch.iter().map(|record| record.size().unwrap() as u64).sum::<u64>();
        head = store.append(Seq::new(head), &batch).unwrap().get();
    }
    store.close();
    head
}

fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let done = work();
    (began.elapsed(), done)
}

#[test]
fn c19_how_long_an_opening_takes() {
    let Some(campaign) = Campaign::begin("c19", 16) else { return };
    let home = quick_home();
    let dir = home.path().join("journal");
    let plan = Plan::new(campaign.seed);
    let head = write(&dir, plan, campaign.count * MEBIBYTE);
    let megabytes = bytes_of(&dir) / MEBIBYTE;

    let (all, store) = time(|| open(&dir).unwrap());
    assert_eq!(store.head().get(), head);
    let (scanned, count) = time(|| store.scan(Seq::ZERO).flatten().count());
    assert_eq!(count as u64, head);
    store.save_checkpoint(Seq::new(head - 10), b"here").unwrap();
    store.close();

    let (behind, store) = time(|| open(&dir).unwrap());
    assert_eq!(store.head().get(), head);
    store.close();

    std::fs::remove_dir_all(dir.join("checkpoints")).unwrap();
    files::edit(&dir.join("segments/00000002.seg"), |bytes| bytes[1_000] ^= 1);
    let (mended, store) = time(|| open(&dir).unwrap());
    assert!(store.mended().is_some());
    store.close();
    campaign.pass(&format!(
        "{megabytes} MiB, {head} records: opened in {all:.0?}, read in {scanned:.0?}, opened \
         behind a checkpoint in {behind:.0?}, mended in {mended:.0?}; not judged"
    ));
}
