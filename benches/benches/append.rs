//! Appends of 1 to 256 records of about 200 bytes, durable and not.

use benches::succeeded;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use resurge::journal::store::{DiskStore, Durability, MemoryStore, OpenMode, Store};
use resurge::journal::{Record, Seq};

const BATCHES: [u64; 4] = [1, 16, 64, 256];

fn main() {
    divan::main();
}

fn append(bencher: Bencher<'_, '_>, store: &impl Store, records: u64) {
    let mut head = store.head();
    let next_batch = || -> (Seq, Vec<Record>) {
        let expected = head;
        head = Seq::new(expected.get() + records);
        (expected, (expected.next().get()..=head.get()).map(succeeded).collect())
    };
    bencher
        .counter(ItemsCount::new(records))
        .with_inputs(next_batch)
        .bench_local_refs(|(expected, batch)| black_box(store.append(*expected, batch)).is_ok());
}

fn append_to_disk(bencher: Bencher<'_, '_>, records: u64, durability: Durability) {
    let dir = tempfile::tempdir().expect("a folder");
    let mode = OpenMode::CreateIfMissing;
    let store = DiskStore::open(dir.path().join("journal"), mode, durability).expect("opened");
    append(bencher, &store, records);
}

#[divan::bench(args = BATCHES, sample_count = 200, max_time = 3)]
fn disk_power(bencher: Bencher<'_, '_>, records: u64) {
    append_to_disk(bencher, records, Durability::Power);
}

#[divan::bench(args = BATCHES, sample_count = 200, max_time = 3)]
fn disk_process(bencher: Bencher<'_, '_>, records: u64) {
    append_to_disk(bencher, records, Durability::Process);
}

#[divan::bench(args = BATCHES, max_time = 3)]
fn memory(bencher: Bencher<'_, '_>, records: u64) {
    append(bencher, &MemoryStore::new(), records);
}
