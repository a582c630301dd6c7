//! What a replay is made of: frames into records, records into the state.

use benches::Mix;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use resurge::journal::store::{MemoryStore, Store};
use resurge::journal::{Record, Seq, State};

const RECORDS: usize = 10_000;

fn main() {
    divan::main();
}

fn journal() -> MemoryStore {
    let store = MemoryStore::new();
    let records: Vec<Record> = Mix::after(store.head()).take(RECORDS).collect();
    store.append(store.head(), &records).expect("accepted");
    store
}

fn records() -> Vec<Record> {
    journal().scan(Seq::ZERO).collect::<Result<_, _>>().expect("readable")
}

#[divan::bench(counters = [ItemsCount::new(RECORDS)])]
fn decode(bencher: Bencher<'_, '_>) {
    let store = journal();
    bencher.bench_local(|| store.scan(Seq::ZERO).inspect(|record| assert!(record.is_ok())).count());
}

#[divan::bench(counters = [ItemsCount::new(RECORDS)])]
fn encode(bencher: Bencher<'_, '_>) {
    let records = records();
    bencher.bench_local(|| records.iter().filter(|record| record.size().is_ok()).count());
}

#[divan::bench(counters = [ItemsCount::new(RECORDS)])]
fn fold(bencher: Bencher<'_, '_>) {
    let records = records();
    bencher.bench_local(|| {
        let mut state = State::new();
        for record in &records {
            state.apply(record).expect("legal");
        }
        black_box(state)
    });
}
