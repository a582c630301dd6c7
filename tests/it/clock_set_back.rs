//! The machine's clock is set back.

use std::sync::Arc;
use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{Class, Clock, Engine, Jitter, RetryPolicy, Timestamp};
use support::{Calls, fail_first};

const SECOND: Duration = Duration::from_secs(1);

/// A clock that was set back so far that it does not matter any more in this test.
#[derive(Debug)]
struct Stuck(Timestamp);

impl Clock for Stuck {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn noon() -> Timestamp {
    Timestamp::from_millis(1_763_719_200_000)
}

#[tokio::test(start_paused = true)]
async fn time_goes_on_at_its_pace_however_often_it_is_looked_at() {
    let calls = Calls::default();
    let policy = RetryPolicy::fixed(SECOND * 10).jitter(Jitter::None);
    let flow = fail_first(1, Class::Network, policy, &calls);
    let engine = Engine::in_memory().clock(Arc::new(Stuck(noon())));
    let engine = engine.register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    // A busy engine: somebody asks for something twice in every millisecond, for 20 seconds.
    for _ in 0..40_000 {
        tokio::time::advance(Duration::from_micros(500)).await;
        run.view().await.unwrap();
    }
    assert_eq!(calls.so_far(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_between_two_lives_makes_no_step_wait_longer() {
    let (disk, calls) = (MemoryStore::new(), Calls::default());
    let policy = RetryPolicy::fixed(SECOND * 10).jitter(Jitter::None);
    let flow = fail_first(1, Class::Network, policy, &calls);
    let store = Arc::new(disk.clone());
    let engine = Engine::with_store(store).clock(Arc::new(Stuck(noon())));
    let engine = engine.register(&flow).start().await.unwrap();
    let id = engine.start(&flow, ()).await.unwrap().id();
    tokio::time::sleep(SECOND).await;
    engine.shutdown(Duration::ZERO).await.unwrap();

    let year_before = Timestamp::from_millis(noon().as_millis() - 365 * 86_400_000);
    let engine = Engine::with_store(Arc::new(disk)).clock(Arc::new(Stuck(year_before)));
    let engine = engine.register(&flow).start().await.unwrap();
    let run = engine.run(id);
    let outcome = tokio::time::timeout(SECOND * 3_600, run.outcome()).await;
    assert!(outcome.is_ok(), "the step waits for a year");
}
