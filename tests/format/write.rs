//! Writes the golden journals of a version that has none yet.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use resurge::journal::dump::JsonLine;
use resurge::journal::event::Event;
use resurge::journal::store::{DiskStore, Durability, OpenMode, Store};
use resurge::{Seq, journal::Record};

use crate::golden::copy_folder;
use crate::stories::{self, Batches};
use crate::{forge, trimmed};

const SEGMENT: &str = "segments/00000001.seg";
const PAYLOADS: &str = "payloads";

/// A journal as files, with all records that stand in it.
struct Journal {
    marker: Vec<u8>,
    head: Vec<u8>,
    segment: Vec<u8>,
    /// Bodies that are kept aside, with their names.
    payloads: Vec<(OsString, Vec<u8>)>,
    records: Vec<Record>,
}

impl Journal {
    /// Writes batches to a disk and takes what a closed journal leaves there.
    fn of(batches: &Batches) -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("journal");
        let store = DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Power).unwrap();
        for batch in batches {
            store.append(store.head(), batch).unwrap();
        }
        let records = store.scan(Seq::ZERO).collect::<Result<_, _>>().unwrap();
        store.close();
        let read = |name| fs::read(dir.join(name)).unwrap();
        let payloads = fs::read_dir(dir.join(PAYLOADS)).into_iter().flatten().map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name(), fs::read(entry.path()).unwrap())
        });
        let mut payloads: Vec<_> = payloads.collect();
        payloads.sort();
        let (marker, head, segment) = (read("FORMAT"), read("head"), read(SEGMENT));
        Self { marker, head, segment, payloads, records }
    }

    fn write(&self, dir: &Path) {
        fs::create_dir_all(dir.join("segments")).unwrap();
        for (name, bytes) in
            [("FORMAT", &self.marker), ("head", &self.head), (SEGMENT, &self.segment)]
        {
            fs::write(dir.join(name), bytes).unwrap();
        }
        for (name, body) in &self.payloads {
            fs::create_dir_all(dir.join(PAYLOADS)).unwrap();
            fs::write(dir.join(PAYLOADS).join(name), body).unwrap();
        }
    }
}

/// What a reader shows and how it ends, beside the journal.
fn expect(golden: &Path, code: u8, records: &[Record]) {
    let lines: Vec<String> =
        records.iter().map(|record| format!("{}\n", JsonLine(record))).collect();
    fs::write(golden.join("expected.jsonl"), lines.concat()).unwrap();
    fs::write(golden.join("expected.exit"), format!("{code}\n")).unwrap();
}

/// Writes a golden journal, unless it is there: none is ever written again.
fn make(name: &str, code: u8, journal: &Journal) {
    let golden = crate::golden().join(name);
    if golden.exists() {
        return;
    }
    journal.write(&golden.join("journal"));
    expect(&golden, code, &journal.records);
}

#[tokio::test(start_paused = true)]
#[ignore = "writes the golden journals that are not there yet"]
async fn golden_journals_are_written_once() {
    let happy = stories::happy().await;
    make("happy", 0, &Journal::of(&happy));
    make("interrupted", 0, &Journal::of(&stories::interrupted().await));
    make("breaker", 0, &Journal::of(&stories::breaker().await));

    let large = stories::payload().await;
    make("payload", 0, &Journal::of(&large));
    let mut without = Journal::of(&large);
    let (_, body) = without.payloads.first_mut().unwrap();
    let place = body.len() / 2;
    *body.get_mut(place).unwrap() ^= 0x10;
    let nth = without.records.iter().position(|record| holds(record, body)).unwrap();
    without.records.remove(nth);
    make("payload-lost", 1, &without);

    // The last batch of several records, cut in its last frame, and a head from before it.
    let last = happy.iter().rposition(|batch| batch.len() > 1).unwrap();
    let mut torn = Journal::of(&happy.get(..=last).unwrap().to_vec());
    let kept = torn.records.len() - happy.get(last).unwrap().len();
    torn.segment.truncate(torn.segment.len() - 9);
    torn.records.truncate(kept);
    torn.head = head_of(&torn);
    make("torn-tail", 5, &torn);

    let mut bad = Journal::of(&happy);
    let middle = bad.records.len() / 2;
    let frame = forge::frames(&bad.segment).swap_remove(middle);
    *bad.segment.get_mut(frame.start + 60).unwrap() ^= 0x10;
    bad.records.remove(middle);
    make("bad-checksum", 1, &bad);

    let mut gap = Journal::of(&happy);
    let frames = forge::frames(&gap.segment);
    let (from, to) = (middle, middle + 2);
    gap.segment.drain(frames.get(from).unwrap().start..frames.get(to).unwrap().start);
    gap.records.drain(from..to);
    make("gap", 1, &gap);

    let mut newer = Journal::of(&happy);
    let frame = forge::unknown_frame(&newer.segment);
    newer.segment.extend_from_slice(&frame);
    make("newer", 6, &newer);

    let trimmed = crate::golden().join("trimmed");
    if !trimmed.exists() {
        write_trimmed(&trimmed).await;
    }

    let foreign = crate::golden().join("foreign");
    if foreign.exists() {
        return;
    }
    fs::create_dir_all(foreign.join("journal")).unwrap();
    fs::write(foreign.join("journal/notes.txt"), "bread, milk\n").unwrap();
    expect(&foreign, 3, &[]);
}

/// A journal that was trimmed, without what is derived from it.
async fn write_trimmed(golden: &Path) {
    let home = tempfile::tempdir().unwrap();
    let (dir, to) = (home.path().join("journal"), golden.join("journal"));
    trimmed::written(&dir).await;
    for folder in ["segments", PAYLOADS] {
        copy_folder(&dir.join(folder), &to.join(folder));
    }
    for name in ["FORMAT", "head", "BASE", "BASE.copy"] {
        fs::copy(dir.join(name), to.join(name)).unwrap();
    }
    expect(golden, 0, &trimmed::records(&to));
}

/// Whether a record is the one whose body was spoilt in its middle.
fn holds(record: &Record, spoilt: &[u8]) -> bool {
    let text = match &record.event {
        Event::RunStarted(event) => event.input.as_str(),
        Event::AttemptSucceeded(event) => event.output.as_str(),
        _ => return false,
    };
    let begin = text.as_bytes().get(..text.len().min(30)).unwrap();
    text.len() > 8_000 && spoilt.windows(30).any(|part| part == begin)
}

/// A head that stands at the last of the records that are left.
fn head_of(journal: &Journal) -> Vec<u8> {
    let frames = forge::frames(&journal.segment);
    let last = frames.get(journal.records.len() - 1).unwrap();
    let crc = journal.segment.get(last.end - 4..last.end).unwrap();
    let mut slot = b"RJHD".to_vec();
    slot.extend_from_slice(&(journal.records.len() as u64).to_be_bytes());
    slot.extend_from_slice(crc);
    slot.extend_from_slice(&forge::crc32c(&slot).to_be_bytes());
    slot.resize(512, 0);
    slot.repeat(2)
}
