//! Run keys: the same key resumes or returns the run that holds it.

use std::sync::Arc;
use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{Class, RetryPolicy, RunStatus, StartError};
use support::{Calls, chain, fail_first};

#[tokio::test(start_paused = true)]
async fn the_same_key_returns_the_finished_run() {
    let disk = MemoryStore::new();
    let calls = [Calls::default()];
    let flow = chain(&calls);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let store = Arc::new(disk.clone());
        let engine = support::engine_on(store).register(&flow).start().await.unwrap();
        let run = engine.start(&flow, 1).key("tiny-model").await.unwrap();
        assert_eq!(run.outcome().await.unwrap(), 2);
        ids.push(run.id());
        engine.shutdown(Duration::ZERO).await.unwrap();
    }
    assert!(ids.iter().all(|id| Some(id) == ids.first()));
    assert_eq!(calls.iter().map(Calls::so_far).sum::<u32>(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_joins_the_run_that_is_under_way() {
    let calls = Calls::default();
    let policy = RetryPolicy::fixed(Duration::from_secs(30));
    let flow = fail_first(1, Class::Network, policy, &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let first = engine.start(&flow, ()).key("model").await.unwrap();
    let second = engine.start(&flow, ()).key("model").restart_ended().await.unwrap();
    assert_eq!(first.id(), second.id());
    assert_eq!(second.outcome().await.unwrap(), 2);
    assert_eq!(engine.find(&"model".parse().unwrap()).await.unwrap().unwrap().id, first.id());
    assert_eq!(engine.runs().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_taken_by_another_input_is_refused() {
    let flow = chain(&[Calls::default()]);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let first = engine.start(&flow, 1).key("model").await.unwrap();
    let error = engine.start(&flow, 2).key("model").await.unwrap_err();
    assert!(matches!(error, StartError::KeyTaken { run } if run == first.id()), "{error}");
    let error = engine.start(&flow, 1).key("a\nb").await.unwrap_err();
    assert!(matches!(error, StartError::Key(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_ended_run_gives_its_key_up_when_asked() {
    let calls = Calls::default();
    let flow = fail_first(1, Class::Permission, RetryPolicy::default(), &calls);
    let engine = support::engine().register(&flow).start().await.unwrap();
    let failed = engine.start(&flow, ()).key("model").await.unwrap();
    assert!(failed.outcome().await.is_err());
    let same = engine.start(&flow, ()).key("model").await.unwrap();
    assert_eq!(same.id(), failed.id());
    let fresh = engine.start(&flow, ()).key("model").restart_ended().await.unwrap();
    assert_ne!(fresh.id(), failed.id());
    assert_eq!(fresh.outcome().await.unwrap(), 2);
    assert_eq!(failed.view().await.unwrap().status, RunStatus::Failed);
    let newest = engine.find(&"model".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(newest.id, fresh.id());
}
