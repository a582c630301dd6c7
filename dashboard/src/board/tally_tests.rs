//! What is counted for whoever collects numbers.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use resurge::{
    Class, Control, Engine, Jitter, RetryPolicy, RunId, Step, StepContext, StepError, Workflow,
};
use serde::{Deserialize, Serialize};

use super::{Board, Identity};

const SECOND: Duration = Duration::from_secs(1);

/// Fetches a hundred bytes a second up to a thousand; the line breaks once, in the middle.
#[derive(Debug)]
struct Fetch;

#[derive(Debug, Serialize, Deserialize)]
struct Fetched {
    fetched_bytes: u64,
}

impl Step for Fetch {
    const KIND: &'static str = "download";
    type Input = u32;
    type Output = Fetched;

    async fn run(&self, cx: StepContext, _: u32) -> Result<Fetched, StepError> {
        let is_first = cx.attempt().get() == 1;
        if !is_first {
            cx.resume_from(500, Some(1_000));
        }
        for hundred in if is_first { 1..=5 } else { 6..=10 } {
            tokio::time::sleep(SECOND).await;
            cx.progress(hundred * 100, Some(1_000));
        }
        if is_first {
            return Err(StepError::new(Class::Network, "reset", "the line broke"));
        }
        Ok(Fetched { fetched_bytes: 500 })
    }
}

fn fetching() -> Workflow<u32, Fetched> {
    let mut flow = Workflow::builder::<u32>("fetching");
    let input = flow.input();
    let retry = RetryPolicy::fixed(SECOND * 20).jitter(Jitter::None).max_retries(5);
    let step = flow.step("fetch", Fetch).takes(input).retry(retry).add();
    flow.build(step).unwrap()
}

/// Looks so often; what is counted does not depend on it.
async fn bytes(look_every: Duration) -> u64 {
    let flow = fetching();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = Board::open(engine.clone(), Identity::default(), Arc::default()).await.unwrap();
    let run = engine.start(&flow, 1).await.unwrap();
    let end = tokio::time::Instant::now() + SECOND * 40;
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(look_every).await;
        board.reach(engine.head()).await;
    }
    run.outcome().await.unwrap();
    board.reach(engine.head()).await;
    let scene = board.scene();
    let count =
        |outcome: &str| scene.tally.durations.get(outcome).map(|known| known.sum_ms / 1_000);
    assert_eq!([count("failed"), count("succeeded")], [Some(5), Some(5)]);
    assert_eq!((scene.tally.delays.count(), scene.tally.delays.sum_ms), (1, 20_000));
    scene.tally.bytes
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted_once_however_often_it_is_looked() {
    for look_every in [SECOND / 3, SECOND * 7, SECOND * 60] {
        assert_eq!(bytes(look_every).await, 1_000, "{look_every:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_before_the_first_look_is_counted_from_there() {
    let flow = fetching();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, 1).await.unwrap();
    tokio::time::sleep(SECOND * 2 + SECOND / 2).await;
    let board = Board::open(engine.clone(), Identity::default(), Arc::default()).await.unwrap();
    board.reach(engine.head()).await;
    assert_eq!(board.scene().tally.bytes, 0);
    run.outcome().await.unwrap();
    board.reach(engine.head()).await;
    let scene = board.scene();
    assert_eq!(scene.tally.bytes, 800);
    assert!(!scene.tally.durations.contains_key("failed"), "nobody saw when it began");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_ends_with_its_run_is_counted_and_forgotten() {
    let flow = fetching();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = Board::open(engine.clone(), Identity::default(), Arc::default()).await.unwrap();
    let run: RunId = engine.start(&flow, 1).await.unwrap().id();
    tokio::time::sleep(SECOND * 3).await;
    engine.control(run, Control::Cancel, "ann", "not this one").await.unwrap();
    board.reach(engine.head()).await;
    let scene = board.scene();
    assert_eq!(scene.tally.durations.get("interrupted").unwrap().count(), 1);
    assert!(scene.tally.is_at_rest(), "nothing is kept of runs that have ended");
}
