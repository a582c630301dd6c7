//! Rows that change without a record about their run.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use resurge::journal::state::Tuning;
use resurge::journal::store::MemoryStore;
use resurge::{
    Breaker, Class, Engine, Jitter, ResourceKey, RetryPolicy, RunStatus, Settings, StepContext,
    StepError, Workflow,
};

use serde_json::json;

use super::{Board, Identity};
use crate::view::{Entry, Row};

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
        .retry(RetryPolicy::fixed(SECOND * 600).jitter(Jitter::None).max_retries(0))
        .breaker(Breaker::keyed(host()))
        .add();
    flow.build(step).unwrap()
}

async fn board(engine: &Engine) -> Arc<Board> {
    Board::open(engine.clone(), Identity::default(), Arc::default()).await.unwrap()
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

/// Runs out of memory after a while for 0 and waits to be stopped for everything else.
fn greedy() -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>("greedy");
    let input = flow.input();
    let step = flow
        .step_fn("take", input, |cx: StepContext, n: u32| async move {
            if n == 0 {
                tokio::time::sleep(SECOND * 5).await;
                return Err(StepError::new(Class::Resource, "memory", "there is none left"));
            }
            cx.stopped().await;
            Ok(n)
        })
        .retry(RetryPolicy::fixed(SECOND).jitter(Jitter::None).max_retries(0))
        .add();
    flow.build(step).unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_turn_is_told_of_a_limit_that_others_brought_about_and_of_its_end() {
    let flow = greedy();
    let mut settings = Settings::default();
    settings.attempts_in_flight_max = 2;
    let engine = Engine::in_memory().settings(settings).register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    engine.start(&flow, 0).await.unwrap();
    for number in 1..=3 {
        engine.start(&flow, number).await.unwrap();
    }
    let text = || {
        let scene = board.scene();
        scene.entries.values().next_back().unwrap().row.wait.as_ref().unwrap().text.clone()
    };
    board.reach(engine.head()).await;
    assert_eq!(text(), "waits for its turn");
    tokio::time::sleep(SECOND * 6).await;
    board.reach(engine.head()).await;
    assert_eq!(text(), "this machine is short of something: one attempt at a time");
    tokio::time::sleep(SECOND * 60).await;
    board.reach(engine.head()).await;
    assert_eq!(text(), "waits for its turn");
}

#[tokio::test(start_paused = true)]
async fn only_settings_that_lines_show_have_all_of_them_looked_at_anew() {
    let flow = moody();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    for number in 1..=2 {
        engine.start(&flow, number).await.unwrap();
    }
    engine.tune("max_retries", Some(3), "ann", "why not").await.unwrap();
    engine.start(&flow, 4).await.unwrap();
    let board = board(&engine).await;
    let line = || Arc::clone(&board.scene().entries.values().next().unwrap().row);
    for &name in Tuning::NAMES {
        let before = line();
        engine.tune(name, Some(json!(7)), "ann", "why not").await.unwrap();
        board.reach(engine.head()).await;
        let seen = engine.survey().await.unwrap();
        for seen in &seen.runs {
            let (shown, fresh) = (line_of(&board, seen.view.id), Entry::new(seen).row);
            assert_eq!(shown, fresh, "{name}");
        }
        assert_eq!(Arc::ptr_eq(&before, &line()), name != "max_retries", "{name}");
    }
    let last = Arc::clone(&board.scene().entries.values().next_back().unwrap().row);
    assert_eq!((last.status.as_str(), last.attempts_max), ("recovering", 8));
}

fn line_of(board: &Board, run: resurge::RunId) -> Arc<Row> {
    Arc::clone(&board.scene().entries[&run].row)
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
