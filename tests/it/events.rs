//! The stream of events.

use std::sync::Arc;

use resurge::Engine;
use resurge::journal::Seq;
use resurge::journal::store::MemoryStore;
use support::{Calls, chain};

#[tokio::test(start_paused = true)]
async fn a_slow_reader_misses_nothing() {
    let flow = chain(&[Calls::default(), Calls::default()]);
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let mut early = engine.events(Seq::new(1));
    // More records than any buffer on the way holds.
    for n in 0..400 {
        engine.start(&flow, n).await.unwrap().outcome().await.unwrap();
    }
    let mut late = engine.events(Seq::new(1_000));
    engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    drop(engine);
    let mut expected = 1;
    while let Ok(Some(record)) = early.next().await {
        assert_eq!(record.seq.get(), expected);
        expected += 1;
    }
    // Created, opened, 400 runs of six events, closed.
    assert!(expected >= 2_000, "{expected}");
    assert_eq!(late.next().await.unwrap().unwrap().seq, Seq::new(1_000));
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_what_happened_before_the_engine_was_opened() {
    let disk = MemoryStore::new();
    let flow = chain(&[Calls::default()]);
    for _ in 0..2 {
        let engine =
            Engine::with_store(Arc::new(disk.clone())).register(&flow).start().await.unwrap();
        engine.start(&flow, 1).await.unwrap().outcome().await.unwrap();
        let mut events = engine.events(Seq::ZERO);
        let first = events.next().await.unwrap().unwrap();
        assert_eq!((first.seq, first.event.name()), (Seq::new(1), "journal_created"));
        engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    }
}
