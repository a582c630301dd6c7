//! A view is of one moment, however fast the operation moves that it shows in full.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use resurge::{Class, Engine, RetryPolicy, RunId, Seq, StepContext, StepError, Workflow};

use tokio::sync::Semaphore;

use super::{Board, Identity, Live, ViewMessage};
use crate::view::{Subscription, View};

/// Fails at once, and is tried again much later.
fn patient() -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>("patient");
    let input = flow.input();
    let broken = |_: StepContext, _: u32| async {
        Err::<u32, _>(StepError::new(Class::Network, "reset", "the line broke"))
    };
    let policy = RetryPolicy::fixed(Duration::from_secs(600)).max_retries(5);
    let step = flow.step_fn("fetch", input, broken).retry(policy).add();
    flow.build(step).unwrap()
}

/// Pauses and resumes as often as it may.
async fn shake(engine: Engine, run: RunId, turns: Arc<Semaphore>) {
    loop {
        turns.acquire().await.unwrap().forget();
        engine.run(run).pause("ann", "shaken").await.unwrap();
        engine.run(run).resume("ann", "shaken").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_list_and_the_operation_in_full_tell_the_same() {
    let flow = patient();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, 1).await.unwrap().id();
    let board = Board::open(engine.clone(), Identity::default(), Arc::default()).await.unwrap();
    let turns = Arc::new(Semaphore::new(0));
    let shaker = tokio::spawn(shake(engine.clone(), run, Arc::clone(&turns)));
    let (mut last, mut moved) = (0, 0);
    for _ in 0..20 {
        turns.add_permits(150);
        let known = engine.head();
        let wanted = Subscription { operation: Some(run), count: 60, ..Subscription::default() };
        let message = Live::new(&board, wanted).next().await.unwrap().unwrap();
        let ViewMessage::Snapshot { seq, data } = message else { panic!("{message:?}") };
        let view: View = serde_json::from_value(data).unwrap();
        let listed = view.list.rows.values().next().unwrap();
        let detail = view.detail.unwrap();
        assert_eq!(Some(listed), detail.row.as_ref(), "as of {seq}");
        assert!(Seq::new(seq) >= known, "what was durable when it was asked for is in it");
        let newest = detail.events.keys().filter_map(|seq| seq.parse::<u64>().ok()).max();
        assert!(newest >= Some(listed.version), "{newest:?} of {}", listed.version);
        moved += u32::from(std::mem::replace(&mut last, listed.version) != listed.version);
    }
    shaker.abort();
    assert!(moved > 5, "it moved between {moved} views of 20");
}
