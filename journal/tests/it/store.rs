//! Both back-ends, and the store that breaks on demand.

use std::sync::Arc;
use std::thread;

use resurge_journal::Seq;
use resurge_journal::store::conformance::{self, record};
use resurge_journal::store::{
    AppendError, DiskStore, Durability, Fault, FaultyStore, Gate, MemoryStore, OpenMode, Store,
};

#[test]
fn the_memory_store_conforms() {
    conformance::run(MemoryStore::new);
}

#[test]
fn a_store_behind_a_pointer_conforms() {
    conformance::run(|| Arc::new(MemoryStore::new()) as Arc<dyn Store>);
}

#[test]
fn a_faulty_store_without_faults_conforms() {
    conformance::run(|| FaultyStore::new(MemoryStore::new(), []));
}

#[test]
fn the_disk_store_conforms() {
    for durability in [Durability::Power, Durability::Process] {
        let home = tempfile::tempdir().expect("a folder");
        let mut count = 0;
        conformance::run(|| {
            count += 1;
            let dir = home.path().join(count.to_string());
            DiskStore::open(dir, OpenMode::CreateIfMissing, durability).expect("created")
        });
    }
}

#[test]
fn the_first_failure_poisons() {
    for (fault, kept) in [(Fault::Fail, 2), (Fault::Tear { kept: 1 }, 3), (Fault::FailAfter, 4)] {
        let memory = MemoryStore::new();
        let store = FaultyStore::new(memory.clone(), [(2, fault)]);
        store.append(Seq::new(1), &[record(2, 0)]).expect("the first append is not broken");
        let failed = store.append(Seq::new(2), &[record(3, 0), record(4, 0)]);
        assert!(matches!(failed, Err(AppendError::Io { .. })), "{failed:?}");
        let refused = store.append(store.head(), &[record(kept + 1, 0)]);
        assert!(matches!(refused, Err(AppendError::Poisoned)), "{refused:?}");
        assert_eq!(memory.head(), Seq::new(kept));
    }
}

#[test]
fn a_refusal_damages_nothing() {
    let memory = MemoryStore::new();
    let store = FaultyStore::new(memory.clone(), [(2, Fault::Refuse { asked: 3 })]);
    store.append(Seq::new(1), &[record(2, 0)]).expect("the first append is not broken");
    let nothing = || ();
    conformance::run_without_room(&store, &[record(3, 0), record(4, 20_000)], nothing, nothing);
    assert_eq!(memory.head(), Seq::new(5));
}

#[test]
fn a_stalled_append_waits_for_its_gate() {
    let gate = Gate::new();
    let store = FaultyStore::new(MemoryStore::new(), [(1, Fault::Stall(gate.clone()))]);
    thread::scope(|scope| {
        let append = scope.spawn(|| store.append(Seq::new(1), &[record(2, 0)]));
        gate.arrived();
        assert_eq!(store.head(), Seq::new(1));
        gate.open();
        assert_eq!(append.join().expect("no panic").expect("appended"), Seq::new(2));
    });
}
