//! The stream of events.

use std::num::NonZeroUsize;

use resurge::journal::Seq;
use resurge::journal::store::MemoryStore;
use support::{Calls, chain};

#[tokio::test(start_paused = true)]
async fn a_slow_reader_misses_nothing() {
    let flow = chain(&[Calls::default(), Calls::default()]);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let mut early = engine.events(Seq::new(1));
    // More records than any buffer on the way holds.
    for n in 0..400 {
        engine.start(&flow, n).await.unwrap().outcome().await.unwrap();
    }
    let mut late = engine.events(Seq::new(1_000));
    assert_eq!(late.next().await.unwrap().unwrap().seq, Seq::new(1_000));
    // Created, opened, and 400 runs of six events.
    for expected in 1..=2 + 400 * 6 {
        assert_eq!(early.next().await.unwrap().unwrap().seq, Seq::new(expected));
    }
    engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    assert_eq!(early.next().await.unwrap().unwrap().event.name(), "engine_closed");
    assert!(early.next().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn many_at_once_are_the_same_records_in_the_same_order() {
    let flow = chain(&[Calls::default(), Calls::default()]);
    let engine = support::engine().register(&flow).start().await.unwrap();
    for n in 0..400 {
        engine.start(&flow, n).await.unwrap().outcome().await.unwrap();
    }
    let head = engine.head();
    let (mut events, most) = (engine.events(Seq::new(1)), NonZeroUsize::new(100).unwrap());
    let mut expected = Seq::new(1);
    while expected <= head {
        let records = events.next_many(most).await.unwrap();
        assert!(!records.is_empty() && records.len() <= most.get());
        for record in records {
            assert_eq!(record.seq, expected);
            expected = expected.next();
        }
        // Both ways to read go on where the other one stopped.
        if expected <= head {
            assert_eq!(events.next().await.unwrap().unwrap().seq, expected);
            expected = expected.next();
        }
    }
    engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    let last = events.next_many(most).await.unwrap();
    assert_eq!(last.last().unwrap().event.name(), "engine_closed");
    assert!(events.next_many(most).await.unwrap().is_empty());
    assert!(events.next().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_what_happened_before_the_engine_was_opened() {
    let disk = MemoryStore::new();
    let flow = chain(&[Calls::default()]);
    for _ in 0..2 {
        let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
        engine.start(&flow, 1).await.unwrap().outcome().await.unwrap();
        let mut events = engine.events(Seq::ZERO);
        let first = events.next().await.unwrap().unwrap();
        assert_eq!((first.seq, first.event.name()), (Seq::new(1), "journal_created"));
        engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    }
}
