//! What the engine tells of its journal.

use resurge::journal::store::MemoryStore;
use resurge::{Engine, Seq};
use support::{Calls, chain};

#[tokio::test]
async fn a_journal_on_a_disk_has_a_size_and_each_flush_is_counted() {
    let home = tempfile::tempdir().unwrap();
    let flow = chain(&[Calls::default(), Calls::default()]);
    let engine = Engine::open(home.path()).register(&flow).start().await.unwrap();
    let before = engine.journal().await.unwrap();
    assert_eq!((before.first, before.head), (Seq::new(1), engine.head()));
    assert!(before.disk_bytes > Some(0), "{before:?}");
    let runs = 40;
    for _ in 0..runs {
        engine.start(&flow, 1).await.unwrap().outcome().await.unwrap();
    }
    // What steps leave beside the journal is none of it.
    std::fs::create_dir_all(home.path().join("scratch")).unwrap();
    std::fs::write(home.path().join("scratch/large"), vec![0; 1 << 24]).unwrap();
    let after = engine.journal().await.unwrap();
    assert_eq!(after.head, engine.head());
    assert!(after.disk_bytes < before.disk_bytes.map(|bytes| bytes + (1 << 24)), "{after:?}");
    let flushed = after.flushes.count() - before.flushes.count();
    assert!((runs..=after.head.get() - before.head.get()).contains(&flushed), "{flushed}");
    assert!(after.flushes.total() > before.flushes.total());
    let (_, most) = after.flushes.at_most().last().unwrap();
    assert!(most <= after.flushes.count());
    assert_eq!(after.replay, before.replay);
}

#[tokio::test]
async fn a_journal_in_memory_takes_up_no_disk() {
    let engine = support::engine_on(MemoryStore::new()).start().await.unwrap();
    let view = engine.journal().await.unwrap();
    assert_eq!(view.disk_bytes, None);
    engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    engine.journal().await.unwrap_err();
}
