//! Rows that change without a record about their run.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{
    Breaker, Class, Engine, Jitter, ResourceKey, RetryPolicy, RunStatus, StepContext, StepError,
    Workflow,
};

use super::{Board, Shown};

const SECOND: Duration = Duration::from_secs(1);

fn host() -> ResourceKey {
    ResourceKey::new("host:https/models.test:443").unwrap()
}

/// Fails for good for even numbers and waits to be stopped for odd ones.
fn moody() -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>("moody");
    let input = flow.input();
    let step = flow
        .step_fn("try", input, |cx: StepContext, n: u32| async move {
            if n.is_multiple_of(2) {
                return Err(StepError::new(Class::Network, "reset", "the line broke"));
            }
            cx.stopped().await;
            Ok(n)
        })
        .retry(RetryPolicy::fixed(SECOND).jitter(Jitter::None).max_retries(0))
        .breaker(Breaker::keyed(host()))
        .add();
    flow.build(step).unwrap()
}

async fn board(engine: &Engine) -> Arc<Board> {
    Board::open(engine.clone(), Shown::default()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_run_that_lost_its_key_to_another_is_not_offered_to_be_tried_again() {
    let flow = moody();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let failed = engine.start(&flow, 2).key("model").await.unwrap();
    failed.outcome().await.unwrap_err();
    let board = board(&engine).await;
    let can = || board.scene().entries[&failed.id()].row.can.clone();
    assert!(can().contains(&"retry".to_owned()), "{:?}", can());
    let heir = engine.start(&flow, 1).key("model").restart_ended().await.unwrap();
    board.reach(engine.head()).await;
    assert!(!can().contains(&"retry".to_owned()), "{:?}", can());
    heir.cancel("ann", "enough").await.unwrap();
    board.reach(engine.head()).await;
    let offered = engine.explain(failed.id()).await.unwrap().unwrap().actions;
    let offers_retry = offered.iter().any(|action| action.name() == "retry_now");
    assert_eq!(can().contains(&"retry".to_owned()), offers_retry);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_isolation_is_shown_although_nothing_happens() {
    let flow = moody();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    engine.isolate(&host(), Some(SECOND * 60), "ann", "too many requests").await.unwrap();
    let board = board(&engine).await;
    let mode = || board.scene().breakers[0].mode;
    board.reach(engine.head()).await;
    assert_eq!(mode().name(), "isolated");
    let head = engine.head();
    tokio::time::sleep(SECOND * 62).await;
    assert_eq!(engine.head(), head, "nothing has happened");
    assert_eq!(mode().name(), "enforced");
}

#[tokio::test(start_paused = true)]
async fn what_happened_before_the_board_was_opened_is_told() {
    let flow = moody();
    let store = Arc::new(MemoryStore::new());
    let engine = Engine::with_store(store.clone()).register(&flow).start().await.unwrap();
    let failed = engine.start(&flow, 2).key("model").await.unwrap();
    failed.outcome().await.unwrap_err();
    let board = board(&engine).await;
    let scene = board.scene();
    assert_eq!(scene.entries[&failed.id()].status, RunStatus::Exhausted);
    let notices = scene.notices.cards();
    let [notice] = notices.values().collect::<Vec<_>>()[..] else { panic!("{notices:?}") };
    assert_eq!((notice.kind.as_str(), notice.name.as_str()), ("gave_up", "model"));
    let minutes = scene.minutes.cards(scene.now);
    assert_eq!(minutes["0"].failed, 1);
}
